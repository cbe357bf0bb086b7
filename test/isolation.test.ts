import { beforeEach, describe, expect, test } from 'vitest'
import { array } from 'zod/mini'
import { Task } from '../src/tasks/task.ts'
import { newUser, type Options, origin, pointers, problem, read } from './api.ts'

const Tasks = array(Task)

type User = Awaited<ReturnType<typeof newUser>>

const all = (user: User) => read(user.send('GET', '/tasks?sort=title'), 200, Tasks)

const tasks: Parameters<User['newTask']>[0][] = [
  { title: 'bare' },
  {
    title: 'full',
    description: 'secret',
    completed: true,
    priority: 'high',
    tags: ['work'],
    due_date: '2026-01-01',
    due_time: '09:30',
    order: 1,
  },
]

let mallory: User
let alice: User
/** What Alice has: no request of Mallory's may change or show any of it. */
let hers: Task[]

beforeEach(async () => {
  ;[mallory, alice] = await Promise.all([newUser(), newUser()])
  await Promise.all(tasks.map((task) => alice.newTask(task)))
  hers = await all(alice)
})

const unchanged = async () => expect(await all(alice)).toEqual(hers)

describe("the id of a stranger's task", () => {
  test.each<[string, string, Options]>([
    ['GET', '', {}],
    ['PUT', '', { json: { title: 'mine now' } }],
    ['PATCH', '', { json: {} }],
    ['PATCH', '', { json: { id: 'read-only' } }],
    ['PATCH', '', { json: { title: 'mine now' } }],
    ['PATCH', '', { json: { due_date: null } }],
    // Would tell whether it has a due_date.
    ['PATCH', '', { json: { due_time: '10:00' } }],
    ['PATCH', '/complete', {}],
    ['PATCH', '/complete', { json: { completed: true } }],
    ['PATCH', '/complete', { json: { completed: false } }],
    ['DELETE', '', {}],
  ])('%s /tasks/{id}%s is the 404 of an unknown one: %j', async (method, suffix, options) => {
    const answer = async (id: string) => {
      const response = await mallory.send(method, `/tasks/${id}${suffix}`, options)
      const headers = Object.fromEntries(response.headers)
      const { request_id: _, ...body } = await problem(response, 404)
      return { body, headers: { ...headers, 'x-request-id': undefined, date: undefined } }
    }
    const unknown = await answer(crypto.randomUUID())
    for (const { id } of hers) {
      expect.soft(await answer(id)).toEqual(unknown)
      expect.soft((await answer(id.toUpperCase())).body).toEqual(unknown.body)
      for (const malformed of [`{${id}}`, id.replaceAll('-', ''), `${id}%20`, 'x', '%00', '%ff'])
        expect.soft(await answer(malformed)).toEqual(unknown)
    }
    await unchanged()
  })

  test('with a faulty body is the 422 of an unknown or malformed one', async () => {
    for (const id of [hers[0]?.id, crypto.randomUUID(), 'x'])
      for (const [method, suffix] of [
        ['PUT', ''],
        ['PATCH', ''],
        ['PATCH', '/complete'],
      ] as const) {
        const json = { completed: 'yes', title: 'x' }
        const path = `/tasks/${id}${suffix}`
        expect(await pointers(mallory.send(method, path, { json }))).toContain('/completed')
      }
    await unchanged()
  })

  test('is of no use in a body', async () => {
    const [{ id, url } = { id: '', url: '' }] = hers
    const made = await read(
      mallory.send('POST', '/tasks', { json: { title: 'x', id, url } }),
      201,
      Task
    )
    expect(made.id).not.toBe(id)
    for (const method of ['PUT', 'PATCH']) {
      const json = { title: 'y', id, url }
      const written = await read(mallory.send(method, `/tasks/${made.id}`, { json }), 200, Task)
      expect(written.id).toBe(made.id)
    }
    await unchanged()
  })
})

