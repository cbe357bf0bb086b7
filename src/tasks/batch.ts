import { sql } from 'drizzle-orm'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod/mini'
import type { UserEnv } from '../access/guard.ts'
import { rfc3339, tasks } from '../database/schema.ts'
import { instant, uuid } from '../http/format.ts'
import type { PreconditionsEnv } from '../http/preconditions.ts'
import { consume } from '../http/rate-limit.ts'
import { withUrl } from './reply.ts'
import { isRestorable, newTasks, taskColumns, written } from './row.ts'
import { NewTask, type StoredTask, Task, TaskPatch } from './task.ts'
import { forWriter, type TasksEnv } from './write.ts'

/** The largest body of a batch, in KiB. */
export const batchKiB = 1024

const mostOperations = 100

const id = uuid.check(z.meta({ description: 'The id of the task. Each id may come once.' }))
const if_match = z.optional(
  instant.check(
    z.meta({ description: "The task's `updated_at`, if it must not have changed since." })
  )
)

export const Operation = z
  .discriminatedUnion(
    'op',
    [
      z.strictObject({ op: z.literal('create'), id, task: NewTask }),
      z.strictObject({ op: z.literal('update'), id, task: TaskPatch, if_match }),
      z.strictObject({ op: z.literal('delete'), id, if_match }),
      z.strictObject({ op: z.literal('restore'), id }),
    ],
    'must be an operation with an op: create, update, delete or restore'
  )
  .check(z.meta({ id: 'Operation' }))

export const Batch = z.array(Operation, 'must be an array of operations').check(
  z.minLength(1, 'must have an operation'),
  z.maxLength(mostOperations, `must have at most ${mostOperations} operations`),
  z.check(({ value, issues }) => {
    const seen = new Set<string>()
    for (const [index, { id }] of value.entries())
      if (seen.size === seen.add(id.toLowerCase()).size)
        issues.push({
          code: 'custom',
          path: [index, 'id'],
          message: 'must not be in another operation too',
          input: id,
        })
  }),
  z.meta({ id: 'Batch' })
)

export const Outcome = z
  .strictObject({
    id: uuid,
    status: z.int().check(z.minimum(200), z.maximum(422), z.meta({ format: 'int32' })),
    updated_at: z.nullable(
      instant.check(z.meta({ description: 'That of the task as it is now. Null without one.' }))
    ),
    task: z.nullable(Task),
  })
  .check(z.meta({ id: 'Outcome' }))
export type Outcome = z.infer<typeof Outcome>

/** For the rate limit a batch counts as one request for every ten operations. The guard has counted one. */
export const countOperations = createMiddleware<UserEnv>(async (c, next) => {
  const operations = (await c.req.json<unknown[]>()).length
  for (let counted = 10; counted < operations; counted += 10)
    await consume(c, 'USER_LIMIT', c.var.claims.sub)
  await next()
})

/**
 * Decides each operation on its own and writes all accepted ones together.
 *
 *     ops      the operations, in order
 *     target   their tasks, locked, as the last statement has left them
 *     decided  the status of each operation
 *     created, changed   the writes
 *
 * The CHECK that a due_time needs a due_date would undo the whole batch, so it is decided here. A
 * task that another statement creates meanwhile is not in `target`: the insert fails on its id, and
 * the statement runs again.
 */
const writeBatch = forWriter((writer) => {
  const { db, me, now } = writer
  const ops = db.$with('ops', {}).as(sql`
    select n, op ->> 'op' as op, (op ->> 'id')::uuid as id, op -> 'task' as patch,
      (op ->> 'if_match')::timestamptz as if_match
    from jsonb_array_elements(${sql.placeholder('operations')}::jsonb) with ordinality list (op, n)`)
  const target = db.$with('target').as(
    db
      .select({
        ...taskColumns,
        row: sql`${tasks}`.as('row'),
        stamp: sql<string>`${tasks.updated_at}`.as('stamp'),
        is_deleted: sql<boolean>`${tasks.deleted_at} is not null`.as('is_deleted'),
        is_restorable: sql<boolean>`coalesce(${isRestorable}, false)`.as('is_restorable'),
      })
      .from(tasks)
      .where(sql`${tasks.user_id} = ${me} and ${tasks.id} in (select id from ${ops})`)
      .for('no key update')
  )
  const {
    row: _,
    stamp: __,
    is_deleted: ___,
    is_restorable: ____,
    ...shown
  } = target._.selectedFields
  const patched = (field: string) =>
    sql.raw(`(jsonb_populate_record(target.row, ops.patch)).${field}`)
  const decided = db.$with('decided', {}).as(sql`
    select ops.n, ops.op, ops.id, ops.patch, target.stamp, target.is_deleted,
      case
        when ops.op = 'create' then
          case when target.id is null then 201 when target.is_deleted then 409 else 200 end
        when target.id is null then 404
        when ops.op = 'restore' then
          case when target.is_deleted and not target.is_restorable then 404 else 200 end
        when target.is_deleted then 404
        when ops.if_match <> target.stamp then 412
        when ops.op = 'delete' then 204
        when ${patched('due_time')} is not null and ${patched('due_date')} is null then 422
        else 200
      end as status
    from ${ops} left join ${target} on target.id = ops.id`)
  const created = db.$with('created').as(
    db
      .insert(tasks)
      .select(
        newTasks(
          writer,
          sql`decided.id`,
          sql`decided.patch`,
          sql`${decided} join ${writer.writer} on decided.status = 201`
        )
      )
      .returning({ id: tasks.id })
  )
  const changed = db.$with('changed').as(
    db
      .update(tasks)
      .set({
        ...written(sql`${tasks}`, sql`coalesce(decided.patch, '{}')`, now),
        updated_at: now,
        deleted_at: sql`case when decided.op = 'delete' then ${now} end`,
      })
      .from(sql`${decided}`)
      .where(sql`${tasks.user_id} = ${me} and ${tasks.id} = decided.id and (
        (decided.op = 'update' and decided.status = 200 and decided.patch <> '{}') or
        (decided.op = 'delete' and decided.status = 204) or
        (decided.op = 'restore' and decided.status = 200 and decided.is_deleted))`)
      .returning({ id: tasks.id })
  )
  const isWritten = sql`decided.id in (select id from ${created} union all select id from ${changed})`
  return {
    first: [ops, target, decided, created, changed],
    rows: db
      .select({
        id: sql<string>`decided.id`.as('id'),
        status: sql<number>`decided.status`.as('status'),
        updated_at: sql<string | null>`case
          when decided.status in (204, 404, 409) then null
          when ${isWritten} then ${rfc3339(now)}
          else ${rfc3339(sql`decided.stamp`)} end`.as('updated_at'),
        task: sql<StoredTask | null>`case
          when decided.status in (412, 422) or (decided.op = 'create' and decided.status = 200)
          then (select row_to_json(current) from (${db.select(shown).from(target).where(sql`target.id = decided.id`)}) current)
        end`.as('task'),
      })
      .from(sql`${decided}`)
      .orderBy(sql`decided.n`),
    isStored: sql`true`,
  }
})

/** Runs the operations, and gives their outcomes in the same order. */
export const runBatch = async (
  c: Context<TasksEnv & PreconditionsEnv>,
  operations: z.output<typeof Batch>
): Promise<Outcome[]> => {
  const outcomes = await writeBatch(c, { operations: JSON.stringify(operations) })
  const toTask = withUrl(c)
  return outcomes.map(({ task, ...outcome }) => ({ ...outcome, task: task && toTask(task) }))
}
