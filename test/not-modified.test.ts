import { describe, expect, test } from 'vitest'
import { forAll, isRemote, newUser, problem, read, send, sendWith, Task, Tasks } from './api.ts'
import { nextOf } from './lists.ts'
import { batch, discard, foreignTag, listTag, malformedTags, shown, tagged, tagOf } from './sync.ts'
import { claims, forge } from './tokens.ts'

const path = ({ id }: Task) => `/tasks/${id}`

/** The headers of a reply that do not change from one request to the next. */
const lasting = ({ headers }: Response) => {
  const { 'x-request-id': _, date: __, ...rest } = Object.fromEntries(headers)
  return rest
}

const is304 = async (response: Response, like: Response) => {
  expect(response.status).toBe(304)
  expect(await response.text()).toBe('')
  expect(response.headers.get('X-Request-Id')).toMatch(/./)
  const { 'content-type': _, 'content-length': __, link: ___, ...headers } = lasting(like)
  expect(headers).toMatchObject({ etag: /./, 'cache-control': /no-store/, vary: 'Origin' })
  expect(lasting(response)).toEqual(headers)
}

describe.each(['GET', 'HEAD'])('%s /tasks/{id}', (method) => {
  test('a task that the client has is a 304 without a body, with the headers of the 200', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const own = tagOf(task)
    const full = await user.send(method, path(task))
    expect(full.status).toBe(200)
    expect(full.headers.get('ETag')).toBe(own)
    expect(full.headers.get('Cache-Control')).toBe('no-store, no-transform')
    for (const tags of [
      own,
      `W/${own}`,
      '*',
      `${foreignTag}, ${own}`,
      `"x",W/${own},`,
      `${own},${own}`,
    ])
      await is304(await user.send(method, path(task), { headers: { 'If-None-Match': tags } }), full)
  })

  test('a task that the client does not have is a 200', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const own = tagOf(task)
    for (const tags of [
      foreignTag,
      `W/${foreignTag}`,
      '"*"',
      '""',
      own.toLowerCase(),
      own.replace('Z', ''),
      own.replace('Z', '+00:00'),
    ]) {
      const headers = { 'If-None-Match': tags }
      expect((await user.send(method, path(task), { headers })).status).toBe(200)
    }
    const json = { title: 'y' }
    await read(user.send('PATCH', path(task), { json }), 200, Task)
    const headers = { 'If-None-Match': own }
    expect((await user.send(method, path(task), { headers })).status).toBe(200)
  })

  test('an If-Match of a read is ignored, a malformed one too', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    for (const tags of [foreignTag, `W/${foreignTag}`, '*', ...malformedTags]) {
      const headers = { 'If-Match': tags }
      expect((await user.send(method, path(task), { headers })).status, shown(tags)).toBe(200)
      expect((await user.send(method, '/tasks', { headers })).status, shown(tags)).toBe(200)
    }
  })

  test('an unknown, a deleted or a malformed id is a 404, whatever If-None-Match says', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    await discard(user, task)
    for (const id of [task.id, crypto.randomUUID(), 'x'])
      for (const tags of ['*', tagOf(task), foreignTag]) {
        const headers = { 'If-None-Match': tags }
        expect((await user.send(method, `/tasks/${id}`, { headers })).status).toBe(404)
      }
  })
})

test('a malformed If-None-Match is a 400 of GET /tasks/{id} and GET /tasks', async () => {
  const user = await newUser()
  const task = await user.newTask({ title: 'x' })
  await forAll(malformedTags, async (tags) => {
    const headers = { 'If-None-Match': tags }
    for (const of of [path(task), '/tasks']) {
      const response = await user.send('GET', of, { headers })
      expect(response.status, shown(tags)).toBe(400)
      expect((await problem(response, 400)).detail).toMatch(/^If-None-Match /)
    }
  })
})

test('an If-None-Match of 100,000 spaces is refused at once', async () => {
  const user = await newUser()
  const headers = { 'If-None-Match': `"x",${' '.repeat(100_000)}y` }
  const start = Date.now()
  await problem(user.send('GET', '/tasks', { headers }), 400)
  expect(Date.now() - start).toBeLessThan(3000)
})

// The runtime itself drops an empty header of a request that it hands over.
test.runIf(!isRemote)('an empty precondition is a 400', async () => {
  const { accessToken } = await newUser()
  for (const [method, path, name] of [
    ['GET', '/tasks', 'If-None-Match'],
    ['DELETE', '/tasks/x', 'If-Match'],
    ['DELETE', '/tasks/x', 'If-None-Match'],
  ] as const)
    await problem(sendWith({})(method, path, { accessToken, headers: { [name]: '' } }), 400)
})

