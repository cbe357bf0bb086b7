import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import worker from '../src/index.ts'
import { forAll, newUser, password, pointers, problem, read, Task, Tasks, tryLogIn } from './api.ts'
import { idsOf, newTasks, nextOf, titlesOf } from './lists.ts'
import { sql } from './rows.ts'
import {
  batch,
  conflict,
  day,
  deletedEarlier,
  discard,
  foreignTag,
  tagged,
  tagOf,
  trashOf,
} from './sync.ts'
import { everything } from './task-values.ts'

/** A user with a task in the trash. */
const withDeleted = async () => {
  const user = await newUser()
  const before = await user.newTask(everything)
  await discard(user, before)
  const [deleted] = (await trashOf(user)) as [Task]
  const restore = (headers = {}) => user.send('POST', `/tasks/${before.id}/restore`, { headers })
  return { user, before, deleted, restore }
}

describe('a deleted task', () => {
  test('a deleted task keeps its fields in the trash, with the time of its deletion as updated_at', async () => {
    const { before, deleted } = await withDeleted()
    expect(deleted).toEqual({ ...before, updated_at: deleted.updated_at })
    expect(deleted.updated_at > before.updated_at).toBe(true)
  })

  test('a deleted task is in no list and gone for every route', async () => {
    const { user, before } = await withDeleted()
    for (const query of ['', 'deleted=false', 'search=rent', 'completed=true', 'sort=-updated_at'])
      expect(await user.tasks(query), query).toEqual([])
    for (const [method, suffix, json] of [
      ['GET', '', undefined],
      ['PUT', '', { title: 'x' }],
      ['PATCH', '', { title: 'x' }],
      ['PATCH', '', {}],
      ['PATCH', '/complete', undefined],
      ['PATCH', '/complete', { completed: false }],
      ['DELETE', '', undefined],
    ] as const)
      await problem(user.send(method, `/tasks/${before.id}${suffix}`, { json }), 404)
    expect((await user.send('HEAD', `/tasks/${before.id}`)).status).toBe(404)
  })

  test('a deleted task is not deleted once more by a filter', async () => {
    const { user, deleted } = await withDeleted()
    expect((await user.send('DELETE', '/tasks?search=rent')).status).toBe(204)
    expect((await user.send('DELETE', '/tasks')).status).toBe(204)
    expect(await trashOf(user)).toEqual([deleted])
  })

  test("a deleted task is in nobody else's trash, and nobody else can restore it", async () => {
    const [{ user, deleted }, other] = [await withDeleted(), await newUser()]
    expect(await trashOf(other)).toEqual([])
    await problem(other.send('POST', `/tasks/${deleted.id}/restore`), 404)
    await problem(
      other.send('POST', `/tasks/${deleted.id}/restore`, {
        headers: { 'If-Match': tagOf(deleted) },
      }),
      404
    )
    expect(await trashOf(user)).toEqual([deleted])
  })
})