describe('lists', () => {
  test('show own tasks alone, whatever the filters and the sort', async () => {
    const paths = [
      '',
      'search=secret',
      'tag=work',
      'priority=high&priority=medium&priority=low',
      'completed=false',
      'due_from=2026-01-01&due_to=2026-01-01',
      'sort=-order&limit=100',
      'sort=updated_at&limit=1',
    ].map((query) => `/tasks?${query}`)
    for (const path of paths) {
      const empty = await mallory.send('GET', path)
      expect(empty.headers.get('Link'), path).toBe(null)
      expect(await read(empty, 200, Tasks), path).toEqual([])
    }
    const mine = await Promise.all(tasks.map((task) => mallory.newTask(task)))
    const own = new Set(mine.map(({ id }) => id))
    for (const path of paths) {
      const found = await read(mallory.send('GET', path), 200, Tasks)
      expect(found.length, path).toBeGreaterThan(0)
      expect(
        found.filter(({ id }) => !own.has(id)),
        path
      ).toEqual([])
    }
    await unchanged()
  })

  test.each(['', '?completed=false', '?search=full', '?tag=work', '?priority=medium'])(
    "DELETE /tasks%s leaves a stranger's alone",
    async (query) => {
      await Promise.all(tasks.map((task) => mallory.newTask(task)))
      expect((await mallory.send('DELETE', `/tasks${query}`)).status).toBe(204)
      expect(await all(mallory)).toHaveLength(query === '' ? 0 : 1)
      await unchanged()
    }
  )

  test("show own tasks alone also with a cursor of a stranger's", async () => {
    const mine = await Promise.all(tasks.map((task) => mallory.newTask(task)))
    const own = new Set(mine.map(({ id }) => id))
    for (const sort of ['due_date', '-due_date', 'priority', 'title', '-order', '-updated_at']) {
      const { headers } = await alice.send('GET', `/tasks?sort=${sort}&limit=1`)
      const link = headers.get('Link') ?? ''
      const next = link.slice(1, link.indexOf('>'))
      expect(next).toContain(`${origin}/tasks?`)
      const response = await mallory.send('GET', next)
      if (response.status === 422) expect(await pointers(response)).toEqual(['/cursor'])
      else
        expect(
          (await read(response, 200, Tasks)).filter(({ id }) => !own.has(id)),
          sort
        ).toEqual([])
    }
  })
})

describe('a forged owner', () => {
  const names = ['user_id', 'userId', 'owner', 'owner_id', 'user', 'sub', 'role']

  test('in a body is a 422, and nothing is written for anyone', async () => {
    const mine = await mallory.newTask({ title: 'mine' })
    for (const [method, path] of [
      ['POST', '/tasks'],
      ['PUT', `/tasks/${mine.id}`],
      ['PATCH', `/tasks/${mine.id}`],
      ['PATCH', `/tasks/${mine.id}/complete`],
    ] as const)
      for (const name of names) {
        const json = {
          ...(path.endsWith('complete') ? { completed: true } : { title: 'forged' }),
          [name]: alice.id,
        }
        expect.soft(await pointers(mallory.send(method, path, { json }))).toEqual([`/${name}`])
      }
    expect(await all(mallory)).toEqual([mine])
    await unchanged()
  })

  test('in the query of a list is a 422', async () => {
    const mine = await mallory.newTask({ title: 'mine' })
    for (const method of ['GET', 'DELETE'])
      for (const name of names)
        expect
          .soft(await pointers(mallory.send(method, `/tasks?${name}=${alice.id}`)))
          .toEqual([`/${name}`])
    expect(await all(mallory)).toEqual([mine])
    await unchanged()
  })

  test('in the query of one task opens nothing', async () => {
    for (const { id } of hers)
      for (const method of ['GET', 'DELETE']) {
        const path = `/tasks/${id}?user_id=${alice.id}&access_token=${alice.token}`
        await problem(mallory.send(method, path), 404)
      }
    await unchanged()
  })

  test('in a header has no effect', async () => {
    const headers = {
      ...Object.fromEntries(names.map((name) => [name.replace('_', '-'), alice.id])),
      'X-User-Id': alice.id,
      'X-Forwarded-User': alice.email,
      'X-Access-Token': alice.token,
      'X-HTTP-Method-Override': 'DELETE',
      'X-Original-URL': `/tasks/${hers[0]?.id}`,
      'X-Rewrite-URL': `/tasks/${hers[0]?.id}`,
      Cookie: `access_token=${alice.token}; token=${alice.token}; user_id=${alice.id}`,
      'Neon-Connection-String': 'postgresql://evil.example/db',
    }
    const mine = await read(
      mallory.send('POST', '/tasks', { headers, json: { title: 'mine' } }),
      201,
      Task
    )
    expect(await read(mallory.send('GET', '/tasks', { headers }), 200, Tasks)).toEqual([mine])
    await problem(mallory.send('GET', `/tasks/${hers[0]?.id}`, { headers }), 404)
    await problem(mallory.send('DELETE', `/tasks/${hers[0]?.id}`, { headers }), 404)
    expect((await mallory.send('DELETE', '/tasks', { headers })).status).toBe(204)
    await unchanged()
  })
})

test('two users writing at once keep to their own', async () => {
  const users = [mallory, alice]
  const made = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const user = users[n % 2] as User
      return { user, task: await user.newTask({ title: `task ${n}` }) }
    })
  )
  await Promise.all(made.map(({ user, task }) => user.send('PATCH', `/tasks/${task.id}/complete`)))
  for (const user of users) {
    const own = made.filter((one) => one.user === user).map(({ task }) => task.id)
    const done = await read(user.send('GET', '/tasks?completed=true&search=task'), 200, Tasks)
    expect(done.map(({ id }) => id).sort()).toEqual(own.sort())
  }
})