describe('the ETag of a list', () => {
  test('the ETag of a list is weak, and made of a version, the last write and the user', async () => {
    const user = await newUser()
    const none = await listTag(user)
    expect(none).toMatch(/^W\/"1-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z-[\da-f]{8}"$/)
    const task = await user.newTask({ title: 'x' })
    expect(await listTag(user)).toBe(`W/"1-${task.updated_at}-${user.id.slice(0, 8)}"`)
  })

  test('the ETag is the same for every list, and the trash, the changes and errors have none', async () => {
    const user = await newUser()
    const [task] = [await user.newTask({ title: 'x' }), await user.newTask({ title: 'y' })]
    const tag = await listTag(user)
    for (const query of [
      '?limit=1',
      '?sort=-title',
      '?search=nothing',
      '?completed=true',
      '?deleted=false',
    ])
      expect(await listTag(user, query), query).toBe(tag)
    await discard(user, task)
    expect((await user.send('GET', '/tasks?deleted=true')).headers.get('ETag')).toBe(null)
    expect((await user.send('GET', '/tasks?limit=0')).headers.get('ETag')).toBe(null)
    expect((await user.send('GET', '/tasks/changes')).headers.get('ETag')).toBe(null)
  })

  test('the ETag of a list moves with every write, and not with PATCH {}', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const id = crypto.randomUUID()
    const update = (task: unknown) => () => batch(user, [{ op: 'update', id, task }])
    const seen = new Set([await listTag(user)])
    for (const [name, write] of Object.entries({
      create: () => user.newTask({ title: 'y' }),
      put: () => user.send('PUT', path(task), { json: { title: 'y' } }),
      'the same put': () => user.send('PUT', path(task), { json: { title: 'y' } }),
      patch: () => user.send('PATCH', path(task), { json: { order: 1 } }),
      complete: () => user.send('PATCH', `${path(task)}/complete`, { json: { completed: true } }),
      toggle: () => user.send('PATCH', `${path(task)}/complete`),
      delete: () => discard(user, task),
      restore: () => user.send('POST', `${path(task)}/restore`),
      'a batch that creates': () => batch(user, [{ op: 'create', id, task: { title: 'z' } }]),
      'a batch that updates': update({ title: 'zz' }),
      'delete many': () => user.send('DELETE', '/tasks'),
    })) {
      await write()
      const tag = await listTag(user)
      expect(seen.has(tag), name).toBe(false)
      seen.add(tag)
    }
    await read(user.send('POST', `${path(task)}/restore`), 200, Task)
    const tag = await listTag(user)
    await read(user.send('PATCH', path(task), { json: {} }), 200, Task)
    await read(user.send('PATCH', path(task), { json: { id: 'ignored' } }), 200, Task)
    expect(await listTag(user)).toBe(tag)
  })

  test.each(['GET', 'HEAD'])('%s of a list that has not changed is a 304', async (method) => {
    const user = await newUser()
    for (const title of ['x', 'y']) await user.newTask({ title })
    const full = await user.send(method, '/tasks?limit=1')
    expect(nextOf(full)).toBeTruthy()
    const tag = full.headers.get('ETag') ?? ''
    for (const tags of [tag, tag.slice(2), `${foreignTag}, ${tag}`, `${tag},${tag}`, '*'])
      for (const query of ['?limit=1', '', '?sort=-title', '?search=x'])
        await is304(
          await user.send(method, `/tasks${query}`, { headers: { 'If-None-Match': tags } }),
          full
        )
    const other = tag.replace(/.{9}"$/, '-00000000"')
    for (const tags of [
      foreignTag,
      other,
      tag.replace('"1-', '"2-'),
      tag.replace('"1-', '"1'),
      tag.replace('Z-', 'z-'),
      tag.slice(2).toLowerCase(),
      tag.replace(/\d{4}/, '0000'),
      tag.replace(/-[^-]+"$/, '"'),
      `W/"1--${user.id.slice(0, 8)}"`,
      `W/"1-infinity-${user.id.slice(0, 8)}"`,
      '""',
      '"*"',
    ]) {
      const response = await user.send(method, '/tasks', { headers: { 'If-None-Match': tags } })
      expect(response.status, tags).toBe(200)
      expect(response.headers.get('ETag')).toBe(tag)
    }
  })

  test("the tag of another user's list is never a 304", async () => {
    const [one, other] = await Promise.all([newUser(), newUser()])
    await other.newTask({ title: 'theirs' })
    const headers = { 'If-None-Match': await listTag(other) }
    const response = await one.send('GET', '/tasks', { headers })
    expect(await read(response, 200, Tasks)).toEqual([])
  })

  test('a faulty query of a list is a 422, also when nothing has changed', async () => {
    const user = await newUser()
    for (const tags of [await listTag(user), '*'])
      await problem(user.send('GET', '/tasks?limit=0', { headers: { 'If-None-Match': tags } }), 422)
    await problem(send('GET', '/tasks', { headers: { 'If-None-Match': '*' } }), 401)
    const accessToken = await forge(claims(crypto.randomUUID()))
    await problem(send('GET', '/tasks', { headers: { 'If-None-Match': '*' }, accessToken }), 401)
  })

  test('the trash and the changes ignore preconditions, malformed ones too', async () => {
    const user = await newUser()
    await discard(user, await user.newTask({ title: 'x' }))
    for (const of of ['/tasks?deleted=true', '/tasks/changes'])
      for (const tags of ['*', await listTag(user), foreignTag, ...malformedTags])
        for (const name of ['If-Match', 'If-None-Match']) {
          const response = await user.send('GET', of, { headers: { [name]: tags } })
          expect(response.status, `${of} ${name}: ${shown(tags)}`).toBe(200)
        }
  })
})

test('every 200 and 201 with a task has its ETag', async () => {
  const user = await newUser()
  const created = await tagged(user.send('POST', '/tasks', { json: { title: 'x' } }), 201, Task)
  expect(created.updated_at).toBe(created.created_at)
  for (const [method, suffix, json] of [
    ['GET', '', undefined],
    ['PUT', '', { title: 'y' }],
    ['PATCH', '', { title: 'z' }],
    ['PATCH', '', {}],
    ['PATCH', '/complete', { completed: true }],
    ['PATCH', '/complete', undefined],
    ['POST', '/restore', undefined],
  ] as const)
    await tagged(user.send(method, `/tasks/${created.id}${suffix}`, { json }), 200, Task)
  await discard(user, created)
  await tagged(user.send('POST', `/tasks/${created.id}/restore`), 200, Task)
  const chosen = { json: { title: 'x' }, headers: { 'If-None-Match': '*' } }
  await tagged(user.send('PUT', `/tasks/${crypto.randomUUID()}`, chosen), 201, Task)
})
