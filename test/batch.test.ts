import { describe, expect, test } from 'vitest'
import {
  isRemote,
  newUser,
  type Options,
  problem,
  type Task,
  type TestUser,
  throughProxy,
} from './api.ts'
import { failInserts } from './rows.ts'
import { batch, changesOf, day, deletedEarlier, discard, trashOf } from './sync.ts'
import { everything } from './task-values.ts'

const earlier = '2001-02-03T04:05:06.789Z'

/** A user with two tasks, one of them in the trash. */
const ready = async () => {
  const user = await newUser()
  const alive = await user.newTask({ title: 'alive', due_date: '2026-01-01' })
  const other = await user.newTask({ title: 'deleted', tags: ['a'] })
  await discard(user, other)
  const [deleted] = (await trashOf(user)) as [Task]
  const run = async (operation: unknown) => (await batch(user, [operation]))[0]
  return { user, alive, deleted, run }
}

/** The state of a user: every task, and every one in the trash. */
const state = async (user: TestUser) => ({
  tasks: await user.tasks('sort=created_at'),
  trash: await trashOf(user),
})

describe('the operation create', () => {
  test('the operation create makes a task, which is a 201 without the task', async () => {
    const { user, run } = await ready()
    const id = crypto.randomUUID()
    const outcome = await run({ op: 'create', id, task: everything })
    const task = await user.task(id)
    expect(outcome).toEqual({ id, status: 201, updated_at: task.updated_at, task: null })
    expect(task).toMatchObject({ ...everything, id, created_at: task.updated_at })
    expect(task.completed_at).toBe(task.updated_at)
  })

  test('the operation create fills in defaults, and ignores the read-only fields', async () => {
    const { user, run } = await ready()
    const [id, other] = [crypto.randomUUID(), crypto.randomUUID()]
    const task = { title: ' x ', id: other, created_at: 5, updated_at: earlier, url: null }
    expect(await run({ op: 'create', id, task })).toMatchObject({ id, status: 201 })
    expect(await user.task(id)).toMatchObject({
      title: 'x',
      priority: 'medium',
      tags: [],
      order: null,
    })
    expect(await run({ op: 'delete', id: other })).toMatchObject({ status: 404 })
  })

  test('the operation create of a task that exists is a 200 with the task, and changes nothing', async () => {
    const { user, alive, run } = await ready()
    const before = await state(user)
    const outcome = await run({ op: 'create', id: alive.id, task: { title: 'other' } })
    const { id, updated_at } = alive
    expect(outcome).toEqual({ id, status: 200, updated_at, task: alive })
    expect(await state(user)).toEqual(before)
  })

  test('the operation create of a task in the trash is a 409, also when it cannot be restored', async () => {
    const { user, deleted, run } = await ready()
    const { id } = deleted
    for (const seconds of [0, 30 * day + 60]) {
      await deletedEarlier(user, deleted, seconds)
      const outcome = await run({ op: 'create', id, task: { title: 'x' } })
      expect(outcome).toEqual({ id, status: 409, updated_at: null, task: null })
    }
  })
})

describe('the operation update', () => {
  test('the operation update changes a task, which is a 200 without the task', async () => {
    const { user, alive, run } = await ready()
    const { id } = alive
    for (const [task, expected] of [
      [{ title: 'after' }, { title: 'after' }],
      [everything, everything],
      [{ completed: false }, { completed: false, completed_at: null }],
      [{ due_date: null }, { due_date: null, due_time: null }],
      [
        { tags: [], description: null, order: null },
        { tags: [], description: null, order: null },
      ],
    ] as [object, object][]) {
      const before = await user.task(id)
      const outcome = await run({ op: 'update', id, task })
      const after = await user.task(id)
      expect(outcome).toEqual({ id, status: 200, updated_at: after.updated_at, task: null })
      expect(after).toMatchObject(expected)
      expect(after.updated_at > before.updated_at).toBe(true)
    }
  })

  test('an empty update is a 200 that moves nothing, and still needs its if_match', async () => {
    const { user, alive, run } = await ready()
    const { id, updated_at } = alive
    for (const task of [{}, { id: 'ignored' }, { url: 5, updated_at: null }]) {
      const outcome = { id, status: 200, updated_at, task: null }
      expect(await run({ op: 'update', id, task })).toEqual(outcome)
      expect(await run({ op: 'update', id, task, if_match: updated_at })).toEqual(outcome)
      const refused = await run({ op: 'update', id, task, if_match: earlier })
      expect(refused).toEqual({ id, status: 412, updated_at, task: alive })
    }
    expect(await user.task(id)).toEqual(alive)
  })

  test('an update that leaves a due_time without a due_date is a 422 with the task', async () => {
    const { user, run } = await ready()
    const bare = await user.newTask({ title: 'no date' })
    const { id, updated_at } = bare
    const update = { op: 'update', id, task: { title: 'x', due_time: '10:00' } }
    expect(await run(update)).toEqual({ id, status: 422, updated_at, task: bare })
    const refused = await run({ ...update, if_match: earlier })
    expect(refused).toEqual({ id, status: 412, updated_at, task: bare })
    expect(
      await run({ ...update, task: { ...update.task, due_date: '2026-01-01' } })
    ).toMatchObject({
      status: 200,
    })
    expect(await run(update)).toMatchObject({ status: 200 })
    expect(await user.task(id)).toMatchObject({ due_date: '2026-01-01', due_time: '10:00' })
  })
})

