import { eq, type SQL, sql } from 'drizzle-orm'
import type { Context } from 'hono'
import { forUser, type Owner, type Row, type Work } from '../access/for-user.ts'
import type { UserEnv } from '../access/guard.ts'
import { postgresError } from '../database/neon.ts'
import { replies, users } from '../database/schema.ts'
import type { With } from '../env.ts'
import { fingerprint, type IdempotencyEnv, keyUsed } from '../http/idempotency.ts'
import { databaseTrouble, details, problemException } from '../http/problem.ts'

/** What every request under /tasks has passed: the guard, and the middleware that reads its key. */
export type TasksEnv = UserEnv & IdempotencyEnv
type WriterContext = With<TasksEnv> & Pick<Context, 'req'>

/** What a statement that writes tasks is built from. */
export type Writer = Owner & {
  /** The time of this write: the `updated_at` of all that it writes. */
  now: SQL<string>
  /** The CTE of one row with the user's `id` and `changed_at`, or of none when nothing may be written. */
  writer: SQL
}

const { placeholder } = sql

/** The CTE that moves the user's clock. It locks the user's row until the statement commits. */
const move = ({ db, me }: Owner) =>
  db.$with('clock').as(
    db
      .update(users)
      .set({ changed_at: sql`greatest(now(), ${users.changed_at} + interval '1 millisecond')` })
      .where(eq(users.id, me))
      .returning({ id: users.id, changed_at: users.changed_at })
  )

/** The CTE that only reads the clock, for a statement that writes no task after all. */
export const keep = ({ db, me }: Owner) =>
  db
    .$with('clock')
    .as(
      db.select({ id: users.id, changed_at: users.changed_at }).from(users).where(eq(users.id, me))
    )

const writerOf = (owner: Owner, writer: SQL): Writer => ({
  ...owner,
  me: sql`(select id from ${writer})`,
  now: sql`(select changed_at from ${writer})`,
  writer,
})

/** How often a statement runs at most that others make fail by committing first. */
export const tries = 3

/** Postgres refused a duplicate: another statement has written the same task or the same key meanwhile. */
const isDuplicate = (error: unknown) => postgresError(error)?.code === '23505'

/**
 * Builds a statement that writes tasks for the request's user:
 *
 *     with me    as (…),
 *          clock as (update users set changed_at = greatest(now(), changed_at + 1 ms) where id = me
 *                    returning id, changed_at),
 *          work  as (<the query, in which the user is `(select id from clock)`>)
 *     select id, (select json_agg(work) from work) as rows from clock
 *
 * The update locks the user, so one user's writes happen one after another, and it finds nothing
 * when the account was deleted meanwhile.
 *
 * With an Idempotency-Key another statement runs, which also looks for a stored reply. Where there
 * is one, nothing is written and its rows come back; else the rows of this write are stored, if
 * `isStored` says so.
 *
 * Of equal requests at once, one writes and the others wait for the user's lock. They do not see its
 * reply then, because they began before it was stored: those that write too fail on the key and are
 * undone, and those that the first write made impossible, by their preconditions for instance, store
 * nothing although the clock has moved meanwhile. Both run again, and then find the reply.
 */
export const forWriter = <R extends Row>(
  build: (writer: Writer) => Work<R> & { isStored?: SQL },
  moveOrKeep: (owner: Owner) => ReturnType<typeof move> | ReturnType<typeof keep> = move
) => {
  const plain = forUser<R>((owner) => {
    const clock = moveOrKeep(owner)
    const { first = [], rows } = build(writerOf(owner, sql`${clock}`))
    return { first: [clock, ...first], rows, user: sql`${clock}` }
  })

  const keyed = forUser<{ is_same: boolean; is_settled: boolean; rows: R[] }>((owner) => {
    const { db, me } = owner
    const seen = db.$with('seen').as(
      db
        .select({ fingerprint: replies.fingerprint, rows: replies.rows })
        .from(replies)
        .where(sql`${replies.user_id} = ${me} and ${replies.key} = ${placeholder('key')}`)
    )
    // Shows the clock as the write before has left it. The statement itself may see an earlier one.
    const locked = db
      .$with('locked')
      .as(
        db
          .select({ id: users.id, changed_at: users.changed_at })
          .from(users)
          .where(eq(users.id, me))
          .for('no key update')
      )
    const clock = moveOrKeep({ ...owner, me: sql`(select id from ${locked})` })
    const writer = db
      .$with('writer', {})
      .as(sql`select id, changed_at from ${clock} where not exists (select 1 from ${seen})`)
    const {
      first = [],
      rows,
      isStored = sql`exists (select 1 from done)`,
    } = build(writerOf(owner, sql`${writer}`))
    const done = db.$with('done').as(rows)
    const sent = sql`${placeholder('fingerprint')}::text`
    const written = sql`(select coalesce(json_agg(${done}), '[]') from ${done})`
    const stored = db.$with('stored').as(
      db
        .insert(replies)
        .select(
          sql`select id, ${placeholder('key')}, ${sent}, ${written}, changed_at from ${writer} where ${isStored}`
        )
        .returning({ key: replies.key })
    )
    return {
      first: [seen, locked, clock, writer, ...first, done, stored],
      rows: db
        .select({
          is_same: sql<boolean>`coalesce((select fingerprint = ${sent} from ${seen}), true)`.as(
            'is_same'
          ),
          is_settled:
            sql<boolean>`exists (select 1 from ${seen}) or exists (select 1 from ${stored})
            or ${owner.clock} = (select changed_at from ${locked})`.as('is_settled'),
          rows: sql<R[]>`coalesce((select rows from ${seen}), ${written})`.as('rows'),
        })
        .from(sql`${clock}`),
      user: sql`${clock}`,
    }
  })

  /** The rows of the write. Undefined where an equal request may have stored its reply meanwhile. */
  const runOnce = async (c: WriterContext, values: Record<string, unknown>, isLast: boolean) => {
    const key = c.var.idempotencyKey
    if (key === undefined) return plain(c, values)
    const [reply] = await keyed(c, { ...values, key, fingerprint: await fingerprint(c) })
    if (!reply) throw databaseTrouble()
    if (!reply.is_same)
      throw problemException(
        422,
        details.invalid,
        {},
        { errors: [{ pointer: '', detail: keyUsed }] }
      )
    return reply.is_settled || isLast ? reply.rows : undefined
  }

  return async (c: WriterContext, values: Record<string, unknown> = {}): Promise<R[]> => {
    for (let left = tries; ; left--)
      try {
        const rows = await runOnce(c, values, left === 1)
        if (rows) return rows
      } catch (error) {
        if (!isDuplicate(error)) throw error
        // Others write too fast at the moment. The client may well try again.
        if (left === 1) throw databaseTrouble()
      }
  }
}
