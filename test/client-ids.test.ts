import { describe, expect, test } from 'vitest'
import {
  forAll,
  isRemote,
  newUser,
  pointers,
  problem,
  read,
  send,
  Task,
  throughProxy,
} from './api.ts'
import { batch, conflict, day, deletedEarlier, discard, foreignTag, tagged, tagOf } from './sync.ts'
import { everything } from './task-values.ts'

/** Creates a task under this id, unless it exists. */
const creating = (json: unknown = { title: 'x' }, headers = {}) => ({
  json,
  headers: { 'If-None-Match': '*', ...headers },
})

describe('PUT /tasks/{id} with If-None-Match: *', () => {
  test('a PUT with If-None-Match: * creates the task under the id, and is a 201 with its Location', async () => {
    const user = await newUser()
    const id = crypto.randomUUID()
    const response = await user.send('PUT', `/tasks/${id}`, creating(everything))
    expect(response.headers.get('Location')).toBe(`/tasks/${id}`)
    const task = await tagged(response, 201, Task)
    expect(task).toMatchObject({ ...everything, id })
    expect(task.created_at).toBe(task.updated_at)
    expect(task.completed_at).toBe(task.updated_at)
    expect(await user.task(id)).toEqual(task)
  })

  test('an id of the client may be a UUID of any version and case, and comes back in lower case', async () => {
    const user = await newUser()
    const ids = [
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((version) => `0198C2F4-7d3a-${version}c41-9f0e-2b6d5a8e1f33`),
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ]
    for (const id of ids) {
      const response = await user.send('PUT', `/tasks/${id}`, creating())
      expect(response.headers.get('Location')).toBe(`/tasks/${id.toLowerCase()}`)
      expect((await read(response, 201, Task)).id).toBe(id.toLowerCase())
      await conflict(user.send('PUT', `/tasks/${id}`, creating()))
    }
    expect(await user.tasks()).toHaveLength(ids.length)
  })

  test('a creation that is sent again is a 412 with the task, and changes nothing', async () => {
    const user = await newUser()
    const id = crypto.randomUUID()
    const task = await read(user.send('PUT', `/tasks/${id}`, creating()), 201, Task)
    for (const json of [{ title: 'x' }, { title: 'other' }])
      expect(await conflict(user.send('PUT', `/tasks/${id}`, creating(json)))).toEqual(task)
    expect(await user.tasks()).toEqual([task])
  })

  test('a creation under an id in the trash is a 409, also when it can no longer be restored', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'deleted' })
    await discard(user, task)
    for (const seconds of [0, 30 * day - 60, 120]) {
      await deletedEarlier(user, task, seconds)
      await problem(user.send('PUT', `/tasks/${task.id}`, creating()), 409)
    }
    expect(await user.tasks()).toEqual([])
  })

  test('a creation under a malformed id is a 404 and creates nothing', async () => {
    const user = await newUser()
    const id = crypto.randomUUID()
    for (const malformed of ['x', '0', id.replaceAll('-', ''), `{${id}}`, `${id}0`, `${id}%20`])
      await problem(user.send('PUT', `/tasks/${malformed}`, creating()), 404)
    expect(await user.tasks()).toEqual([])
  })

  test('a creation under an id that another user has makes a task, and leaves theirs alone', async () => {
    const [user, other] = await Promise.all([newUser(), newUser()])
    const theirs = await other.newTask({ title: 'theirs' })
    const mine = await read(user.send('PUT', `/tasks/${theirs.id}`, creating()), 201, Task)
    expect(mine).toMatchObject({ id: theirs.id, title: 'x' })
    expect(await other.task(theirs.id)).toEqual(theirs)
    await discard(user, mine)
    expect(await other.task(theirs.id)).toEqual(theirs)
    await problem(user.send('GET', `/tasks/${theirs.id}`), 404)
    await discard(other, theirs)
    await read(user.send('POST', `/tasks/${theirs.id}/restore`), 200, Task)
    await problem(other.send('GET', `/tasks/${theirs.id}`), 404)
  })

  test('If-None-Match: * together with If-Match never creates: 404 for an unknown id, 412 for a task', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    for (const tags of ['*', foreignTag, tagOf(task)]) {
      const both = creating({ title: 'y' }, { 'If-Match': tags })
      await problem(user.send('PUT', `/tasks/${crypto.randomUUID()}`, both), 404)
      expect(await conflict(user.send('PUT', `/tasks/${task.id}`, both))).toEqual(task)
    }
    expect(await user.tasks()).toEqual([task])
  })

  test('a creation ignores the id and the other read-only fields of the body', async () => {
    const user = await newUser()
    const [id, other] = [crypto.randomUUID(), crypto.randomUUID()]
    const json = { title: 'x', id: other, created_at: '2001-01-01T00:00:00.000Z', url: 5 }
    expect(await read(user.send('PUT', `/tasks/${id}`, creating(json)), 201, Task)).toMatchObject({
      id,
    })
    await problem(user.send('GET', `/tasks/${other}`), 404)
  })

  test('a creation by a stranger or with a faulty body is refused, whatever the id', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    for (const id of [task.id, crypto.randomUUID(), 'x']) {
      expect(await pointers(user.send('PUT', `/tasks/${id}`, creating({})))).toEqual(['/title'])
      const timeOnly = creating({ title: 'x', due_time: '10:00' })
      expect(await pointers(user.send('PUT', `/tasks/${id}`, timeOnly))).toEqual(['/due_time'])
      await problem(send('PUT', `/tasks/${id}`, creating()), 401)
    }
  })

  test('ten creations at once under one id create one task', async () => {
    const user = await newUser()
    const id = crypto.randomUUID()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        user.send('PUT', `/tasks/${id}`, creating({ title: `${n}` }))
      )
    )
    const statuses = replies.map(({ status }) => status).sort()
    expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 412)])
    const [task] = await user.tasks()
    await forAll(replies, async (reply) => {
      if (reply.status === 201) expect(await read(reply, 201, Task)).toEqual(task)
      else expect(await conflict(reply)).toEqual(task)
    })
  })

  test.runIf(!isRemote)(
    'a creation under an id makes one request to the database, and two where it is refused',
    async () => {
      const user = await newUser()
      const [alive, deleted] = [
        await user.newTask({ title: 'x' }),
        await user.newTask({ title: 'y' }),
      ]
      await discard(user, deleted)
      for (const [status, id, count] of [
        [201, crypto.randomUUID(), 1],
        [412, alive.id, 2],
        [409, deleted.id, 2],
      ] as const) {
        const { send, requests } = throughProxy()
        const { accessToken } = user
        const response = await send('PUT', `/tasks/${id}`, { ...creating(), accessToken })
        expect(response.status).toBe(status)
        expect(await requests(), `${status}`).toBe(count)
      }
    }
  )
})

test('PUT of an unknown id creates nothing without If-None-Match: *', async () => {
  const user = await newUser()
  const json = { title: 'x' }
  for (const headers of [
    {},
    { 'If-Match': '*' },
    { 'If-None-Match': '"x"' },
    { 'If-None-Match': '"*"' },
  ])
    await problem(user.send('PUT', `/tasks/${crypto.randomUUID()}`, { json, headers }), 404)
  expect(await user.tasks()).toEqual([])
})

test('a task with an id of the client is like any other', async () => {
  const user = await newUser()
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()]
  await read(user.send('PUT', `/tasks/${one}`, creating()), 201, Task)
  await batch(user, [{ op: 'create', id: two, task: { title: 'y' } }])
  for (const id of [one, two]) {
    await read(user.send('PATCH', `/tasks/${id}`, { json: { title: 'z' } }), 200, Task)
    await discard(user, { id })
    await problem(user.send('GET', `/tasks/${id}`), 404)
    await read(user.send('POST', `/tasks/${id}/restore`), 200, Task)
  }
})
