import { and, type ColumnsSelection, eq, exists, gt, isNull, or, type SQL, sql } from 'drizzle-orm'
import type { TypedQueryBuilder } from 'drizzle-orm/query-builders/query-builder'
import type { WithSubquery } from 'drizzle-orm/subquery'
import { HTTPException } from 'hono/http-exception'
import { type Database, prepared } from '../database/neon.ts'
import { saltOf, sessions, users } from '../database/schema.ts'
import type { With } from '../env.ts'
import { databaseTrouble } from '../http/problem.ts'
import type { UserEnv } from './guard.ts'

const { placeholder } = sql

/** Whether a session belongs to the user beside it, has time left, and began with today's password. */
export const isLive = and(
  eq(sessions.user_id, users.id),
  eq(sessions.salt, saltOf(users.hashed_password)),
  gt(sessions.expires_at, sql`now()`)
)

/** What a query for the request's user is built from. */
export type Owner = {
  db: Database
  /** The user's id. Null when there is no such user or the session is over. */
  me: SQL<string>
  /** The user's clock: the time of the last write to any of their tasks. */
  clock: SQL<string>
  /** The id of the session that the access token names. Null in a token without one. */
  session: SQL<string | null>
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
/** A row as it comes out of json_agg. A Date cannot, so a column that claims to be one is a type error. */
export type Row = { [name: string]: Json }
type Query<R> = TypedQueryBuilder<ColumnsSelection, R[]>

/** The CTEs that come first, and the query that may use them and gives the rows. */
export type Work<R> = {
  first?: WithSubquery[]
  rows: Query<R>
  /** A CTE that holds the user's id in place of `me`: one that locks the user, who may be gone by then. */
  user?: SQL
}

/**
 * Builds a query for the request's user. One statement finds the user, checks the session and does
 * the work:
 *
 *     with me   as (select id from users where id = $sub and <session $sid is live>),
 *          work as (<the query>)
 *     select id, (select json_agg(work) from work) as rows from me
 *
 * Without a row the user or the session is gone, which is a 401. `me` is then null for the query,
 * so it finds and writes nothing.
 *
 * The function that comes back takes the values of the query's placeholders, gives its rows, and
 * throws the 401.
 */
export const forUser = <R extends Row>(build: (owner: Owner) => Query<R> | Work<R>) => {
  const statement = prepared((db) => {
    const sid = sql<string | null>`${placeholder('sid')}::uuid`
    const session = db
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.id, sid), isLive))
    const me = db.$with('me').as(
      db
        .select({ id: users.id, changed_at: users.changed_at })
        .from(users)
        .where(and(eq(users.id, placeholder('sub')), or(isNull(sid), exists(session))))
    )
    const built = build({
      db,
      me: sql`(select id from ${me})`,
      clock: sql`(select changed_at from ${me})`,
      session: sid,
    })
    const { first = [], rows, user = sql`${me}` } = 'rows' in built ? built : { rows: built }
    const work = db.$with('work').as(rows)
    return db
      .with(me, ...first, work)
      .select({
        id: sql<string>`id`,
        rows: sql<R[]>`(select coalesce(json_agg(${work}), '[]') from ${work})`,
      })
      .from(user)
      .prepare('for_user')
  })
  return async (c: With<UserEnv>, values: Record<string, unknown> = {}): Promise<R[]> => {
    const { sub, sid = null } = c.var.claims
    const [found] = await statement(c.var.configuration.db).execute({ ...values, sub, sid })
    if (!found) throw new HTTPException(401)
    if (found.id !== sub || !Array.isArray(found.rows)) throw databaseTrouble()
    return found.rows
  }
}
