import { and, eq, gt, isNull, type SQL, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { createMiddleware } from 'hono/factory'
import { encodeBase64Url } from 'hono/utils/encode'
import * as z from 'zod/mini'
import { type Database, type Env, prepared } from './env.ts'
import { problem } from './problem.ts'
import { refreshTokens, rfc3339, sessions, users } from './schema.ts'
import { newToken } from './token.ts'
import { challenge, forUser, isLive, pathId, requireUser } from './user.ts'

export const Session = z
  .strictObject({
    id: z.uuid(),
    created_at: z.iso.datetime({ precision: 3 }),
    last_used_at: z.iso.datetime({ precision: 3 }),
    expires_at: z.iso.datetime({ precision: 3 }),
    user_agent: z.nullable(z.string().check(z.maxLength(200))),
    current: z.boolean(),
  })
  .check(z.meta({ id: 'Session' }))
export type Session = z.infer<typeof Session>

const { placeholder } = sql

/** A session lives so long from its last refresh, and so long from its start. */
const days = 30
export const expiry = sql.raw(`now() + interval '${days} days'`)
const limit = sql`interval '180 days'`

/** How long a spent refresh token is taken for a second tab or a lost reply, and not for theft. */
const grace = sql`interval '10 seconds'`

const sha256 = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A new refresh token: 256 random bits, of which the database is given the hash alone. */
export const newRefreshToken = async () => {
  const token = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)).buffer).replace(/=/g, '')
  return { token, hash: await sha256(token) }
}

/** Gives the session that `session` selects, if any, the token of the placeholder `refresh_hash`. */
export const addRefreshToken = (db: Database, session: SQL) =>
  db
    .insert(refreshTokens)
    .select(
      sql`select ${placeholder('refresh_hash')}, id, null::timestamptz from (${session}) session (id)`
    )
    .returning({ hash: refreshTokens.hash })

const cookie = 'refresh'

// `__Host-` brings Secure and Path=/ with it.
const attributes = { prefix: 'host', httpOnly: true, sameSite: 'Strict' } as const

export const clearRefreshCookie = (c: Context) => deleteCookie(c, cookie, attributes)

/** The reply to a login and a refresh, with a new refresh token where there is one. */
export const tokenReply = async (
  c: Context<Env>,
  session: { id: string; email: string; sid: string },
  refreshToken?: string
) => {
  const access_token = await newToken(c.var.configuration, session)
  if (refreshToken)
    setCookie(c, cookie, refreshToken, { ...attributes, maxAge: days * 24 * 60 * 60 })
  return c.json({ access_token, token_type: 'bearer' as const }, 200)
}

/**
 * A cookie comes along with whatever a browser sends here: only a page of ours, or of an origin
 * that is let in, may spend it.
 */
const sameSite = createMiddleware<Env>(async (c, next) => {
  const origin = c.req.header('Origin') ?? ''
  const isOurs =
    /^(same-origin|none)$/.test(c.req.header('Sec-Fetch-Site') ?? '') ||
    [new URL(c.req.url).origin, ...c.var.configuration.corsOrigins].includes(origin)
  if (!isOurs)
    return problem(c, 403, 'A refresh must come from a page of this origin or one in CORS_ORIGINS.')
  await next()
})

/**
 * Claims a refresh token for the one request that comes first, puts another in its place, and ends
 * the session when the token was spent long enough ago.
 */
