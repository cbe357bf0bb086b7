import { and, type ColumnsSelection, eq, exists, gt, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { TypedQueryBuilder } from 'drizzle-orm/query-builders/query-builder'
import type { WithSubquery } from 'drizzle-orm/subquery'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod/mini'
import { type Database, type Env, postgresError, prepared } from './env.ts'
import { databaseTrouble, problem, refusal } from './problem.ts'
import { saltOf, sessions, users } from './schema.ts'
import { type Claims, claimsOf } from './token.ts'

/** RFC 6750, section 3: the error is named only to those who sent a token. */
export const challenge = (c: Context) => ({
  'WWW-Authenticate': /^bearer +\S/i.test(c.req.header('Authorization') ?? '')
    ? 'Bearer realm="tasks", error="invalid_token"'
    : 'Bearer realm="tasks"',
})

const needsToken = 'A valid access token is needed. POST /auth/login gives one.'

export type UserEnv = Env & { Variables: { claims: Claims } }

/**
 * Lets a request pass with a token that is good in itself. That its user still exists, and its
 * session lives, is seen in the same statement as the work: see forUser.
 */
export const requireUser = createMiddleware<UserEnv>(async (c, next) => {
  const claims = await claimsOf(c)
  if (!claims) return problem(c, 401, needsToken, { headers: challenge(c) })
  c.set('claims', claims)
  await next()
})

const uuid = z.uuid()

/** The id in the path. Null where that is no UUID, so that nothing is found, as by an unknown one. */
export const pathId = (c: Context): string | null =>
  z.safeParse(uuid, c.req.param('id')).data ?? null

/** Of a session and its user: whether it is theirs, has time left, and began with the password of today. */
export const isLive = and(
  eq(sessions.user_id, users.id),
  eq(sessions.salt, saltOf(users.hashed_password)),
  gt(sessions.expires_at, sql`now()`)
)

/** The parts that a query for a user is built from. */
export type Parts = {
  db: Database
  /** The user's id, or null when there is no such user or the session is over. */
  me: SQL<string>
  /** The session's id; null in a token without one. */
  session: SQL<string | null>
  /** What a client sent, as jsonb. */
  input: SQL
}
type Work<Row> = TypedQueryBuilder<ColumnsSelection, Row[]>

const { placeholder } = sql

/**
 * A query for the user of the token, in one statement with the check that this user exists and the
 * session lives: where not, `me` is null, and nothing is found or written. What is to be written
 * besides comes `after` it, and may select from `work`.
 *
 * Running it takes the values of the query's placeholders, gives the rows, and throws the 401.
 */
export const forUser = <Row>(
  build: (parts: Parts) => Work<Row>,
  {
    rows = sql`(select coalesce(json_agg(work), '[]') from work)`,
    after = () => [],
  }: { rows?: SQL; after?: (parts: Parts) => WithSubquery[] } = {}
) => {
  const statement = prepared((db) => {
    const sid = sql`${placeholder('sid')}::uuid`
    const session = db
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.id, sid), isLive))
    const me = db.$with('me').as(
      db
        .select({
          id: users.id,
          session: sid.as('session'),
          input: sql`${placeholder('input')}::jsonb`.as('input'),
        })
        .from(users)
        .where(and(eq(users.id, placeholder('sub')), or(isNull(sid), exists(session))))
    )
    const parts: Parts = {
      db,
      me: sql`(select id from ${me})`,
      session: sql`(select session from ${me})`,
      input: sql`(select input from ${me})`,
    }
    const work = db.$with('work').as(build(parts))
    return db
      .with(me, work, ...after(parts))
      .select({ id: me.id, rows: rows as SQL<Row[]> })
      .from(me)
      .prepare('for_user')
  })
  return async (c: Context<UserEnv>, values: Record<string, unknown> = {}): Promise<Row[]> => {
    const { sub, sid = null } = c.var.claims
    const gone = () => refusal(401, needsToken, challenge(c))
    const [user] = await statement(c.var.configuration.db)
      .execute({ input: null, ...values, sub, sid })
      .catch((error) => {
        // A row without its user: there is none, or the user went while the request was under way.
        const { column = '', constraint = '' } = postgresError(error) ?? {}
        const isGone = /^(user_id|email_hash)$/.test(column) || /_user_id_.*_fk$/.test(constraint)
        throw isGone ? gone() : error
      })
    if (!user) throw gone()
    if (user.id !== sub || !Array.isArray(user.rows)) throw databaseTrouble()
    return user.rows
  }
}
