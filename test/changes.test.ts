import { describe, expect, test } from 'vitest'
import { newUser, pointers, problem, send, type Task, type TestUser } from './api.ts'
import { idsOf } from './lists.ts'
import { sql } from './rows.ts'
import { batch, changesOf, discard, pull } from './sync.ts'
import { everything } from './task-values.ts'

const byChange = (tasks: Task[]) =>
  [...tasks].sort((a, b) => (a.updated_at + a.id < b.updated_at + b.id ? -1 : 1))

/** Creates so many tasks: half of them at one time, the others at times of their own. */
const someTasks = async (user: TestUser, count: number) => {
  const half = Math.floor(count / 2)
  for (let at = 0; at < half; at += 100)
    await batch(
      user,
      Array.from({ length: Math.min(100, half - at) }, (_, n) => ({
        op: 'create',
        id: crypto.randomUUID(),
        task: { title: `together ${at + n}` },
      }))
    )
  for (let n = half; n < count; n++) await user.newTask({ title: `alone ${n}` })
  const all: Task[] = []
  for (const sort of ['sort=updated_at&limit=100', 'sort=-updated_at&limit=100'])
    all.push(...(await user.tasks(sort)))
  return byChange([...new Map(all.map((task) => [task.id, task])).values()])
}

/** What a client keeps: the tasks by id. */
const copy = () => {
  const tasks = new Map<string, Task>()
  return {
    apply: ({ tasks: changed, deleted }: { tasks: Task[]; deleted: string[] }) => {
      for (const task of changed) tasks.set(task.id, task)
      for (const id of deleted) tasks.delete(id)
    },
    tasks: () => byChange([...tasks.values()]),
  }
}

describe('the first pull', () => {
  test('the first pull of a user without tasks is empty', async () => {
    const user = await newUser()
    const { next, ...rest } = await changesOf(user)
    expect(rest).toEqual({ tasks: [], deleted: [], more: false })
    expect(next).toMatch(/^[\w-]{1,512}$/)
    expect(await changesOf(user, { since: next })).toMatchObject({
      tasks: [],
      deleted: [],
      more: false,
    })
  })

  test.each([1, 2, 7, 20, 21, 500])(
    'the first pull has every task once, as it is, in pages of %i',
    async (limit) => {
      const user = await newUser()
      const tasks = await someTasks(user, 20)
      const { pages, ...all } = await pull(user, { limit })
      expect(all.tasks).toEqual(tasks)
      expect(all.deleted).toEqual([])
      for (const [n, page] of pages.entries()) {
        expect(page.tasks.length).toBe(Math.min(limit, tasks.length - n * limit))
        expect(page.more).toBe(n < pages.length - 1)
      }
    }
  )

  test('a pull shows a task with every field as GET does', async () => {
    const user = await newUser()
    const task = await user.newTask(everything)
    expect((await changesOf(user)).tasks).toEqual([task])
  })

  test('a page of changes has 100 tasks by default, and up to 500', async () => {
    const user = await newUser()
    await sql`insert into tasks (user_id, title, created_at, updated_at)
      select id, 'task ' || n, changed_at, changed_at from users, generate_series(1, 501) n
      where id = ${user.id}`
    expect((await changesOf(user)).tasks).toHaveLength(100)
    const { pages, tasks } = await pull(user, { limit: 500 })
    expect(pages.map(({ tasks }) => tasks.length)).toEqual([500, 1])
    expect(new Set(idsOf(tasks)).size).toBe(501)
  })

  test('the first pull leaves out what was deleted before it began, and has what is deleted during it', async () => {
    const user = await newUser()
    const old = await user.newTask({ title: 'deleted before' })
    await discard(user, old)
    const tasks = await someTasks(user, 10)
    const first = await changesOf(user, { limit: 4 })
    const [sent, unsent] = [first.tasks[0], tasks[9]] as [Task, Task]
    await discard(user, sent)
    await discard(user, unsent)
    const late = await user.newTask({ title: 'late' })
    await discard(user, late)
    const rest = await pull(user, { since: first.next, limit: 4 })
    expect(rest.deleted).toEqual([sent.id, unsent.id, late.id])
    expect(idsOf(rest.tasks)).toEqual(idsOf(tasks.slice(4, 9)))
    expect(await changesOf(user, { since: rest.next })).toMatchObject({ tasks: [], deleted: [] })
    await discard(user, tasks[5] as Task)
    const later = await changesOf(user, { since: rest.next })
    expect(later).toMatchObject({ tasks: [], deleted: [tasks[5]?.id], more: false })
  })

  test('the first pull meets a task again that changes during it, in its latest state alone', async () => {
    const user = await newUser()
    const tasks = await someTasks(user, 6)
    const first = await changesOf(user, { limit: 3 })
    expect(first.tasks).toEqual(tasks.slice(0, 3))
    const json = { title: 'changed' }
    for (const { id } of [tasks[0], tasks[4]] as [Task, Task]) {
      await user.send('PATCH', `/tasks/${id}/complete`)
      await user.send('PATCH', `/tasks/${id}`, { json })
    }
    const rest = await pull(user, { since: first.next, limit: 1 })
    expect(idsOf(rest.tasks)).toEqual(idsOf([tasks[3], tasks[5], tasks[0], tasks[4]] as Task[]))
    expect(rest.tasks.map(({ title }) => title).slice(2)).toEqual(['changed', 'changed'])
  })

  test('a pull continues from the token of any page', async () => {
    const user = await newUser()
    const tasks = await someTasks(user, 9)
    const { pages } = await pull(user, { limit: 2 })
    for (const [n, { next }] of pages.entries()) {
      const rest = await pull(user, { since: next, limit: 500 })
      expect(rest.tasks).toEqual(tasks.slice((n + 1) * 2))
    }
  })
})

