import { and, asc, desc, eq, isNull, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { type Database, postgresError } from '../database/neon.ts'
import { rfc3339, sortKeys, tasks } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { invalid, problem } from '../http/problem.ts'
import { pathId, validate } from '../http/validation.ts'
import { encodeCursor, keyOf, type Sort, sorts, TaskFilters, TaskQuery } from './query.ts'
import {
  Completion,
  dueTimeNeedsDueDate,
  fields,
  NewTask,
  type StoredTask,
  type Task,
  TaskPatch,
} from './task.ts'

export const noSuchTask = 'There is no such task.'

/** The columns that a reply shows, in the formats of the API. */
export const taskColumns = {
  id: tasks.id,
  title: tasks.title,
  description: tasks.description,
  completed: tasks.completed,
  completed_at: rfc3339<string | null>(tasks.completed_at).as('completed_at'),
  priority: tasks.priority,
  tags: tasks.tags,
  due_date: tasks.due_date,
  due_time: sql<string | null>`to_char(${tasks.due_time}, 'HH24:MI')`.as('due_time'),
  order: tasks.order,
  created_at: rfc3339(tasks.created_at).as('created_at'),
  updated_at: rfc3339(tasks.updated_at).as('updated_at'),
}

const { placeholder } = sql

/** Skips the condition when the filter is not given. Postgres then leaves it out of the plan. */
const ifGiven = (name: string, type: string, condition: (value: SQL) => SQL | undefined) => {
  const value = sql`${placeholder(name)}::${sql.raw(type)}`
  return or(isNull(value), condition(value))
}

const contains = (column: SQLWrapper, value: SQL) =>
  sql`strpos(lower(${column}), lower(${value})) > 0`

const lowerCase = (tags: SQL | typeof tasks.tags) =>
  sql`(select array_agg(lower(tag)) from unnest(${tags}) tag)`

const selected = (me: SQL) =>
  and(
    eq(tasks.user_id, me),
    ifGiven('completed', 'boolean', (value) => sql`${tasks.completed} = ${value}`),
    ifGiven('priority', 'priority[]', (values) => sql`${tasks.priority} = any(${values})`),
    ifGiven('tag', 'text[]', (values) => sql`${lowerCase(tasks.tags)} @> ${lowerCase(values)}`),
    ifGiven('due_from', 'date', (value) => sql`${tasks.due_date} >= ${value}`),
    ifGiven('due_to', 'date', (value) => sql`${tasks.due_date} <= ${value}`),
    ifGiven('search', 'text', (value) =>
      or(contains(tasks.title, value), contains(tasks.description, value))
    )
  )

/** Every filter, as not given. */
const unfiltered = Object.fromEntries(Object.keys(TaskFilters.shape).map((name) => [name, null]))

const listTasks = (sort: Sort) =>
  forUser(({ db, me }) => {
    const [direction, isAfter] = sort.startsWith('-') ? [desc, sql`<`] : [asc, sql`>`]
    const column = tasks[keyOf(sort)]
    const key = sortKeys[keyOf(sort)]
    const after = sql`(${key(placeholder('after'))}, ${placeholder('after_id')}::uuid)`
    return db
      .select(taskColumns)
      .from(tasks)
      .where(
        and(
          selected(me),
          or(
            isNull(sql`${placeholder('after_id')}::uuid`),
            sql`(${key(column)}, ${tasks.id}) ${isAfter} ${after}`
          )
        )
      )
      .orderBy(direction(key(column)), direction(tasks.id))
      .limit(placeholder('limit'))
  })

const lists = Object.fromEntries(sorts.map((sort) => [sort, listTasks(sort)])) as Record<
  Sort,
  ReturnType<typeof listTasks>
>

const deleteTasks = forUser(({ db, me }) => {
  const deleted = db
    .$with('deleted')
    .as(db.delete(tasks).where(selected(me)).returning({ id: tasks.id }))
  return {
    first: [deleted],
    rows: db.select({ count: sql<number>`count(*)::int`.as('count') }).from(deleted),
  }
})

/** The CTE that holds the body of the request, so that it is sent and parsed once. */
const bodyOf = (db: Database) =>
  db.$with('body', {}).as(sql`select ${placeholder('body')}::jsonb as json`)

/** Values for the columns that a client may write: from the body where it has them, else from the row `base`. */
const written = (base: SQL, body: ReturnType<typeof bodyOf>) => {
  const column = (name: string) =>
    sql`(jsonb_populate_record(${base}, (select json from ${body}))).${sql.identifier(name)}`
  return {
    ...(Object.fromEntries(Object.keys(fields).map((name) => [name, column(name)])) as Record<
      keyof typeof fields,
      SQL
    >),
    completed_at: sql`case when ${column('completed')} then coalesce(${column('completed_at')}, now()) end`,
  }
}

const createTask = forUser(({ db, me }) => {
  const body = bodyOf(db)
  return {
    first: [body],
    rows: db
      .insert(tasks)
      .values({ user_id: me, ...written(sql`null::${tasks}`, body) })
      .returning(taskColumns),
  }
})

const own = (me: SQL) => and(eq(tasks.user_id, me), eq(tasks.id, placeholder('id')))

/** Moves forward with every write, also when two fall into one millisecond. */
const updated_at = sql`greatest(now(), ${tasks.updated_at} + interval '1 millisecond')`

const readTask = forUser(({ db, me }) => db.select(taskColumns).from(tasks).where(own(me)))

const writeTask = forUser(({ db, me }) => {
  const body = bodyOf(db)
  return {
    first: [body],
    rows: db
      .update(tasks)
      .set({ ...written(sql`${tasks}`, body), updated_at })
      .where(own(me))
      .returning(taskColumns),
  }
})

const toggleTask = forUser(({ db, me }) =>
  db
    .update(tasks)
    .set({
      completed: sql`not ${tasks.completed}`,
      completed_at: sql`case when not ${tasks.completed} then now() end`,
      updated_at,
    })
    .where(own(me))
    .returning(taskColumns)
)

const deleteTask = forUser(({ db, me }) =>
  db.delete(tasks).where(own(me)).returning({ id: tasks.id })
)

/** Adds the URL to a task, on the origin that the request asked. */
export const withUrl = (c: Context) => {
  const { origin } = new URL(c.req.url)
  return (task: StoredTask): Task => ({ ...task, url: `${origin}/tasks/${task.id}` })
}

const found = (c: Context, task: StoredTask | undefined) =>
  task ? c.json(withUrl(c)(task), 200) : missing(c)

const missing = (c: Context) => problem(c, 404, noSuchTask)

export default new Hono<Env>()
  .use(...requireUser)
  .get('/', validate('query', TaskQuery), async (c) => {
    const { limit, ...query } = c.req.valid('query')
    const rows = await lists[query.sort](c, { ...unfiltered, ...query, limit: limit + 1 })
    const page = rows.slice(0, limit)
    const last = rows.length > limit && page.at(-1)
    if (last) {
      const next = new URL(c.req.url)
      next.searchParams.set('cursor', encodeCursor(query.sort, last))
      c.header('Link', `<${next}>; rel="next"`)
    }
    return c.json(page.map(withUrl(c)), 200)
  })
  .post('/', validate('json', NewTask), async (c) => {
    const [task] = (await createTask(c, { body: c.req.valid('json') })) as [StoredTask]
    return c.json(withUrl(c)(task), 201, { Location: `/tasks/${task.id}` })
  })
  .delete('/', validate('query', TaskFilters), async (c) => {
    await deleteTasks(c, { ...unfiltered, ...c.req.valid('query') })
    return c.body(null, 204)
  })
  .get('/:id', async (c) => {
    const [task] = await readTask(c, { id: pathId(c) })
    return found(c, task)
  })
  .put('/:id', validate('json', NewTask), async (c) => {
    const [task] = await writeTask(c, { id: pathId(c), body: c.req.valid('json') })
    return found(c, task)
  })
  .patch('/:id', validate('json', TaskPatch), async (c) => {
    const body = c.req.valid('json')
    const isEmpty = Object.values(body).every((value) => value === undefined)
    try {
      const [task] = await (isEmpty ? readTask : writeTask)(c, { id: pathId(c), body })
      return found(c, task)
    } catch (error) {
      // Only the database knows whether the task has a due_date already.
      if (postgresError(error)?.constraint !== 'tasks_due_time_needs_due_date') throw error
      return invalid(c, [{ pointer: '/due_time', detail: dueTimeNeedsDueDate }])
    }
  })
  .patch('/:id/complete', validate('json', z.optional(Completion)), async (c) => {
    const body = c.req.valid('json')
    const [task] = await (body ? writeTask : toggleTask)(c, { id: pathId(c), body })
    return found(c, task)
  })
  .delete('/:id', async (c) => {
    const [task] = await deleteTask(c, { id: pathId(c) })
    return task ? c.body(null, 204) : missing(c)
  })
