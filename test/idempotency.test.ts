import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import worker from '../src/index.ts'
import {
  forAll,
  isRemote,
  logIn,
  newUser,
  type Options,
  pointers,
  problem,
  raw,
  read,
  Task,
  type TestUser,
  throughProxy,
} from './api.ts'
import { sql } from './rows.ts'
import { batch, conflict, day, discard, foreignTag, tagged, tagOf, trashOf } from './sync.ts'

const newKey = () => crypto.randomUUID()

const withKey = (key: string, options: Options = {}): Options => ({
  ...options,
  headers: { ...options.headers, 'Idempotency-Key': key },
})

/** What a client keeps of a reply. */
const kept = async (response: Response) => ({
  status: response.status,
  location: response.headers.get('Location'),
  etag: response.headers.get('ETag'),
  cache: response.headers.get('Cache-Control'),
  type: response.headers.get('Content-Type'),
  body: await response.json(),
})

const createIn = (user: TestUser, key: string, json: unknown = { title: 'x' }) =>
  user.send('POST', '/tasks', withKey(key, { json }))

const repliesOf = (user: TestUser) => sql`select key from replies where user_id = ${user.id}`

/** Each route that takes a key, with a request that succeeds. */
const routes: [method: string, path: string, body: (id: string) => unknown][] = [
  ['POST', '/tasks', () => ({ title: 'new' })],
  ['PATCH', '/tasks/:id', () => ({ title: 'after' })],
  ['PATCH', '/tasks/:id/complete', () => undefined],
  ['PATCH', '/tasks/:id/complete', () => ({ completed: true })],
  ['POST', '/tasks/:deleted/restore', () => undefined],
  ['POST', '/tasks/batch', (id) => [{ op: 'update', id, task: { title: 'after' } }]],
]

/** A user with two tasks, one of them in the trash, and a request to one of the routes. */
const ready = async ([method, path, body]: (typeof routes)[number]) => {
  const user = await newUser()
  const task = await user.newTask({ title: 'before' })
  const deleted = await user.newTask({ title: 'deleted' })
  await discard(user, deleted)
  const url = path.replace(':id', task.id).replace(':deleted', deleted.id)
  const send = (key: string, { json = body(task.id), ...options }: Options = {}) =>
    user.send(method, url, withKey(key, { json, ...options }))
  return { user, task, deleted, send }
}

describe.each(routes)('%s %s with an Idempotency-Key', (...route) => {
  test('the same request with its key again gets the first reply, and nothing is done', async () => {
    const { user, send } = await ready(route)
    const key = newKey()
    const first = await kept(await send(key))
    expect(first.status).toBeLessThan(300)
    const state = async () => [await user.tasks('sort=created_at'), await trashOf(user)]
    const after = await state()
    for (let time = 0; time < 3; time++) expect(await kept(await send(key))).toEqual(first)
    expect(await state()).toEqual(after)
    // Whatever has happened meanwhile.
    expect((await user.send('DELETE', '/tasks')).status).toBe(204)
    expect(await kept(await send(key))).toEqual(first)
    expect(await user.tasks()).toEqual([])
  })

  test('ten equal requests at once get equal replies', async () => {
    const { user, send } = await ready(route)
    const key = newKey()
    const all = await Promise.all(Array.from({ length: 10 }, async () => kept(await send(key))))
    expect(all[0]?.status).toBeLessThan(300)
    for (const one of all) expect(one).toEqual(all[0])
    expect(await repliesOf(user)).toEqual([{ key }])
  })

  test('another request with the key is a 422 at the whole, and changes nothing', async () => {
    const { user, send } = await ready(route)
    const key = newKey()
    await createIn(user, key, { title: 'first' })
    const before = await user.tasks('sort=created_at')
    const { errors } = await problem(send(key), 422)
    expect(errors).toMatchObject([{ pointer: '' }])
    expect(await user.tasks('sort=created_at')).toEqual(before)
  })

  test('a malformed key is a 400, and a stranger a 401', async () => {
    const { send } = await ready(route)
    await problem(send('a b'), 400)
    const accessToken = undefined
    await problem(send('a b', { accessToken }), 401)
    await problem(send('k', { accessToken }), 401)
  })

  test.runIf(!isRemote)(
    'a request with a key and its replay make one request to the database each',
    async () => {
      const { user, task, deleted } = await ready(route)
      const [method, path, body] = route
      const url = path.replace(':id', task.id).replace(':deleted', deleted.id)
      const { send, requests } = throughProxy()
      const { accessToken } = user
      const key = newKey()
      for (const count of [1, 2]) {
        const { status } = await send(
          method,
          url,
          withKey(key, { json: body(task.id), accessToken })
        )
        expect(status).toBeLessThan(300)
        expect(await requests()).toBe(count)
      }
      const other = await send(
        'POST',
        '/tasks',
        withKey(key, { json: { title: 'x' }, accessToken })
      )
      if (path !== '/tasks') expect(other.status).toBe(422)
      expect(await requests()).toBe(3)
    }
  )
})