describe('a page of changes', () => {
  test('a page of changes ends at 1 MiB of tasks, and more is true', async () => {
    const user = await newUser()
    await sql`insert into tasks (user_id, title, description, created_at, updated_at)
      select id, 'large ' || n, repeat('🦄', 10000), changed_at, changed_at
      from users, generate_series(1, 60) n where id = ${user.id}`
    const { pages, tasks } = await pull(user, { limit: 500 })
    expect(pages.length).toBeGreaterThan(2)
    for (const { tasks, more } of pages.slice(0, -1)) {
      expect(more).toBe(true)
      expect(tasks.length).toBeGreaterThan(20)
      expect(tasks.length).toBeLessThan(27)
    }
    expect(new Set(idsOf(tasks)).size).toBe(60)
    expect(tasks).toHaveLength(60)
  })

  test('a pull has what every kind of write has changed, and not what PATCH {} left', async () => {
    const user = await newUser()
    const { next: start } = await changesOf(user)
    let since = start
    const expectChanges = async (tasks: Task[], deleted: string[] = []) => {
      const page = await changesOf(user, { since })
      expect(page).toEqual({ tasks, deleted, next: page.next, more: false })
      since = page.next
    }
    const task = await user.newTask({ title: 'x' })
    await expectChanges([task])
    await expectChanges([])
    const path = `/tasks/${task.id}`
    for (const [method, suffix, json] of [
      ['PUT', '', { title: 'y' }],
      ['PATCH', '', { order: 1 }],
      ['PATCH', '/complete', undefined],
      ['PATCH', '/complete', { completed: true }],
    ] as const) {
      await user.send(method, path + suffix, { json })
      await expectChanges([await user.task(task.id)])
    }
    await user.send('PATCH', path, { json: {} })
    await user.send('POST', `${path}/restore`)
    await batch(user, [{ op: 'update', id: task.id, task: {} }])
    await expectChanges([])
    await discard(user, task)
    await expectChanges([], [task.id])
    await user.send('POST', `${path}/restore`)
    await expectChanges([await user.task(task.id)])
    const other = crypto.randomUUID()
    await batch(user, [
      { op: 'delete', id: task.id },
      { op: 'create', id: other, task: { title: 'z' } },
    ])
    await expectChanges([await user.task(other)], [task.id])
    await user.send('DELETE', '/tasks')
    await expectChanges([], [other])
    expect(await changesOf(user, { since: start })).toMatchObject({ tasks: [], more: false })
  })

  test('a page of changes counts tasks and deleted ids together', async () => {
    const user = await newUser()
    const { next: since } = await changesOf(user)
    const tasks = await someTasks(user, 6)
    for (const task of tasks.slice(0, 3)) await discard(user, task)
    const { pages, deleted } = await pull(user, { since, limit: 2 })
    for (const { tasks, deleted } of pages) expect(tasks.length + deleted.length).toBe(2)
    expect(deleted).toEqual(idsOf(tasks.slice(0, 3)))
  })

  test('a page of changes has a task either alive or deleted, once', async () => {
    const user = await newUser()
    const { next: since } = await changesOf(user)
    const task = await user.newTask({ title: 'x' })
    for (let round = 0; round < 3; round++) {
      await discard(user, task)
      expect(await changesOf(user, { since })).toMatchObject({ tasks: [], deleted: [task.id] })
      await user.send('POST', `/tasks/${task.id}/restore`)
      const alive = await user.task(task.id)
      expect(await changesOf(user, { since })).toMatchObject({ tasks: [alive], deleted: [] })
    }
  })

  test('a pull names a deleted task as long as it is stored, also when it cannot be restored', async () => {
    const user = await newUser()
    const { next: since } = await changesOf(user)
    const task = await user.newTask({ title: 'x' })
    await discard(user, task)
    await sql`update tasks set deleted_at = deleted_at - interval '30 days 12 hours'
      where user_id = ${user.id}`
    expect(await changesOf(user, { since })).toMatchObject({ deleted: [task.id] })
  })
})

