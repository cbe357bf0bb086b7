import { type SQL, sql } from 'drizzle-orm'
import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod/mini'
import { accessTokenDays, signAccessToken } from '../access/access-token.ts'
import type { Database } from '../database/neon.ts'
import { refreshTokens } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { problem } from '../http/problem.ts'

/** How long a session lives after its last refresh, in days. */
export const sessionDays = 30

export const AccessToken = z
  .strictObject({
    access_token: z.jwt({ alg: 'HS256' }).check(
      z.maxLength(1024),
      z.meta({
        pattern: '^[\\w-]+\\.[\\w-]+\\.[\\w-]+$',
        description: `Valid for ${accessTokenDays} days. Send it as \`Authorization: Bearer …\`.`,
      })
    ),
    token_type: z.literal('bearer'),
  })
  .check(z.meta({ id: 'AccessToken' }))

/** The reply to a login and to a refresh. */
export const accessTokenReply = async (
  c: Context<Env>,
  user: { id: string; email: string; sid: string }
) =>
  c.json(
    {
      access_token: await signAccessToken(c.var.configuration, user),
      token_type: 'bearer' as const,
    },
    200
  )

export const crossSite = 'A refresh must come from a page of this origin or of one in CORS_ORIGINS.'

/** Stores the refresh token whose hash is the placeholder `new_hash`, for the session that `session` selects, if any. */
export const addRefreshToken = (db: Database, session: SQL) =>
  db
    .insert(refreshTokens)
    .select(
      sql`select ${sql.placeholder('new_hash')}, id, null::timestamptz, null from (${session}) session (id)`
    )
    .returning({ hash: refreshTokens.hash })

const cookie = 'refresh'
// The prefix makes hono add Secure and Path=/.
const attributes = { prefix: 'host', httpOnly: true, sameSite: 'Strict' } as const

export const readRefreshCookie = (c: Context) => getCookie(c, cookie, 'host')

export const setRefreshCookie = (c: Context, refreshToken: string) =>
  setCookie(c, cookie, refreshToken, { ...attributes, maxAge: sessionDays * 24 * 60 * 60 })

export const clearRefreshCookie = (c: Context) => deleteCookie(c, cookie, attributes)

/**
 * Refuses requests of other sites. A browser sends the cookie by itself, so only a page of this
 * origin, or of one in CORS_ORIGINS, may spend it.
 */
export const requireSameSite = createMiddleware<Env>(async (c, next) => {
  const origin = c.req.header('Origin') ?? ''
  const isOurs =
    /^(same-origin|none)$/.test(c.req.header('Sec-Fetch-Site') ?? '') ||
    [new URL(c.req.url).origin, ...c.var.configuration.corsOrigins].includes(origin)
  if (!isOurs) return problem(c, 403, crossSite)
  await next()
})
