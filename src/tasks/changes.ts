import { and, asc, gt, or, sql } from 'drizzle-orm'
import type { Context } from 'hono'
import { decodeBase64Url } from 'hono/utils/encode'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import { rfc3339, tasks } from '../database/schema.ts'
import { base64Url } from '../http/encoding.ts'
import { instant, uuid, wholeNumber } from '../http/format.ts'
import { withUrl } from './reply.ts'
import { isAlive, taskColumns } from './row.ts'
import { type StoredTask, Task } from './task.ts'
import type { TasksEnv } from './write.ts'

const { placeholder } = sql

/** How long a token is good for after the reply that began its pull, in days. The trash outlives it. */
export const tokenDays = 30
export const staleToken =
  'This `since` is no longer valid. Start again without it, and drop the tasks that do not come.'

/** The most bytes of stored tasks on a page. */
const pageBytes = 1024 * 1024

/**
 * Where a client stands. `epoch` and `user` must be those of the request. The pull has sent all
 * changes up to `time`, and of those at `time` the ones up to `id`. It leaves out the deletions up to
 * `ignored`, which happened before the client had any task.
 */
const Position = z.strictObject({
  epoch: z.string().check(z.maxLength(32)),
  user: uuid,
  began: instant,
  time: instant,
  id: uuid,
  ignored: instant,
})
type Position = z.infer<typeof Position>

const encode = (position: Position) =>
  base64Url(new TextEncoder().encode(JSON.stringify(Object.values(position))).buffer)

const decode = (token: string): Position | undefined => {
  try {
    const [epoch, user, began, time, id, ignored, ...rest] = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decodeBase64Url(token))
    )
    return rest.length ? undefined : z.parse(Position, { epoch, user, began, time, id, ignored })
  } catch {
    return undefined
  }
}

const token = z.string('must be given once').check(
  z.maxLength(512, 'must be at most 512 characters long'),
  z.meta({
    description: 'The `next` of the page before. Without it, all existing tasks come.',
    pattern: '^[\\w-]+$',
  })
)

export const ChangesQuery = z.strictObject({
  since: z.optional(
    z.pipe(
      token,
      z.transform((text, context) => {
        const position = decode(text)
        if (position) return position
        context.issues.push({
          code: 'custom',
          message: 'must be the `next` of a reply',
          input: text,
        })
        return z.NEVER
      })
    )
  ),
  limit: wholeNumber(500, 100, 'The most tasks and deleted ids on a page.'),
})

export const Changes = z
  .strictObject({
    tasks: z
      .array(Task)
      .check(z.maxLength(500), z.meta({ description: 'The changed tasks, as they are now.' })),
    deleted: z
      .array(uuid)
      .check(z.maxLength(500), z.meta({ description: 'The ids of the deleted tasks.' })),
    next: token.check(z.meta({ description: 'The `since` of the next request.' })),
    more: z.boolean().check(z.meta({ description: 'Whether to ask for the next page at once.' })),
  })
  .check(z.meta({ id: 'Changes' }))
export type Changes = z.infer<typeof Changes>

const listChanges = forUser(({ db, me, clock }) => {
  const place = sql`${tasks.updated_at}, ${tasks.id}`
  const after = sql`(${placeholder('time')}::timestamptz, ${placeholder('id')}::uuid)`
  const page = db.$with('page').as(
    db
      .select({
        ...taskColumns,
        is_deleted: sql<boolean>`${tasks.deleted_at} is not null`.as('is_deleted'),
        bytes: sql<number>`sum(octet_length(${tasks}::text)) over (order by ${place})`.as('bytes'),
      })
      .from(tasks)
      .where(
        and(
          sql`${tasks.user_id} = ${me}`,
          sql`(${place}) > ${after}`,
          or(isAlive, gt(tasks.updated_at, sql`coalesce(${placeholder('ignored')}, ${clock})`))
        )
      )
      .orderBy(asc(tasks.updated_at), asc(tasks.id))
      .limit(placeholder('limit'))
  )
  const { bytes, ...row } = page._.selectedFields
  const sent = db.$with('sent').as(db.select(row).from(page).where(sql`${bytes} <= ${pageBytes}`))
  return {
    first: [page, sent],
    rows: db
      .select({
        now: rfc3339(sql`now()`).as('now'),
        changed_at: rfc3339(clock).as('changed_at'),
        found: sql<number>`(select count(*)::int from ${page})`.as('found'),
        rows: sql<(StoredTask & { is_deleted: boolean })[]>`(
          select coalesce(json_agg(${sent}), '[]') from ${sent})`.as('rows'),
      })
      .from(sql`(values (1)) one`),
  }
})

const firstTime = '0001-01-01T00:00:00.000Z'
const firstId = '00000000-0000-0000-0000-000000000000'
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/**
 * A page of what changed since the position, or null when the position is no longer valid.
 *
 * It is exact because of the user's clock. Writes of one user commit in the order of their times, so
 * a snapshot with a change of some time has all changes of earlier times.
 */
export const readChanges = async (
  c: Context<TasksEnv>,
  { since, limit }: z.infer<typeof ChangesQuery>
): Promise<Changes | null> => {
  const user = c.var.claims.sub
  const epoch = c.var.configuration.syncEpoch
  const { time = firstTime, id = firstId, ignored = null } = since ?? {}
  const [state] = await listChanges(c, { time, id, ignored, limit: limit + 1 })
  if (!state) return null
  const { now, changed_at, found } = state
  const oldest = new Date(Date.parse(now) - tokenDays * 24 * 60 * 60 * 1000).toISOString()
  const isStale =
    since &&
    (since.user !== user ||
      since.epoch !== epoch ||
      // Times in one format and time zone sort as text.
      since.began > now ||
      since.began < oldest)
  if (isStale) return null

  const rows = state.rows.slice(0, limit)
  const last = rows.at(-1)
  const more = found > rows.length
  const reached = more && last ? last : { updated_at: maximum(changed_at, time), id: lastId }
  const toTask = withUrl(c)
  return {
    tasks: rows.flatMap(({ is_deleted, ...task }) => (is_deleted ? [] : toTask(task))),
    deleted: rows.flatMap(({ is_deleted, id }) => (is_deleted ? id : [])),
    next: encode({
      epoch,
      user,
      began: more && since ? since.began : now,
      time: reached.updated_at,
      id: reached.id,
      ignored: ignored ?? changed_at,
    }),
    more,
  }
}

const maximum = (a: string, b: string) => (a > b ? a : b)