test('a client that pulls while many write has the list in the end', async () => {
  const user = await newUser()
  const readers = [1, 7, 500].map((limit) => ({
    limit,
    since: undefined as string | undefined,
    ...copy(),
  }))
  const versions = readers.map(() => new Set<string>())
  const readOnce = async () => {
    for (const [n, reader] of readers.entries()) {
      const { since, limit } = reader
      const page = await changesOf(user, { limit, ...(since !== undefined && { since }) })
      for (const task of page.tasks) {
        const version = task.id + task.updated_at
        expect(versions[n]?.has(version), 'a version came twice').toBe(false)
        versions[n]?.add(version)
      }
      reader.apply(page)
      reader.since = page.next
    }
  }
  const write = async () => {
    const task = await user.newTask({ title: 'x' })
    await user.send('PATCH', `/tasks/${task.id}/complete`)
    const id = crypto.randomUUID()
    await batch(user, [
      { op: 'create', id, task: { title: 'y' } },
      { op: 'update', id: task.id, task: { title: 'z' } },
    ])
    await discard(user, { id })
    if (Math.random() < 0.5) await discard(user, task)
    await user.send('POST', `/tasks/${id}/restore`)
  }
  for (let round = 0; round < 6; round++)
    await Promise.all([write(), write(), write(), readOnce(), user.newTask({ title: 'alone' })])
  const all = byChange(await user.tasks('limit=100'))
  for (const reader of readers) {
    const { since, limit } = reader
    reader.apply(await pull(user, { limit, ...(since !== undefined && { since }) }))
    expect(reader.tasks(), `${limit}`).toEqual(all)
  }
})

describe('the query of changes', () => {
  test('the changes take `since` and `limit` alone, each once and well-formed', async () => {
    const user = await newUser()
    const { next } = await changesOf(user)
    for (const [query, pointer] of [
      ['limit=0', '/limit'],
      ['limit=501', '/limit'],
      ['limit=-1', '/limit'],
      ['limit=1.5', '/limit'],
      ['limit=01', '/limit'],
      ['limit=', '/limit'],
      ['limit=x', '/limit'],
      ['limit=1&limit=2', '/limit'],
      ['completed=true', '/completed'],
      ['priority=high', '/priority'],
      ['tag=a', '/tag'],
      ['due_from=2026-01-01', '/due_from'],
      ['due_to=2026-01-01', '/due_to'],
      ['search=x', '/search'],
      ['sort=updated_at', '/sort'],
      ['cursor=x', '/cursor'],
      ['deleted=true', '/deleted'],
      ['Since=x', '/Since'],
      ['x=1', '/x'],
      [`since=${next}&since=${next}`, '/since'],
      [`since=${next}&completed=true`, '/completed'],
    ])
      expect(await pointers(user.send('GET', `/tasks/changes?${query}`)), query).toEqual([pointer])
  })

  test('HEAD of the changes answers as GET does, without a body', async () => {
    const user = await newUser()
    const response = await user.send('HEAD', '/tasks/changes')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(response.headers.get('Link')).toBe(null)
  })
})

test.each([
  ['/tasks/changes', ['POST', 'PUT', 'PATCH', 'DELETE'], 'GET, HEAD'],
  ['/tasks/batch', ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'], 'POST'],
])(
  '%s answers %j with 405 and an Allow of its own, and strangers with 401',
  async (path, methods, allow) => {
    const user = await newUser()
    for (const method of methods) {
      const response = await user.send(method, path)
      expect(response.headers.get('Allow'), method).toBe(allow)
      expect(response.status).toBe(405)
      if (method !== 'HEAD') await problem(response, 405)
      expect((await send(method, path)).status).toBe(401)
      expect((await send(method, path)).headers.get('Allow')).toBe(null)
    }
    for (const suffix of ['/complete', '/restore', '/x']) {
      const method = suffix === '/complete' ? 'PATCH' : 'POST'
      await problem(user.send(method, path + suffix), 404)
    }
  }
)
