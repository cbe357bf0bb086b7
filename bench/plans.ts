import { neon } from '@neondatabase/serverless'
import { asc, desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/neon-http'
import { sortKeys, tasks } from '../src/database/schema.ts'
import { encodeCursor, keyOf, type Sort, sorts } from '../src/tasks/query.ts'
import type { StoredTask } from '../src/tasks/task.ts'
import type { Recorder } from './neon.ts'
import { pull } from './sync.ts'
import { signUp, type User } from './user.ts'
import type { Worker } from './workerd.ts'

const pageSize = 50
const changesPageSize = 100
const lastPage = 1000
/** As many changes as are on the pages before the last one, in fewer pages. */
const beforeLastPage = { pages: 222, limit: 450 }

/**
 * Adds tasks to every user whose e-mail address is like $3, numbered $1 to $2. Sort keys repeat or
 * are null, and when several users get tasks, those of one user are spread over the table.
 */
export const addTasks = `
  insert into tasks
    (user_id, title, description, priority, tags, due_date, "order", created_at, updated_at)
  select id, 'Task ' || md5(n::text), 'Description of the task',
    (enum_range(null::priority))[1 + n % 3], '{home,phone}',
    case when n % 10 > 0 then date '2026-01-01' + n % 365 end,
    case when n % 2 > 0 then random() end,
    now() - n * interval '1 minute', now() - random() * interval '1 year'
  from generate_series($1::int, $2::int) n, users where email like $3`

const addUsers = `
  insert into users (email, hashed_password)
  select 'other-' || n || '@example.com', '$2b$10$' || repeat('a', 53)
  from generate_series(1, 1000) n`

/**
 * Returns how many buffers Postgres touches for page 1 and page 1,000 of a list in each sort order
 * and of the changes, for page 1 of a list when the table holds 1,000 and when it holds 1,000,000
 * tasks, and among the latter for a list answered 304 and for changes with nothing new. `worker`
 * must send its queries through `recorder`.
 */
export const explain = async (worker: Worker, recorder: Recorder, databaseUrl: string) => {
  const sql = neon(databaseUrl)
  const db = drizzle(sql)

  const get = async ({ token }: User, path: string, headers = {}, status = 200) => {
    const response = await fetch(worker.url + path, {
      headers: { ...headers, Authorization: `Bearer ${token}` },
    })
    if (response.status !== status)
      throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    return response
  }

  const buffers = async (...request: Parameters<typeof get>): Promise<number> => {
    recorder.take()
    await get(...request)
    const [{ query, params }] = recorder.take() as [{ query: string; params: unknown[] }]
    const [row] = await sql.query(`explain (analyze, buffers, format json) ${query}`, params)
    const [{ Plan: plan }] = row?.['QUERY PLAN'] ?? []
    return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
  }

  /** Returns the cursor of page `lastPage`, made from the last task of the page before it. */
  const cursor = async (user: User, sort: Sort) => {
    const direction = sort.startsWith('-') ? desc : asc
    const [last] = await db
      .select({ id: tasks.id })
      .from(tasks)
      .where(eq(tasks.user_id, user.id))
      .orderBy(direction(sortKeys[keyOf(sort)](tasks[keyOf(sort)])), direction(tasks.id))
      .offset((lastPage - 1) * pageSize - 1)
      .limit(1)
    const task = await (await get(user, `/tasks/${last?.id}`)).json()
    return encodeURIComponent(encodeCursor(sort, task as StoredTask))
  }

  await sql.query('truncate users cascade')
  const few = await signUp(worker, 'few@example.com', 0)
  await sql.query(addTasks, [1, 1000, few.email])
  await sql.query('vacuum analyze')
  const amongFew = await buffers(few, '/tasks')

  const many = await signUp(worker, 'many@example.com', 0)
  await sql.query(addTasks, [1, lastPage * changesPageSize, many.email])
  await sql.query('vacuum analyze')
  const pages = []
  for (const sort of sorts) {
    const path = `/tasks?sort=${sort}`
    const first = await buffers(many, path)
    const last = await buffers(many, `${path}&cursor=${await cursor(many, sort)}`)
    pages.push({ sort, first, last })
  }
  const lastToken = await pull(worker, many, beforeLastPage)
  const changes = `/tasks/changes?limit=${changesPageSize}`
  const changesPages = {
    first: await buffers(many, changes),
    last: await buffers(many, `${changes}&since=${lastToken}`),
  }

  // Without the indexes the inserts are much faster, even though the indexes are rebuilt afterwards.
  const indexes = await sql.query(
    "select indexname, indexdef from pg_indexes where indexname like 'tasks_by_%'"
  )
  for (const { indexname } of indexes) await sql.query(`drop index ${indexname}`)
  await sql.query(addUsers)
  for (let n = 1; n <= 1000; n += 100) await sql.query(addTasks, [n, n + 99, 'other-%'])
  for (const { indexdef } of indexes) await sql.query(indexdef)
  await sql.query('vacuum analyze')
  const amongMany = await buffers(few, '/tasks')
  const tag = (await get(few, '/tasks')).headers.get('ETag')
  const notModified = await buffers(few, '/tasks', { 'If-None-Match': tag }, 304)
  const unchanged = await buffers(few, `/tasks/changes?since=${await pull(worker, few)}`)

  return { pages, changesPages, amongFew, amongMany, notModified, unchanged }
}

export type Plans = Awaited<ReturnType<typeof explain>>