describe('the list of the trash', () => {
  const deletedTasks = async (count: number) => {
    const user = await newUser()
    const tasks = await newTasks(
      user,
      Array.from({ length: count }, (_, n) => ({ title: `task ${n}` }))
    )
    for (const task of tasks) await discard(user, task)
    return { user, tasks }
  }

  test('the trash has the last deleted first, or with sort=updated_at the first', async () => {
    const { user, tasks } = await deletedTasks(4)
    expect(idsOf(await trashOf(user, 'sort=updated_at'))).toEqual(idsOf(tasks))
    expect(idsOf(await trashOf(user, 'sort=-updated_at'))).toEqual(idsOf(tasks).reverse())
    expect(idsOf(await trashOf(user))).toEqual(idsOf(tasks).reverse())
  })

  test.each(['', '&sort=updated_at', '&sort=-updated_at'])(
    'the trash comes in pages, each task once, with ties: %s',
    async (sort) => {
      const user = await newUser()
      await newTasks(
        user,
        Array.from({ length: 7 }, (_, n) => ({ title: `task ${n}` }))
      )
      // All at once, so that they are deleted at the same time.
      expect((await user.send('DELETE', '/tasks')).status).toBe(204)
      const all = await trashOf(user, sort.slice(1))
      expect(new Set(all.map(({ updated_at }) => updated_at)).size).toBe(1)
      expect(new Set(idsOf(all)).size).toBe(7)
      for (const limit of [1, 3, 7]) {
        const found: Task[] = []
        let next: string | undefined = `/tasks?deleted=true${sort}&limit=${limit}`
        while (next) {
          const response: Response = await user.send('GET', next)
          found.push(...(await read(response, 200, Tasks)))
          next = nextOf(response)
          if (next) expect(next).toContain('deleted=true')
        }
        expect(found, `${limit}`).toEqual(all)
      }
    }
  )

  test('the trash takes the filters of lists', async () => {
    const user = await newUser()
    await newTasks(user, [
      { title: 'a', completed: true, priority: 'high', tags: ['Work'], due_date: '2026-01-01' },
      { title: 'b', description: '100%', priority: 'low', due_date: '2026-02-01' },
    ])
    expect((await user.send('DELETE', '/tasks')).status).toBe(204)
    await user.newTask({ title: 'alive', completed: true })
    for (const [query, titles] of [
      ['completed=true', ['a']],
      ['completed=false', ['b']],
      ['priority=high&priority=medium', ['a']],
      ['tag=WORK', ['a']],
      ['due_from=2026-01-02', ['b']],
      ['due_to=2026-01-01', ['a']],
      ['search=%25', ['b']],
      ['search=A&completed=true', ['a']],
      ['completed=true&priority=low', []],
    ] as const)
      expect(titlesOf(await trashOf(user, query)), query).toEqual(titles)
  })

  test('the trash refuses every other sort, foreign cursors and a malformed `deleted`', async () => {
    const user = await newUser()
    await newTasks(user, [{ title: 'a' }, { title: 'b' }])
    const cursorOf = async (query: string) =>
      new URL(nextOf(await user.send('GET', `/tasks?limit=1&${query}`)) ?? '').searchParams.get(
        'cursor'
      )
    const cursor = await cursorOf('sort=title')
    for (const [query, pointer] of [
      ...['due_date', '-due_date', 'priority', 'title', 'order', 'created_at', '-created_at'].map(
        (sort) => [`deleted=true&sort=${sort}`, '/sort']
      ),
      [`deleted=true&cursor=${cursor}`, '/cursor'],
      ['deleted=true&cursor=x', '/cursor'],
      ['deleted=true&limit=0', '/limit'],
      ['deleted=true&limit=101', '/limit'],
      ['deleted=', '/deleted'],
      ['deleted=1', '/deleted'],
      ['deleted=TRUE', '/deleted'],
      ['deleted=only', '/deleted'],
      ['deleted=true&deleted=true', '/deleted'],
      ['deleted=true&deleted=false', '/deleted'],
    ])
      expect(await pointers(user.send('GET', `/tasks?${query}`)), query).toEqual([pointer])
    for (const value of ['true', 'false'])
      expect(await pointers(user.send('DELETE', `/tasks?deleted=${value}`))).toEqual(['/deleted'])
    expect(await user.tasks()).toHaveLength(2)
  })
})