describe('the operations update and delete', () => {
  const operations = [
    { op: 'update', task: { title: 'after' } },
    { op: 'update', task: {} },
    { op: 'delete' },
  ]

  test.each(operations)(
    '%j of an unknown id, or of one in the trash, is a 404',
    async (operation) => {
      const { user, deleted, run } = await ready()
      const before = await state(user)
      for (const id of [crypto.randomUUID(), deleted.id])
        for (const if_match of [undefined, earlier, deleted.updated_at])
          expect(await run({ ...operation, id, if_match })).toEqual({
            id,
            status: 404,
            updated_at: null,
            task: null,
          })
      expect(await state(user)).toEqual(before)
    }
  )

  test.each(operations)('%j with another if_match is a 412 with the task', async (operation) => {
    const { user, alive, run } = await ready()
    const { id, updated_at } = alive
    for (const if_match of [earlier, '0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'])
      expect(await run({ ...operation, id, if_match })).toEqual({
        id,
        status: 412,
        updated_at,
        task: alive,
      })
    expect(await user.task(id)).toEqual(alive)
    const { status } = (await run({ ...operation, id, if_match: updated_at })) ?? {}
    expect(status).toBe(operation.op === 'delete' ? 204 : 200)
  })
})

test('the operation delete moves a task to the trash, and is a 204', async () => {
  const { user, alive, run } = await ready()
  const { id } = alive
  expect(await run({ op: 'delete', id })).toEqual({ id, status: 204, updated_at: null, task: null })
  const [deleted] = await trashOf(user)
  expect(deleted).toEqual({ ...alive, updated_at: deleted?.updated_at })
  expect(await run({ op: 'delete', id })).toMatchObject({ status: 404 })
})

test('the operation restore brings a task back, or leaves it, or is a 404', async () => {
  const { user, alive, deleted, run } = await ready()
  const { id } = deleted
  const outcome = await run({ op: 'restore', id })
  const task = await user.task(id)
  expect(task).toEqual({ ...deleted, updated_at: task.updated_at })
  expect(task.updated_at > deleted.updated_at).toBe(true)
  expect(outcome).toEqual({ id, status: 200, updated_at: task.updated_at, task: null })
  for (const { id, updated_at } of [task, alive]) {
    const left = { id, status: 200, updated_at, task: null }
    expect(await run({ op: 'restore', id })).toEqual(left)
  }
  const unknown = crypto.randomUUID()
  const none = { id: unknown, status: 404, updated_at: null, task: null }
  expect(await run({ op: 'restore', id: unknown })).toEqual(none)
  await discard(user, task)
  await deletedEarlier(user, task, 30 * day + 60)
  expect(await run({ op: 'restore', id })).toEqual({ ...none, id })
})

