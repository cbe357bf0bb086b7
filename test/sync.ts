import { expect } from 'vitest'
import * as z from 'zod/mini'
import { Outcome } from '../src/tasks/batch.ts'
import { Changes } from '../src/tasks/changes.ts'
import { TaskProblem } from '../src/tasks/task.ts'
import { type Options, read, type Task, Tasks, type TestUser } from './api.ts'
import { sql } from './rows.ts'

/** A task's entity tag. */
export const tagOf = ({ updated_at }: { updated_at: string }) => `"${updated_at}"`

/** The tag of a version that no task of a test has ever had. */
export const foreignTag = '"2001-02-03T04:05:06.789Z"'

/** Headers that no header of a precondition may be. */
export const malformedTags = [
  ',',
  ' , ,\t,',
  'x',
  '2026-11-20T20:16:26.624Z',
  '"',
  '"x',
  'x"',
  "'x'",
  '"x" "y"',
  '"x"y',
  '"x";"y"',
  '"a b"',
  '"a\tb"',
  '"a\u0001b"',
  '"a\u007fb"',
  '"x", y',
  '"x", "y',
  'w/"x"',
  'W/x',
  'W/',
  'W /"x"',
  'W/ "x"',
  'W/*',
  'W/"x", w/"y"',
  '"*',
  '**',
  '*, *',
  '*, "x"',
  '"x", *',
  '*,',
  `"${'x'.repeat(8_000)}`,
]

/** The names that the failure of a test shows for headers too long to read. */
export const shown = (header: string) => JSON.stringify(header.slice(0, 60))

/** The task in a reply that must be a 412. */
export const conflict = async (reply: Response | Promise<Response>) => {
  const response = await reply
  const body = await response.json()
  expect({ status: response.status, body }).toMatchObject({ status: 412, body: { status: 412 } })
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(response.headers.get('ETag')).toBe(null)
  return z.parse(TaskProblem, body).task
}

/** The task in a 200 or 201, which must have the task's entity tag. */
export const tagged = async (
  reply: Response | Promise<Response>,
  status: number,
  schema: z.ZodMiniType<Task>
) => {
  const response = await reply
  const task = await read(response, status, schema)
  expect(response.headers.get('ETag')).toBe(tagOf(task))
  expect(response.headers.get('Cache-Control')).toBe('no-store, no-transform')
  return task
}

/** The entity tag of the user's lists. */
export const listTag = async (user: TestUser, query = '') => {
  const response = await user.send('GET', `/tasks${query}`)
  await read(response, 200, Tasks)
  return response.headers.get('ETag') ?? ''
}

/** Moves a task into the trash. */
export const discard = async (user: TestUser, { id }: { id: string }) =>
  expect((await user.send('DELETE', `/tasks/${id}`)).status).toBe(204)

export const trashOf = (user: TestUser, query = '') =>
  read(user.send('GET', `/tasks?deleted=true${query && `&${query}`}`), 200, Tasks)

/** Moves the deletion of a task so many seconds into the past. */
export const deletedEarlier = (user: TestUser, { id }: { id: string }, seconds: number) =>
  sql`update tasks set deleted_at = deleted_at - make_interval(secs => ${seconds}),
      updated_at = updated_at - make_interval(secs => ${seconds})
    where user_id = ${user.id} and id = ${id}`

export const day = 24 * 60 * 60

export const changesOf = (
  user: TestUser,
  { since, limit }: { since?: string; limit?: number } = {}
) => {
  const query = new URLSearchParams({
    ...(since !== undefined && { since }),
    ...(limit !== undefined && { limit: String(limit) }),
  })
  return read(user.send('GET', `/tasks/changes?${query}`), 200, Changes)
}

/** All pages of a pull. */
export const pull = async (user: TestUser, options: { since?: string; limit?: number } = {}) => {
  const pages = [await changesOf(user, options)]
  for (let last = pages[0]; last?.more; last = pages.at(-1)) {
    expect(pages.length, 'a pull of 200 pages goes round in circles').toBeLessThan(200)
    pages.push(await changesOf(user, { ...options, since: last.next }))
  }
  return {
    pages,
    tasks: pages.flatMap(({ tasks }) => tasks),
    deleted: pages.flatMap(({ deleted }) => deleted),
    next: pages.at(-1)?.next ?? '',
  }
}

/** Runs a batch, and gives its outcomes. */
export const batch = (user: TestUser, json: unknown, options: Options = {}) =>
  read(user.send('POST', '/tasks/batch', { json, ...options }), 200, z.array(Outcome))
