import { createMiddleware } from 'hono/factory'
import * as z from 'zod/mini'
import type { Env } from '../env.ts'
import { unauthorized } from '../http/problem.ts'
import { consume } from '../http/rate-limit.ts'
import { Claims, keyOf } from './access-token.ts'

/** What the guard adds to the context. A route without it cannot use the user: that is a type error. */
export type UserEnv = Env & { Variables: { claims: Claims } }

const verifySignature = createMiddleware<Env>(async (c, next) => {
  const key = await keyOf(c)
  return key ? key.verify(c, next) : unauthorized(c)
})

/** Also counts the request for its user, now that the user is known. */
const checkClaims = createMiddleware<UserEnv>(async (c, next) => {
  const claims = z.safeParse(Claims, c.get('jwtPayload'))
  if (!claims.success) return unauthorized(c)
  c.set('claims', claims.data)
  await consume(c, 'USER_LIMIT', claims.data.sub)
  await next()
})

/**
 * Guards routes: `.use(...requireUser)`. A request passes with an access token that is good in
 * itself, without a look into the database. Whether its user still exists and its session lives is
 * checked by the statement that does the work: see forUser.
 *
 * Guards are `.use` lines before the routes, so that a stranger gets 401 also where a path or a
 * method does not exist, and never 404 or 405.
 */
export const requireUser = [verifySignature, checkClaims] as const