const refresh = prepared((db) => {
  const token = db.$with('token').as(
    db
      .select({
        id: users.id,
        email: users.email,
        session_id: refreshTokens.session_id,
        is_stolen: sql<boolean>`coalesce(${refreshTokens.spent_at} < now() - ${grace}, false)`.as(
          'is_stolen'
        ),
      })
      .from(refreshTokens)
      .innerJoin(sessions, eq(sessions.id, refreshTokens.session_id))
      .innerJoin(users, isLive)
      .where(eq(refreshTokens.hash, placeholder('hash')))
      // In the order that all who end sessions lock them: the two never deadlock. And both rows are
      // then read as they are, should the password be changed at this moment.
      .for('no key update', { of: [users, sessions] })
  )
  const session = sql`(select session_id from ${token})`
  const claimed = db.$with('claimed').as(
    db
      .update(refreshTokens)
      .set({ spent_at: sql`now()` })
      .where(
        and(
          eq(refreshTokens.hash, placeholder('hash')),
          eq(refreshTokens.session_id, session),
          isNull(refreshTokens.spent_at)
        )
      )
      .returning({ session_id: refreshTokens.session_id })
  )
  const renewed = db
    .$with('renewed')
    .as(addRefreshToken(db, sql`select session_id from ${claimed}`))
  const used = db.$with('used').as(
    db
      .update(sessions)
      .set({
        last_used_at: sql`now()`,
        expires_at: sql`least(${expiry}, ${sessions.created_at} + ${limit})`,
      })
      .where(eq(sessions.id, sql`(select session_id from ${claimed})`))
      .returning({ id: sessions.id })
  )
  const ended = db.$with('ended').as(
    db
      .delete(sessions)
      .where(eq(sessions.id, sql`(select session_id from ${token} where is_stolen)`))
      .returning({ id: sessions.id })
  )
  return db
    .with(token, claimed, renewed, used, ended)
    .select({
      id: token.id,
      email: token.email,
      sid: token.session_id,
      is_stolen: token.is_stolen,
      is_claimed: sql<boolean>`exists (select 1 from ${claimed})`,
    })
    .from(token)
    .prepare('refresh')
})

const columns = {
  id: sessions.id,
  created_at: rfc3339(sessions.created_at).as('created_at'),
  last_used_at: rfc3339(sessions.last_used_at).as('last_used_at'),
  expires_at: rfc3339(sessions.expires_at).as('expires_at'),
  user_agent: sessions.user_agent,
}

export const listSessions = forUser(({ db, me, session }) =>
  db
    .select({
      ...columns,
      current: sql<boolean>`coalesce(${sessions.id} = ${session}, false)`.as('current'),
    })
    .from(sessions)
    .innerJoin(users, isLive)
    .where(eq(users.id, me))
    .orderBy(sessions.created_at, sessions.id)
)

const endSessions = forUser(({ db, me }) => {
  // The user first, as a change of the password does: the two never deadlock.
  const locked = db.select({ id: users.id }).from(users).where(eq(users.id, me))
  return db
    .delete(sessions)
    .where(eq(sessions.user_id, sql`(${locked.for('no key update')})`))
    .returning({ id: sessions.id })
})

const endSession = forUser(({ db, me }) =>
  db
    .delete(sessions)
    .where(
      and(
        eq(sessions.id, placeholder('id')),
        eq(sessions.user_id, me),
        gt(sessions.expires_at, sql`now()`)
      )
    )
    .returning({ id: sessions.id })
)

export default new Hono<Env>()
  .post('/refresh', sameSite, async (c) => {
    const token = getCookie(c, cookie, 'host')
    const { token: newOne, hash: refresh_hash } = await newRefreshToken()
    const [session] = token
      ? await refresh(c.var.configuration.db).execute({ hash: await sha256(token), refresh_hash })
      : []
    if (!session || session.is_stolen) {
      clearRefreshCookie(c)
      const detail = token
        ? 'The session is over. POST /auth/login begins another.'
        : 'There is no refresh cookie. POST /auth/login sets one.'
      return problem(c, 401, detail, { headers: challenge(c) })
    }
    return tokenReply(c, session, session.is_claimed ? newOne : undefined)
  })
  .use('/logout', requireUser)
  .post('/logout', async (c) => {
    await endSession(c, { id: c.var.claims.sid ?? null })
    clearRefreshCookie(c)
    return c.body(null, 204)
  })
  .use('/sessions/*', requireUser)
  .get('/sessions', async (c) => c.json(await listSessions(c), 200))
  .delete('/sessions', async (c) => {
    await endSessions(c)
    clearRefreshCookie(c)
    return c.body(null, 204)
  })
  .delete('/sessions/:id', async (c) => {
    const [ended] = await endSession(c, { id: pathId(c) })
    return ended ? c.body(null, 204) : problem(c, 404, 'There is no such session.')
  })