describe('a batch', () => {
  test('a batch of every operation has its outcomes in order, and one updated_at', async () => {
    const { user, alive, deleted } = await ready()
    const [exists, stale, dated, gone] = await Promise.all([
      user.newTask({ title: 'exists' }),
      user.newTask({ title: 'stale' }),
      user.newTask({ title: 'dateless' }),
      user.newTask({ title: 'gone' }),
    ])
    const [created, unknown] = [crypto.randomUUID(), crypto.randomUUID()]
    const outcomes = await batch(user, [
      { op: 'update', id: stale.id, task: { title: 'x' }, if_match: earlier },
      { op: 'create', id: created, task: { title: 'created' } },
      { op: 'restore', id: deleted.id },
      { op: 'update', id: unknown, task: { title: 'x' } },
      { op: 'update', id: alive.id, task: { title: 'after' }, if_match: alive.updated_at },
      { op: 'update', id: dated.id, task: { due_time: '10:00' } },
      { op: 'create', id: exists.id, task: { title: 'other' } },
      { op: 'delete', id: gone.id },
    ])
    const now = outcomes[1]?.updated_at
    expect(outcomes).toEqual([
      { id: stale.id, status: 412, updated_at: stale.updated_at, task: stale },
      { id: created, status: 201, updated_at: now, task: null },
      { id: deleted.id, status: 200, updated_at: now, task: null },
      { id: unknown, status: 404, updated_at: null, task: null },
      { id: alive.id, status: 200, updated_at: now, task: null },
      { id: dated.id, status: 422, updated_at: dated.updated_at, task: dated },
      { id: exists.id, status: 200, updated_at: exists.updated_at, task: exists },
      { id: gone.id, status: 204, updated_at: null, task: null },
    ])
    for (const id of [created, deleted.id, alive.id])
      expect((await user.task(id)).updated_at).toBe(now)
    expect((await trashOf(user))[0]).toMatchObject({ id: gone.id, updated_at: now })
  })

  test('a batch takes ids in capitals, and answers in lower case', async () => {
    const { user, alive, deleted } = await ready()
    const id = crypto.randomUUID()
    const outcomes = await batch(user, [
      { op: 'create', id: id.toUpperCase(), task: { title: 'x' } },
      { op: 'update', id: alive.id.toUpperCase(), task: { title: 'x' } },
      { op: 'restore', id: deleted.id.toUpperCase() },
    ])
    expect(outcomes).toMatchObject([
      { id, status: 201 },
      { id: alive.id, status: 200 },
      { id: deleted.id, status: 200 },
    ])
  })

  test('a batch of 100 operations of each kind is run whole', async () => {
    const user = await newUser()
    const ids = Array.from({ length: 100 }, () => crypto.randomUUID())
    for (const [status, operation] of [
      [201, { op: 'create', task: { title: 'x' } }],
      [200, { op: 'update', task: { title: 'y' } }],
      [204, { op: 'delete' }],
      [200, { op: 'restore' }],
    ] as const) {
      const outcomes = await batch(
        user,
        ids.map((id) => ({ ...operation, id }))
      )
      expect(outcomes.map(({ id, status }) => [id, status])).toEqual(ids.map((id) => [id, status]))
      expect(new Set(outcomes.map(({ updated_at }) => updated_at)).size).toBe(1)
    }
    const { tasks } = await changesOf(user, { limit: 500 })
    expect(tasks.map(({ title }) => title)).toEqual(ids.map(() => 'y'))
  })

  test('a batch whose statement fails writes nothing, stores no reply, and is no array', async () => {
    const { user, alive, deleted } = await ready()
    const before = await state(user)
    const repair = await failInserts(user.id)
    const json = [
      { op: 'update', id: alive.id, task: { title: 'x' } },
      { op: 'restore', id: deleted.id },
      { op: 'create', id: crypto.randomUUID(), task: { title: 'x' } },
    ]
    const options: Options = { json, headers: { 'Idempotency-Key': 'k' } }
    await problem(user.send('POST', '/tasks/batch', options), 500)
    expect(await state(user)).toEqual(before)
    await repair()
    const outcomes = await batch(user, json, options)
    expect(outcomes.map(({ status }) => status)).toEqual([200, 200, 201])
  })

  test('five batches at once that overlap lose no update', async () => {
    const user = await newUser()
    const ids = Array.from({ length: 8 }, () => crypto.randomUUID())
    await batch(
      user,
      ids.map((id) => ({ op: 'create', id, task: { title: 'x' } }))
    )
    const fields = [
      { title: 'y' },
      { priority: 'high' },
      { order: 1 },
      { completed: true },
      { tags: ['a'] },
    ]
    const outcomes = await Promise.all(
      fields.map((task, n) => {
        const turned = [...ids.slice(n), ...ids.slice(0, n)]
        return batch(
          user,
          turned.map((id) => ({ op: 'update', id, task }))
        )
      })
    )
    expect(outcomes.flat().filter(({ status }) => status !== 200)).toEqual([])
    const times = outcomes.map((one) => new Set(one.map(({ updated_at }) => updated_at)))
    for (const one of times) expect(one.size).toBe(1)
    expect(new Set(times.flatMap((one) => [...one])).size).toBe(fields.length)
    for (const task of await user.tasks()) expect(task).toMatchObject(Object.assign({}, ...fields))
  })

  test.runIf(!isRemote)(
    'a batch makes one request to the database, also when all is refused',
    async () => {
      const { user, alive } = await ready()
      const { send, requests } = throughProxy()
      const { accessToken } = user
      const json = [
        { op: 'update', id: alive.id, task: {}, if_match: earlier },
        { op: 'delete', id: crypto.randomUUID() },
      ]
      expect((await send('POST', '/tasks/batch', { json, accessToken })).status).toBe(200)
      expect(await requests()).toBe(1)
      await problem(send('POST', '/tasks/batch', { json: [], accessToken }), 422)
      expect(await requests()).toBe(1)
    }
  )
})
