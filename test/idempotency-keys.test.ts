import { describe, expect, test } from 'vitest'
import { forAll, newUser, type Options, problem, read, Task, type TestUser } from './api.ts'
import { batch, discard, shown } from './sync.ts'

const create = (user: TestUser, key: string, json: unknown = { title: 'x' }) =>
  user.send('POST', '/tasks', { json, headers: { 'Idempotency-Key': key } })

const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).join('')
const quoted = (key: string) => `"${key.replace(/[\\"]/g, '\\$&')}"`

describe('an Idempotency-Key', () => {
  test.each([
    'k',
    '0',
    '-',
    '.',
    'a.b_c:d-e',
    crypto.randomUUID(),
    'x'.repeat(255),
    'ABCXYZabcxyz0189._:-',
  ])('a key is the same with and without quotes: %s', async (key) => {
    const user = await newUser()
    const task = await read(create(user, key), 201, Task)
    for (const same of [quoted(key), key, ` ${key}\t`, ` ${quoted(key)}`])
      expect(await read(create(user, same), 201, Task)).toEqual(task)
    expect(await user.tasks()).toEqual([task])
  })

  test.each([
    ['spaces', ' a  b '],
    ['commas', 'a, b,c'],
    ['a quote', 'a"b'],
    ['a backslash', 'a\\b'],
    ['quotes and backslashes alone', '\\"\\\\""'],
    ['every printable character', printable],
    ['255 escaped characters', '"'.repeat(255)],
    ['a semicolon', 'k;a=1'],
    ['another case', 'K'],
  ])('a key in quotes may have %s', async (_, key) => {
    const user = await newUser()
    const first = await read(create(user, quoted(key)), 201, Task)
    expect(await read(create(user, quoted(key)), 201, Task)).toEqual(first)
    const other = await read(create(user, 'k'), 201, Task)
    expect(other.id).not.toBe(first.id)
  })

  test('a malformed key is a 400, and nothing is done', async () => {
    const user = await newUser()
    await forAll(
      [
        '',
        '""',
        '"',
        '"""',
        '"k',
        'k"',
        "'k'",
        '"k""l"',
        '"k" "l"',
        'k l',
        'k, l',
        'k,l',
        'k,',
        ',k',
        'k, k',
        '"k", "k"',
        '"k","l"',
        '"k",',
        '"k", l',
        '"k";a=1',
        '"k";',
        'k;a',
        '"\\a"',
        '"\\"',
        '"\\\\\\"',
        '"a\\',
        '"a\tb"',
        '"a\u0001b"',
        '"a\u007fb"',
        'a/b',
        'a+b',
        'a=b',
        'a@b',
        '*',
        '?1',
        ':a2V5:=',
        '(k)',
        'x'.repeat(256),
        quoted('x'.repeat(256)),
        quoted('"'.repeat(256)),
        quoted('x'.repeat(10_000)),
        `"${'\\"'.repeat(5_000)}`,
      ],
      async (key) => {
        const response = await create(user, key)
        expect(response.status, shown(key)).toBe(400)
        expect((await problem(response, 400)).detail).toContain('Idempotency-Key')
      }
    )
    expect(await user.tasks()).toEqual([])
  })

  test('a key is ignored on PUT, DELETE and GET, a malformed one too', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    for (const key of ['k', 'a b', '']) {
      const headers = { 'Idempotency-Key': key }
      const put = (title: string) =>
        read(user.send('PUT', `/tasks/${task.id}`, { json: { title }, headers }), 200, Task)
      expect(await put('1')).toMatchObject({ title: '1' })
      expect(await put('2')).toMatchObject({ title: '2' })
      for (const path of [`/tasks/${task.id}`, '/tasks', '/tasks/changes'])
        expect((await user.send('GET', path, { headers })).status).toBe(200)
      for (const status of [204, 404])
        expect((await user.send('DELETE', `/tasks/${task.id}`, { headers })).status).toBe(status)
      for (const status of [204, 204])
        expect((await user.send('DELETE', '/tasks', { headers })).status).toBe(status)
      await read(user.send('POST', `/tasks/${task.id}/restore`), 200, Task)
    }
    expect((await read(create(user, 'k', { title: 'unused' }), 201, Task)).title).toBe('unused')
  })
})

describe('bodies that are nested deeply', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

  test.each([
    ['arrays', nested(30_000), nested(29_999)],
    ['objects', objects(10_000), objects(9_999)],
  ])(
    'a read-only field of many %s is ignored, and tells requests apart',
    async (_, deep, other) => {
      const user = await newUser()
      const type = { 'Content-Type': 'application/json' }
      const send = (key: string | undefined, id: string): Promise<Response> => {
        const headers = { ...type, ...(key && { 'Idempotency-Key': key }) }
        return user.send('POST', '/tasks', { body: `{"title":"x","id":${id}}`, headers })
      }
      await read(send(undefined, deep), 201, Task)
      const first = await read(send('k', deep), 201, Task)
      expect(await read(send('k', deep), 201, Task)).toEqual(first)
      await problem(send('k', other), 422)
    }
  )

  test('a batch of 1 MiB with a deep field is run, and run once with a key', async () => {
    const user = await newUser()
    const id = crypto.randomUUID()
    const body = `[{"op":"create","id":"${id}","task":{"title":"x","url":${nested(520_000)}}}]`
    const options = (headers = {}): Options => ({
      body,
      headers: { 'Content-Type': 'application/json', ...headers },
    })
    const run = async (headers = {}) => {
      const response = await user.send('POST', '/tasks/batch', options(headers))
      expect(response.status).toBe(200)
      return response.json()
    }
    const key = { 'Idempotency-Key': 'k' }
    const first = await run(key)
    expect(first).toMatchObject([{ status: 201 }])
    expect(await run(key)).toEqual(first)
    expect(await run()).toMatchObject([{ status: 200 }])
  })

  test('a deep value in any other field is a 422, with a key too', async () => {
    const user = await newUser()
    for (const headers of [{}, { 'Idempotency-Key': 'k' }])
      for (const field of ['title', 'tags', 'order', 'unknown']) {
        const body = `{"title":"x","${field}":${nested(30_000)}}`
        const type = { 'Content-Type': 'application/json' }
        await problem(user.send('POST', '/tasks', { body, headers: { ...type, ...headers } }), 422)
      }
  })
})

describe('a restore with a body and a key', () => {
  test('a restore with a key does not read its body', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    for (const [n, body] of ['{', 'text', '\u0000', '{}', '[]', ''].entries()) {
      await discard(user, task)
      const headers = { 'Idempotency-Key': `k${n}` }
      const restore = () => user.send('POST', `/tasks/${task.id}/restore`, { body, headers })
      const first = await read(restore(), 200, Task)
      expect(await read(restore(), 200, Task)).toEqual(first)
    }
    expect(await batch(user, [{ op: 'restore', id: task.id }])).toMatchObject([{ status: 200 }])
  })
})
