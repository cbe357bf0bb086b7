import { and, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { postgresError } from '../database/neon.ts'
import { tasks } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { deadline } from '../http/deadline.ts'
import { idempotency } from '../http/idempotency.ts'
import { type PreconditionsEnv, preconditions } from '../http/preconditions.ts'
import { databaseTrouble, invalid, methodNotAllowed, problem } from '../http/problem.ts'
import { pathId, validate } from '../http/validation.ts'
import { Batch, batchKiB, countOperations, runBatch } from './batch.ts'
import { ChangesQuery, readChanges, staleToken } from './changes.ts'
import {
  deleteTasks,
  knownClocks,
  listPreconditions,
  lists,
  listTag,
  trashLists,
  unfiltered,
} from './list.ts'
import { encodeCursor, TaskFilters, TaskQuery } from './query.ts'
import {
  collectionPreconditions,
  createdReply,
  holdsFor,
  isUnchanged,
  missing,
  notModified,
  preconditionProblem,
  preconditionValues,
  taskReply,
  withUrl,
} from './reply.ts'
import {
  bodyOf,
  isAlive,
  newTasks,
  ownTask,
  preconditionsHold,
  taskColumns,
  written,
} from './row.ts'
import { Completion, dueTimeNeedsDueDate, NewTask, type StoredTask, TaskPatch } from './task.ts'
import { readState, restoreTask } from './trash.ts'
import { forWriter, keep, type TasksEnv, tries, type Writer } from './write.ts'

export const inTrash = 'This id is in the trash. POST /tasks/{id}/restore brings the task back.'

const isWritable = (me: Writer['me']) =>
  and(ownTask(me), isAlive, preconditionsHold(sql`${tasks.updated_at}`))

const readTask = forUser(({ db, me }) =>
  db
    .select(taskColumns)
    .from(tasks)
    .where(and(ownTask(me), isAlive))
)

const createTask = forWriter((writer) => {
  const { db } = writer
  const body = bodyOf(db)
  const task = newTasks(
    writer,
    sql`coalesce(${sql.placeholder('id')}::uuid, gen_random_uuid())`,
    sql`(select json from ${body})`
  )
  return {
    first: [body],
    rows: db.insert(tasks).select(task).onConflictDoNothing().returning(taskColumns),
  }
})

const writeTask = forWriter(({ db, me, now }) => {
  const body = bodyOf(db)
  return {
    first: [body],
    rows: db
      .update(tasks)
      .set({
        ...written(sql`${tasks}`, sql`(select json from ${body})`, now),
        updated_at: now,
      })
      .where(isWritable(me))
      .returning(taskColumns),
  }
})

/** An empty patch: it has preconditions and may have a key, but writes nothing and moves no clock. */
const leaveTask = forWriter(
  ({ db, me }) => ({
    rows: db.select(taskColumns).from(tasks).where(isWritable(me)),
    isStored: sql`false`,
  }),
  keep
)

const toggleTask = forWriter(({ db, me, now }) => ({
  rows: db
    .update(tasks)
    .set({
      completed: sql`not ${tasks.completed}`,
      completed_at: sql`case when not ${tasks.completed} then ${now} end`,
      updated_at: now,
    })
    .where(isWritable(me))
    .returning(taskColumns),
}))

const deleteTask = forWriter(({ db, me, now }) => ({
  rows: db
    .update(tasks)
    .set({ deleted_at: now, updated_at: now })
    .where(isWritable(me))
    .returning({ id: tasks.id }),
}))

type TaskContext = Context<TasksEnv & PreconditionsEnv>

/**
 * Runs a statement that writes one task, and replies. When it wrote nothing and the request has
 * preconditions, a second statement tells why: there is no such task, or a precondition failed. It
 * may also find that the request would pass now, because another one has written in between; then
 * the first statement runs again.
 */
const write = async <R, Reply, Refusal>(
  c: TaskContext,
  statement: (c: TaskContext, values: Record<string, unknown>) => Promise<R[]>,
  values: Record<string, unknown>,
  reply: (c: TaskContext, row: R) => Reply,
  refuse: (c: TaskContext) => Promise<Refusal | undefined>
) => {
  for (let left = tries; left > 0; left--) {
    const [row] = await statement(c, { id: pathId(c), ...preconditionValues(c), ...values })
    if (row) return reply(c, row)
    const refusal = await refuse(c)
    if (refusal) return refusal
  }
  throw databaseTrouble()
}

const stateOf = async (c: TaskContext) => {
  const [state] = await readState(c, { id: pathId(c) })
  if (!state) return undefined
  const { is_deleted, is_restorable, ...task } = state
  return { task, is_deleted, is_restorable }
}

const hasPreconditions = (c: TaskContext) => {
  const { match, none } = preconditionValues(c)
  return match !== null || none !== null
}

const refuseByTask = (c: TaskContext, task: StoredTask) =>
  holdsFor(c, task) ? undefined : preconditionProblem(c, task)

const refuseWrite = async (c: TaskContext) => {
  const state = hasPreconditions(c) && (await stateOf(c))
  return state && !state.is_deleted ? refuseByTask(c, state.task) : missing(c)
}

/** Refuses a restore. A task that has left the trash meanwhile is not refused. */
const refuseRestore = async (c: TaskContext) => {
  const state = hasPreconditions(c) && (await stateOf(c))
  if (!state) return missing(c)
  if (!state.is_deleted) return undefined
  return state.is_restorable ? refuseByTask(c, state.task) : missing(c)
}

/** Refuses to create a task under an id that is in use. */
const refuseCreate = async (c: TaskContext) => {
  const state = await stateOf(c)
  return state && (state.is_deleted ? problem(c, 409, inTrash) : preconditionProblem(c, state.task))
}

/** The empty reply to a deletion. */
const deletedReply = (c: TaskContext) => c.body(null, 204)

/**
 * PUT creates a task when it must not exist yet. With If-Match it must exist, so that both together
 * never create one. An id that is no UUID cannot be chosen: it is unknown, as on every other route.
 */
const isCreation = (c: TaskContext) => {
  const { ifMatch, ifNoneMatch } = c.var.preconditions
  return ifNoneMatch === '*' && ifMatch === undefined && pathId(c) !== null
}

export default new Hono<Env>()
  // A refused token asks no database, so it is spared the timer.
  .use(...requireUser, deadline, idempotency)
  .get('/', validate('query', TaskQuery), listPreconditions, async (c) => {
    const { limit, deleted, ...query } = c.req.valid('query')
    const list = (deleted ? trashLists : lists)[query.sort]
    const values = { ...unfiltered, ...query, ...knownClocks(c), limit: limit + 1 }
    const [state] = await list(c, values)
    if (!state) throw databaseTrouble()
    if (!deleted) c.header('ETag', listTag(c, state.changed_at))
    if (!state.tasks) return c.body(null, 304)
    const page = state.tasks.slice(0, limit)
    const last = state.tasks.length > limit && page.at(-1)
    if (last) {
      const next = new URL(c.req.url)
      next.searchParams.set('cursor', encodeCursor(query.sort, last))
      c.header('Link', `<${next}>; rel="next"`)
    }
    return c.json(page.map(withUrl(c)), 200)
  })
  .post('/', preconditions, validate('json', NewTask), collectionPreconditions, async (c) => {
    const [task] = await createTask(c, { id: null, body: c.req.valid('json') })
    if (!task) throw databaseTrouble()
    return createdReply(c, task)
  })
  .delete(
    '/',
    preconditions,
    validate('query', TaskFilters),
    collectionPreconditions,
    async (c) => {
      await deleteTasks(c, { ...unfiltered, ...c.req.valid('query') })
      return c.body(null, 204)
    }
  )
  .get('/changes', validate('query', ChangesQuery), async (c) => {
    const changes = await readChanges(c, c.req.valid('query'))
    return changes ? c.json(changes, 200) : problem(c, 410, staleToken)
  })
  .use('/changes', async (c) => methodNotAllowed(c, ['GET', 'HEAD']))
  .post(
    '/batch',
    preconditions,
    validate('json', Batch, batchKiB),
    countOperations,
    collectionPreconditions,
    async (c) => c.json(await runBatch(c, c.req.valid('json')), 200)
  )
  .use('/batch', async (c) => methodNotAllowed(c, ['POST']))
  .get('/:id', preconditions, async (c) => {
    const [task] = await readTask(c, { id: pathId(c) })
    if (!task) return missing(c)
    return isUnchanged(c, task) ? notModified(c, task) : taskReply(c, task)
  })
  .put('/:id', preconditions, validate('json', NewTask), async (c) => {
    const values = { body: c.req.valid('json') }
    return isCreation(c)
      ? await write(c, createTask, values, createdReply, refuseCreate)
      : await write(c, writeTask, values, taskReply, refuseWrite)
  })
  .patch('/:id', preconditions, validate('json', TaskPatch), async (c) => {
    const body = c.req.valid('json')
    const isEmpty = Object.values(body).every((value) => value === undefined)
    try {
      return await write(c, isEmpty ? leaveTask : writeTask, { body }, taskReply, refuseWrite)
    } catch (error) {
      // Only the database knows whether the task has a due_date already.
      if (postgresError(error)?.constraint !== 'tasks_due_time_needs_due_date') throw error
      return invalid(c, [{ pointer: '/due_time', detail: dueTimeNeedsDueDate }])
    }
  })
  .patch('/:id/complete', preconditions, validate('json', z.optional(Completion)), (c) => {
    const body = c.req.valid('json')
    return write(c, body ? writeTask : toggleTask, { body }, taskReply, refuseWrite)
  })
  .post('/:id/restore', preconditions, (c) => write(c, restoreTask, {}, taskReply, refuseRestore))
  .delete('/:id', preconditions, (c) => write(c, deleteTask, {}, deletedReply, refuseWrite))