describe('a request that is the same', () => {
  test('the same request may have other spaces, another order of fields and other escapes', async () => {
    const user = await newUser()
    const key = newKey()
    const bodies = [
      '{"title":"x","tags":["a","b"],"id":{"a":1,"b":[{"c":2,"d":3}]}}',
      ' { "tags" : [ "a" , "b" ] ,\n"title":\t"x", "id":{"b":[{"d":3,"c":2}],"a":1} } ',
      '{"title":"\\u0078","tags":["\\u0061","b"],"id":{"a":1.0,"b":[{"d":3e0,"c":2}]}}',
    ]
    const replies = bodies.map((body) => {
      const { headers, ...rest } = raw(body)
      return user.send('POST', '/tasks', withKey(key, { ...rest, ...(headers && { headers }) }))
    })
    const [first, ...others] = await Promise.all(replies.map((one) => read(one, 201, Task)))
    for (const one of others) expect(one).toEqual(first)
    expect(await user.tasks()).toEqual([first])
  })

  test.each<[name: string, json: unknown]>([
    ['a default filled in', { title: 'x', tags: ['a', 'b'], id: [['a', 1]], priority: 'medium' }],
    ['spaces to be trimmed', { title: ' x', tags: ['a', 'b'], id: [['a', 1]] }],
    ['a field less', { title: 'x', tags: ['a', 'b'] }],
    ['another order of an array', { title: 'x', tags: ['b', 'a'], id: [['a', 1]] }],
    ['another ignored value', { title: 'x', tags: ['a', 'b'], id: [['a', 2]] }],
    ['an object for a list of pairs', { title: 'x', tags: ['a', 'b'], id: { a: 1 } }],
    ['a number for a text', { title: 'x', tags: ['a', 'b'], id: [['a', '1']] }],
  ])('the same request does not have %s', async (_, json) => {
    const user = await newUser()
    const key = newKey()
    await read(createIn(user, key, { title: 'x', tags: ['a', 'b'], id: [['a', 1]] }), 201, Task)
    expect(await pointers(createIn(user, key, json))).toEqual([''])
  })

  test('the same request has the same method, path and query', async () => {
    const user = await newUser()
    const [one, two] = [await user.newTask({ title: '1' }), await user.newTask({ title: '2' })]
    const key = newKey()
    const json = { completed: true }
    await read(user.send('PATCH', `/tasks/${one.id}`, withKey(key, { json })), 200, Task)
    for (const path of [`/tasks/${two.id}`, `/tasks/${one.id}/complete`, `/tasks/${one.id}?a=1`])
      expect(await pointers(user.send('PATCH', path, withKey(key, { json }))), path).toEqual([''])
    expect(await user.task(two.id)).toEqual(two)
  })

  test('the same request may have other preconditions, which a replay does not evaluate', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'before' })
    const key = newKey()
    const patch = (headers: Record<string, string>) =>
      user.send('PATCH', `/tasks/${task.id}`, withKey(key, { json: { title: 'after' }, headers }))
    const first = await tagged(patch({ 'If-Match': tagOf(task) }), 200, Task)
    for (const headers of [
      {},
      { 'If-Match': tagOf(task) },
      { 'If-Match': foreignTag },
      { 'If-None-Match': '*' },
      { 'If-None-Match': tagOf(first) },
    ])
      expect(await tagged(patch(headers), 200, Task)).toEqual(first)
    await problem(patch({ 'If-Match': 'x' }), 400)
  })

  test('a replay fails on preconditions of the collection, which need no database', async () => {
    const user = await newUser()
    const key = newKey()
    await read(createIn(user, key), 201, Task)
    const headers = { 'If-None-Match': '*' }
    await conflict(user.send('POST', '/tasks', withKey(key, { json: { title: 'x' }, headers })))
  })

  test('equal requests at once with an If-Match all get the first reply, and not a 412', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'before' })
    const key = newKey()
    const headers = { 'If-Match': tagOf(task) }
    const options = withKey(key, { json: { title: 'after' }, headers })
    // A statement holds the user's row for a while, so that all requests are under way before one is
    // done. (The embedded Postgres has one connection: there they come one after another.)
    let isOver = false
    const holding = sql`select id, pg_sleep(0.7)::text from users where id = ${user.id} for update`
    const held = holding.then(() => {
      isOver = true
    })
    const isHeld = async () =>
      isOver ||
      !(await sql`select id from users where id = ${user.id} for update skip locked`).length
    await expect.poll(isHeld).toBe(true)
    const all = await Promise.all(
      Array.from({ length: 6 }, async () =>
        kept(await user.send('PATCH', `/tasks/${task.id}`, options))
      )
    )
    await held
    expect(all[0]).toMatchObject({ status: 200, body: { title: 'after' } })
    for (const one of all) expect(one).toEqual(all[0])
  })

  test('a replay has urls on the origin that it asks', async () => {
    const user = await newUser()
    const key = newKey()
    const id = crypto.randomUUID()
    const json = [{ op: 'create', id, task: { title: 'x' } }]
    await batch(user, json)
    const first = await batch(user, json, withKey(key))
    expect(first).toMatchObject([{ status: 200, task: { id } }])
    if (isRemote) return
    const other = 'http://other.example:8080'
    const again = await batch(
      { ...user, send: (method, path, options) => user.send(method, `${other}${path}`, options) },
      json,
      withKey(key)
    )
    expect(again).toEqual([
      { ...first[0], task: { ...first[0]?.task, url: `${other}/tasks/${id}` } },
    ])
    const created = newKey()
    const task = await read(createIn(user, created), 201, Task)
    const elsewhere = withKey(created, { json: { title: 'x' } })
    expect(await read(user.send('POST', `${other}/tasks`, elsewhere), 201, Task)).toEqual({
      ...task,
      url: `${other}/tasks/${task.id}`,
    })
  })
})

