import { expect } from 'vitest'
import { origin, read, type Task, type TaskInput, Tasks, type TestUser } from './api.ts'

export const titlesOf = (tasks: Task[]) => tasks.map(({ title }) => title).sort()
export const idsOf = (tasks: Task[]) => tasks.map(({ id }) => id)

/** Creates these tasks all at once. */
export const newTasks = (user: TestUser, tasks: TaskInput[]) =>
  Promise.all(tasks.map((task) => user.newTask(task)))

/** The URL of the next page in the Link header (RFC 8288), if there is a next page. */
export const nextOf = ({ headers }: Response) => {
  const link = headers.get('Link')
  if (link === null) return undefined
  expect(link).toMatch(/^<[!#-;=?-~]+>; rel="next"$/)
  return link.slice(1, link.indexOf('>'))
}

/** All pages of this query, each with the link to the next. */
export async function* walk(user: TestUser, query: string) {
  let next: string | undefined = `${origin}/tasks?${query}`
  for (let page = 0; next !== undefined; page++) {
    expect(page, 'a walk of 100 pages goes round in circles').toBeLessThan(100)
    const response: Response = await user.send('GET', next)
    next = nextOf(response)
    yield read(response, 200, Tasks)
  }
}

export const pagesOf = async (user: TestUser, query: string) => {
  const pages: Task[][] = []
  for await (const page of walk(user, query)) pages.push(page)
  return pages
}

/** The cursor in the Link of the first page. */
export const cursorOf = async (user: TestUser, query: string) => {
  const next = nextOf(await user.send('GET', `/tasks?${query}`))
  return new URL(next ?? '').searchParams.get('cursor') ?? ''
}

export const keys = ['due_date', 'priority', 'title', 'order', 'created_at', 'updated_at'] as const
export type Key = (typeof keys)[number]
export const sorts = keys.flatMap((key) => [key, `-${key}` as const])

/** Tasks with equal and missing values of each sort key. The due_time plays no part in sorting. */
export const assorted: TaskInput[] = [
  { title: 'banana', due_date: '2026-03-01', due_time: '23:00', order: 1, priority: 'high' },
  { title: 'Banana', due_date: '2026-03-01', due_time: '01:00', order: 1, priority: 'low' },
  { title: 'BANANA', due_date: '2026-03-01', order: -0.5 },
  { title: 'apple', order: 0, priority: 'low' },
  { title: 'Cherry' },
  { title: 'cherry', due_date: '0001-01-01', order: -1e308, priority: 'high' },
  { title: 'é', due_date: '9999-12-31', order: 5e-324 },
  { title: 'É', priority: 'high', order: 1e308 },
  { title: 'Apple pie', due_date: '2026-02-28', priority: 'low' },
]

const rank = { low: 0, medium: 1, high: 2 }

/** What a task is sorted by; undefined comes after all other values. */
const sortValue = (task: Task, key: Key) =>
  key === 'priority'
    ? rank[task.priority]
    : key === 'title'
      ? task.title.toLowerCase()
      : (task[key] ?? undefined)

export const sorted = (tasks: Task[], sort: (typeof sorts)[number]) => {
  const key = sort.replace('-', '') as Key
  const ascending = [...tasks].sort((one, two) => {
    const [a, b] = [sortValue(one, key), sortValue(two, key)]
    if (a === b) return one.id < two.id ? -1 : 1
    if (a === undefined || b === undefined) return a === undefined ? 1 : -1
    return a < b ? -1 : 1
  })
  return sort.startsWith('-') ? ascending.reverse() : ascending
}
