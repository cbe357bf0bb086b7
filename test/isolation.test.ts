import { beforeEach, describe, expect, test } from 'vitest'
import { newUser, pointers, problem, read, Task, Tasks, type TestUser } from './api.ts'
import { idsOf, newTasks, nextOf } from './lists.ts'
import { everything } from './task-values.ts'

const tasks = [
  { title: 'bare' },
  { ...everything, title: 'full', description: 'secret', tags: ['work'] },
]

const allOf = (user: TestUser) => user.tasks('sort=title')

let mallory: TestUser
let alice: TestUser
/** Alice's tasks, which no request of Mallory's may change or show. */
let hers: Task[]

beforeEach(async () => {
  ;[mallory, alice] = await Promise.all([newUser(), newUser()])
  await newTasks(alice, tasks)
  hers = await allOf(alice)
})

const unchanged = async () => expect(await allOf(alice)).toEqual(hers)

describe('GET and DELETE /tasks', () => {
  test("a list shows only the user's own tasks, with any filter and sort", async () => {
    const queries = [
      '',
      'search=secret',
      'tag=work',
      'priority=high&priority=medium&priority=low',
      'completed=false',
      `due_from=${everything.due_date}&due_to=${everything.due_date}`,
      'sort=-order&limit=100',
      'sort=updated_at&limit=1',
    ]
    for (const query of queries) {
      const empty = await mallory.send('GET', `/tasks?${query}`)
      expect(empty.headers.get('Link'), query).toBe(null)
      expect(await read(empty, 200, Tasks), query).toEqual([])
    }
    const own = new Set(idsOf(await newTasks(mallory, tasks)))
    for (const query of queries) {
      const found = idsOf(await mallory.tasks(query))
      expect(found.length, query).toBeGreaterThan(0)
      const others = found.filter((id) => !own.has(id))
      expect(others, query).toEqual([])
    }
    await unchanged()
  })

  test.each(['', '?completed=false', '?search=full', '?tag=work', '?priority=medium'])(
    "DELETE /tasks%s leaves a stranger's tasks alone",
    async (query) => {
      await newTasks(mallory, tasks)
      expect((await mallory.send('DELETE', `/tasks${query}`)).status).toBe(204)
      expect(await allOf(mallory)).toHaveLength(query === '' ? 0 : 1)
      await unchanged()
    }
  )

  test("a list shows only the user's own tasks, also with a stranger's cursor", async () => {
    const own = new Set(idsOf(await newTasks(mallory, tasks)))
    for (const sort of ['due_date', '-due_date', 'priority', 'title', '-order', '-updated_at']) {
      const next = nextOf(await alice.send('GET', `/tasks?sort=${sort}&limit=1`))
      const response = await mallory.send('GET', String(next))
      if (response.status === 422) expect(await pointers(response)).toEqual(['/cursor'])
      else {
        const others = idsOf(await read(response, 200, Tasks)).filter((id) => !own.has(id))
        expect(others, sort).toEqual([])
      }
    }
  })
})

describe('a forged owner', () => {
  const names = ['user_id', 'userId', 'owner', 'owner_id', 'user', 'sub', 'role']

  test('an owner in a body is a 422, and nothing is written for anyone', async () => {
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
    expect(await allOf(mallory)).toEqual([mine])
    await unchanged()
  })

  test("a stranger's task id and url in a body are ignored", async () => {
    const [{ id, url } = { id: '', url: '' }] = hers
    const json = { title: 'x', id, url }
    const made = await read(mallory.send('POST', '/tasks', { json }), 201, Task)
    expect(made.id).not.toBe(id)
    for (const method of ['PUT', 'PATCH']) {
      const written = await read(mallory.send(method, `/tasks/${made.id}`, { json }), 200, Task)
      expect(written.id).toBe(made.id)
    }
    await unchanged()
  })

  test('an owner in the query of a list is a 422', async () => {
    const mine = await mallory.newTask({ title: 'mine' })
    for (const method of ['GET', 'DELETE'])
      for (const name of names)
        expect
          .soft(await pointers(mallory.send(method, `/tasks?${name}=${alice.id}`)))
          .toEqual([`/${name}`])
    expect(await allOf(mallory)).toEqual([mine])
    await unchanged()
  })

  test("an owner in the query does not give access to a stranger's task", async () => {
    for (const { id } of hers)
      for (const method of ['GET', 'DELETE']) {
        const path = `/tasks/${id}?user_id=${alice.id}&access_token=${alice.accessToken}`
        await problem(mallory.send(method, path), 404)
      }
    await unchanged()
  })

  test('a header that names another user, path or method has no effect', async () => {
    const headers = {
      ...Object.fromEntries(names.map((name) => [name.replace('_', '-'), alice.id])),
      'X-User-Id': alice.id,
      'X-Forwarded-User': alice.email,
      'X-Access-Token': alice.accessToken,
      'X-HTTP-Method-Override': 'DELETE',
      'X-Original-URL': `/tasks/${hers[0]?.id}`,
      'X-Rewrite-URL': `/tasks/${hers[0]?.id}`,
      Cookie: `access_token=${alice.accessToken}; token=${alice.accessToken}; user_id=${alice.id}`,
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

test('two users who write at once each change only their own tasks', async () => {
  const users = [mallory, alice]
  const made = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const user = users[n % 2] as TestUser
      return { user, task: await user.newTask({ title: `task ${n}` }) }
    })
  )
  await Promise.all(made.map(({ user, task }) => user.send('PATCH', `/tasks/${task.id}/complete`)))
  for (const user of users) {
    const own = made.filter((one) => one.user === user).map(({ task }) => task)
    const done = await user.tasks('completed=true&search=task')
    expect(idsOf(done).sort()).toEqual(idsOf(own).sort())
  }
})