describe('what is stored', () => {
  test('a key belongs to the user, and not to the session', async () => {
    const [user, other] = await Promise.all([newUser(), newUser()])
    const key = newKey()
    const first = await read(createIn(user, key), 201, Task)
    const { accessToken } = await logIn(user.email)
    const again = withKey(key, { json: { title: 'x' }, accessToken })
    expect(await read(user.send('POST', '/tasks', again), 201, Task)).toEqual(first)
    const theirs = await read(createIn(other, key, { title: 'theirs' }), 201, Task)
    expect(theirs).toMatchObject({ title: 'theirs' })
    expect(await other.tasks()).toEqual([theirs])
  })

  test('a refusal is not stored, and leaves the key unused', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'before' })
    const key = newKey()
    const path = `/tasks/${task.id}`
    await problem(createIn(user, key, { title: '' }), 422)
    const { headers: type, ...text } = raw('{', 'application/json')
    await problem(
      user.send('POST', '/tasks', withKey(key, { ...text, ...(type && { headers: type }) })),
      400
    )
    const headers = { 'If-Match': foreignTag }
    await conflict(user.send('PATCH', path, withKey(key, { json: { title: 'y' }, headers })))
    await problem(user.send('PATCH', path, withKey(key, { json: { due_time: '10:00' } })), 422)
    await problem(user.send('PATCH', '/tasks/x', withKey(key, { json: { title: 'y' } })), 404)
    await problem(user.send('POST', `/tasks/${newKey()}/restore`, withKey(key)), 404)
    await problem(user.send('POST', '/tasks/batch', withKey(key, { json: [] })), 422)
    expect(await repliesOf(user)).toEqual([])
    await read(createIn(user, key), 201, Task)
    expect(await repliesOf(user)).toEqual([{ key }])
  })

  test('PATCH {} and the restore of a task that is not deleted leave the key unused', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'before' })
    const key = newKey()
    for (const json of [{}, { id: 'ignored', url: null }])
      expect(
        await tagged(user.send('PATCH', `/tasks/${task.id}`, withKey(key, { json })), 200, Task)
      ).toEqual(task)
    expect(
      await tagged(user.send('POST', `/tasks/${task.id}/restore`, withKey(key)), 200, Task)
    ).toEqual(task)
    expect(await repliesOf(user)).toEqual([])
    await read(createIn(user, key), 201, Task)
    await problem(user.send('PATCH', `/tasks/${task.id}`, withKey(key, { json: {} })), 422)
    await problem(user.send('POST', `/tasks/${task.id}/restore`, withKey(key)), 422)
  })

  test('the reply of a batch is stored whatever its outcomes', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'before' })
    for (const json of [
      [{ op: 'delete', id: newKey() }],
      [{ op: 'update', id: task.id, task: {} }],
      [{ op: 'update', id: task.id, task: { title: 'x' }, if_match: '2001-01-01T00:00:00.000Z' }],
      [{ op: 'restore', id: task.id }],
    ]) {
      const key = newKey()
      const first = await batch(user, json, withKey(key))
      await user.send('PATCH', `/tasks/${task.id}/complete`)
      expect(await batch(user, json, withKey(key))).toEqual(first)
      expect(await pointers(createIn(user, key))).toEqual([''])
    }
  })

  test('the cleaning forgets a key after 24 hours', async () => {
    const user = await newUser()
    const [old, recent] = ['old', 'recent']
    const first = await read(createIn(user, old), 201, Task)
    const second = await read(createIn(user, recent), 201, Task)
    const age = (key: string, seconds: number) =>
      sql`update replies set created_at = now() - make_interval(secs => ${seconds})
        where user_id = ${user.id} and key = ${key}`
    await age(old, day + 60)
    await age(recent, day - 60)
    expect(await read(createIn(user, old), 201, Task)).toEqual(first)
    await worker.scheduled({}, env)
    expect(await read(createIn(user, recent), 201, Task)).toEqual(second)
    expect((await read(createIn(user, old), 201, Task)).id).not.toBe(first.id)
  })
})

test('many keys at once create one task each', async () => {
  const user = await newUser()
  const keys = Array.from({ length: 10 }, newKey)
  await forAll(
    keys.flatMap((key) => [key, key, key]),
    (key) => read(createIn(user, key, { title: key }), 201, Task)
  )
  expect((await user.tasks()).map(({ title }) => title).sort()).toEqual(keys.sort())
})