describe('POST /tasks/{id}/restore', () => {
  test('a restore brings a task back as it was, with a new updated_at', async () => {
    const { user, before, deleted, restore } = await withDeleted()
    const restored = await tagged(restore(), 200, Task)
    expect(restored).toEqual({ ...before, updated_at: restored.updated_at })
    expect(restored.updated_at > deleted.updated_at).toBe(true)
    expect(await user.tasks()).toEqual([restored])
    expect(await trashOf(user)).toEqual([])
  })

  test('a restore of a task that is not deleted is a 200 with the task as it is, whatever If-Match says', async () => {
    const { user, restore } = await withDeleted()
    const restored = await read(restore(), 200, Task)
    for (const headers of [
      {},
      { 'If-Match': foreignTag },
      { 'If-Match': '"x"' },
      { 'If-Match': '*' },
    ])
      expect(await tagged(restore(headers), 200, Task)).toEqual(restored)
    expect(await user.task(restored.id)).toEqual(restored)
  })

  test('a restore passes with the tag that the task has in the trash', async () => {
    for (const headers of [
      { 'If-Match': '*' },
      { 'If-None-Match': foreignTag },
      ...(['own', 'list'] as const),
    ]) {
      const { deleted, restore } = await withDeleted()
      const own = tagOf(deleted)
      const tags = headers === 'list' ? `${foreignTag}, ${own}` : own
      await read(restore(typeof headers === 'string' ? { 'If-Match': tags } : headers), 200, Task)
    }
  })

  test('a restore is a 412 with the task as it is in the trash when a precondition fails', async () => {
    const { user, before, deleted, restore } = await withDeleted()
    const own = tagOf(deleted)
    for (const headers of [
      { 'If-Match': tagOf(before) },
      { 'If-Match': `W/${own}` },
      { 'If-Match': '"x"' },
      { 'If-None-Match': own },
      { 'If-None-Match': `W/${own}` },
      { 'If-None-Match': '*' },
      { 'If-Match': own, 'If-None-Match': '*' },
    ])
      expect(await conflict(restore(headers))).toEqual(deleted)
    expect(await trashOf(user)).toEqual([deleted])
  })

  test('a restore of an unknown or a malformed id is a 404', async () => {
    const user = await newUser()
    for (const id of [crypto.randomUUID(), 'x', 'batch', 'changes'])
      for (const headers of [
        {},
        { 'If-Match': '*' },
        { 'If-Match': foreignTag },
        { 'If-None-Match': '*' },
      ])
        await problem(user.send('POST', `/tasks/${id}/restore`, { headers }), 404)
  })

  test('a restore passes for 30 days, and then the task is gone for every request', async () => {
    const { user, before, restore } = await withDeleted()
    await deletedEarlier(user, before, 30 * day - 60)
    const [deleted] = (await trashOf(user)) as [Task]
    await read(restore({ 'If-Match': tagOf(deleted) }), 200, Task)
    await discard(user, before)
    await deletedEarlier(user, before, 30 * day + 60)
    for (const headers of [
      {},
      { 'If-Match': '*' },
      { 'If-Match': foreignTag },
      { 'If-None-Match': '*' },
    ])
      await problem(restore(headers), 404)
    expect(await trashOf(user)).toEqual([])
    expect(await batch(user, [{ op: 'restore', id: before.id }])).toMatchObject([{ status: 404 }])
  })

  test('ten restores at once all answer with the task', async () => {
    const { user, restore } = await withDeleted()
    const replies = await Promise.all(Array.from({ length: 10 }, () => restore()))
    const [task] = await user.tasks()
    await forAll(replies, async (reply) => expect(await read(reply, 200, Task)).toEqual(task))
  })
})

describe('what becomes of the trash', () => {
  test('the cleaning deletes tasks that were in the trash for over 31 days, of this user alone', async () => {
    const [user, other] = await Promise.all([newUser(), newUser()])
    const ages = [0, 30, 31 * day - 120, 31 * day + 120, 400 * day]
    const ids = ages.map(() => crypto.randomUUID())
    const creation = ids.map((id) => ({ op: 'create', id, task: { title: 'x' } }))
    for (const one of [user, other]) await batch(one, creation)
    for (const [n, id] of ids.entries()) {
      await discard(user, { id })
      await deletedEarlier(user, { id }, ages[n] ?? 0)
    }
    await sql`update tasks set updated_at = now() - interval '400 days' where user_id = ${other.id}`
    await worker.scheduled({}, env)
    const left = await sql`select id from tasks where user_id = ${user.id}`
    expect(left.map(({ id }) => id).sort()).toEqual(ids.slice(0, 3).sort())
    expect(await other.tasks()).toHaveLength(ids.length)
    const again = { json: { title: 'anew' }, headers: { 'If-None-Match': '*' } }
    await read(user.send('PUT', `/tasks/${ids[4]}`, again), 201, Task)
  })

  test('the export has the trash after the tasks', async () => {
    const { user, deleted } = await withDeleted()
    const alive = await user.newTask({ title: 'alive' })
    const response = await user.send('GET', '/auth/me/export')
    const all = (await response.json()) as Record<string, unknown>
    expect(Object.keys(all)).toEqual(['user', 'sessions', 'tasks', 'trash'])
    expect(all).toMatchObject({ tasks: [alive], trash: [deleted] })
  })

  test('an account is deleted with its trash and its stored replies', async () => {
    const { user } = await withDeleted()
    const headers = { 'Idempotency-Key': 'k' }
    await read(user.send('POST', '/tasks', { json: { title: 'x' }, headers }), 201, Task)
    expect((await user.send('DELETE', '/auth/me')).status).toBe(204)
    expect(await sql`select id from tasks where user_id = ${user.id}`).toEqual([])
    expect(await sql`select key from replies where user_id = ${user.id}`).toEqual([])
    await problem(tryLogIn({ email: user.email, password }), 401)
  })
})
