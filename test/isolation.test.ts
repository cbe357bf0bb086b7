import { beforeEach, describe, expect, test } from 'vitest'
import {
  newUser,
  type Options,
  pointers,
  problem,
  read,
  Task,
  Tasks,
  type TestUser,
  visible,
} from './api.ts'
import { idsOf, newTasks, nextOf } from './lists.ts'
import { batch, changesOf, discard, foreignTag, pull, tagOf, trashOf } from './sync.ts'
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

describe("the id of a stranger's task", () => {
  /** A task of Alice's that is alive, one in her trash, and an id that nobody has. */
  const ids = async () => {
    const [, gone] = hers as [Task, Task]
    await discard(alice, gone)
    hers = await allOf(alice)
    const [deleted] = (await trashOf(alice)) as [Task]
    return { alive: hers[0] as Task, deleted, unknown: crypto.randomUUID() }
  }

  test.each<[method: string, suffix: string, options: (task: Task) => Options]>([
    ['GET', '', () => ({ headers: { 'If-None-Match': '*' } })],
    ['GET', '', (task) => ({ headers: { 'If-None-Match': tagOf(task) } })],
    ['PUT', '', () => ({ json: { title: 'x' }, headers: { 'If-Match': '*' } })],
    ['PUT', '', (task) => ({ json: { title: 'x' }, headers: { 'If-Match': tagOf(task) } })],
    ['PATCH', '', () => ({ json: { title: 'x' }, headers: { 'If-Match': foreignTag } })],
    ['PATCH', '', () => ({ json: { title: 'x' }, headers: { 'If-None-Match': '*' } })],
    ['PATCH', '', (task) => ({ json: {}, headers: { 'If-Match': tagOf(task) } })],
    ['PATCH', '', () => ({ json: { title: 'x' }, headers: { 'Idempotency-Key': 'k' } })],
    ['PATCH', '/complete', (task) => ({ headers: { 'If-Match': tagOf(task) } })],
    ['DELETE', '', (task) => ({ headers: { 'If-Match': tagOf(task) } })],
    ['DELETE', '', () => ({ headers: { 'If-None-Match': '*' } })],
    ['POST', '/restore', () => ({})],
    ['POST', '/restore', (task) => ({ headers: { 'If-Match': tagOf(task) } })],
    ['POST', '/restore', () => ({ headers: { 'If-None-Match': '*' } })],
    ['POST', '/restore', () => ({ headers: { 'Idempotency-Key': 'k' } })],
  ])(
    "%s /tasks/{id}%s of a stranger's task, deleted or not, is the 404 of an unknown one: %s",
    async (method, suffix, options) => {
      const { alive, deleted, unknown } = await ids()
      const of = (id: string, task: Task) =>
        visible(mallory.send(method, `/tasks/${id}${suffix}`, options(task)), 404)
      for (const task of [alive, deleted])
        expect(await of(task.id, task)).toEqual(await of(unknown, task))
      await unchanged()
      expect(await trashOf(alice)).toEqual([deleted])
    }
  )

  test("an operation of a batch treats a stranger's id as an unknown one", async () => {
    const { alive, deleted, unknown } = await ids()
    for (const operation of [
      { op: 'update', task: { title: 'x' } },
      { op: 'update', task: {} },
      { op: 'update', task: { due_time: '10:00' } },
      { op: 'update', task: { title: 'x' }, if_match: alive.updated_at },
      { op: 'delete' },
      { op: 'delete', if_match: deleted.updated_at },
      { op: 'restore' },
    ]) {
      const outcomes = await batch(
        mallory,
        [alive.id, deleted.id, unknown].map((id) => ({ ...operation, id }))
      )
      expect(outcomes.map(({ id: _, ...outcome }) => outcome)).toEqual(
        outcomes.map(() => ({ status: 404, updated_at: null, task: null }))
      )
    }
    await unchanged()
    expect(await trashOf(alice)).toEqual([deleted])
  })

  test("a stranger's id is free, by PUT and in a batch, and neither task touches the other", async () => {
    const { alive, deleted } = await ids()
    const put = { json: { title: 'mine' }, headers: { 'If-None-Match': '*' } }
    const mine = await read(mallory.send('PUT', `/tasks/${alive.id}`, put), 201, Task)
    const creation = { op: 'create', id: deleted.id, task: { title: 'mine too' } }
    expect(await batch(mallory, [creation])).toMatchObject([{ status: 201, task: null }])
    expect(await mallory.tasks('sort=title')).toMatchObject([mine, { id: deleted.id }])
    for (const { id } of [alive, deleted]) {
      await mallory.send('PATCH', `/tasks/${id}`, { json: { title: 'changed' } })
      await batch(mallory, [{ op: 'update', id, task: { completed: true } }])
    }
    await unchanged()
    expect(await trashOf(alice)).toEqual([deleted])
    expect((await mallory.send('DELETE', '/tasks')).status).toBe(204)
    await unchanged()
    for (const { id } of [alive, deleted]) await mallory.send('POST', `/tasks/${id}/restore`)
    expect(await mallory.tasks()).toHaveLength(2)
    await unchanged()
    expect(await trashOf(alice)).toEqual([deleted])
  })

  test("the trash, the changes and the export show the user's own tasks alone", async () => {
    await ids()
    const own = await mallory.newTask({ title: 'mine' })
    expect(await trashOf(mallory)).toEqual([])
    expect(await pull(mallory)).toMatchObject({ tasks: [own], deleted: [] })
    const { next } = await changesOf(alice)
    await problem(mallory.send('GET', `/tasks/changes?since=${next}`), 410)
    const exported = await (await mallory.send('GET', '/auth/me/export')).json()
    expect(exported).toMatchObject({ tasks: [own], trash: [] })
  })

  test("a stranger's Idempotency-Key is another key", async () => {
    const post = (user: TestUser) =>
      read(
        user.send('POST', '/tasks', { json: { title: 'k' }, headers: { 'Idempotency-Key': 'k' } }),
        201,
        Task
      )
    const theirs = await post(alice)
    const mine = await post(mallory)
    expect(mine.id).not.toBe(theirs.id)
    expect(await post(mallory)).toEqual(mine)
    expect(await post(alice)).toEqual(theirs)
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
