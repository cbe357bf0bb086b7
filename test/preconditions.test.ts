import { describe, expect, test } from 'vitest'
import { forAll, newUser, type Options, problem, raw, read, Task } from './api.ts'
import {
  conflict,
  discard,
  foreignTag,
  malformedTags,
  shown,
  tagged,
  tagOf,
  trashOf,
} from './sync.ts'

const withTask = async () => {
  const user = await newUser()
  const task = await user.newTask({ title: 'before', due_date: '2026-01-01' })
  return { user, task }
}

/** Each route that writes one task. */
const writes: [method: string, suffix: string, options: Options][] = [
  ['PUT', '', { json: { title: 'after' } }],
  ['PATCH', '', { json: { title: 'after' } }],
  ['PATCH', '', { json: {} }],
  ['PATCH', '/complete', { json: { completed: true } }],
  ['PATCH', '/complete', {}],
  ['DELETE', '', {}],
]

/** Headers that name a version, given the task's own tag. */
const naming = (own: string) => [
  own,
  `  ${own}\t`,
  `${own}, ${own}`,
  `${foreignTag}, ${own}`,
  `${own},${foreignTag}`,
  `,, ${own} ,`,
  `W/${own}, ${own}`,
  `"", "x", ${own}`,
  `"a,b", ${own}`,
  `${`${foreignTag}, `.repeat(250)}${own}`,
]

/** Well-formed headers that name other versions, or things that are no version at all. */
const missing = (own: string) => [
  foreignTag,
  `${foreignTag}, "x"`,
  '""',
  '"*"',
  '"x"',
  '"\\"',
  '"null"',
  '"now"',
  '"infinity"',
  '"-infinity"',
  '"{}"',
  '"0000-01-01T00:00:00.000Z"',
  '"10000-01-01T00:00:00.000Z"',
  '"2026-02-30T00:00:00.000Z"',
  '"2026-01-01T24:00:00.000Z"',
  '"2026-01-01T23:59:60.000Z"',
  `"${'x'.repeat(8_000)}"`,
  own.toLowerCase(),
  own.replace('T', '_'),
  own.replace('Z', ''),
  own.replace('Z', '+00:00'),
  own.replace('Z', '0Z'),
  own.replace(/\dZ"/, 'Z"'),
  `"W/${own.slice(1)}`,
]

describe.each(writes)('%s /tasks/{id}%s %j', (method, suffix, options) => {
  const succeeds = async (headers: (own: string) => Record<string, string>) => {
    const { user, task } = await withTask()
    const response = await user.send(method, `/tasks/${task.id}${suffix}`, {
      ...options,
      headers: headers(tagOf(task)),
    })
    if (method === 'DELETE') return expect(response.status).toBe(204)
    const written = await tagged(response, 200, Task)
    expect(await user.task(task.id)).toEqual(written)
  }

  const fails = async (all: (own: string) => Record<string, string>[]) => {
    const { user, task } = await withTask()
    await forAll(all(tagOf(task)), async (headers) => {
      const reply = user.send(method, `/tasks/${task.id}${suffix}`, { ...options, headers })
      expect(await conflict(reply), shown(Object.values(headers).join())).toEqual(task)
    })
    expect(await user.task(task.id)).toEqual(task)
  }

  test('an If-Match with the strong tag of the task lets the write pass', async () => {
    const { length } = naming('')
    for (let n = 0; n < length; n++) await succeeds((own) => ({ 'If-Match': naming(own)[n] ?? '' }))
  })

  test('an If-Match of * lets the write pass', async () => {
    for (const any of ['*', ' *\t']) await succeeds(() => ({ 'If-Match': any }))
  })

  test('an If-Match without the strong tag of the task is a 412 with the task', async () => {
    await fails((own) =>
      [...missing(own), `W/${own}`, `W/${own}, ${foreignTag}`].map((tags) => ({ 'If-Match': tags }))
    )
  })

  test('an If-None-Match with the tag of the task, strong or weak, is a 412 with the task', async () => {
    await fails((own) => [...naming(own), `W/${own}`].map((tags) => ({ 'If-None-Match': tags })))
  })

  test('an If-None-Match without the tag of the task lets the write pass', async () => {
    const { length } = missing('')
    for (let n = 0; n < length; n++)
      await succeeds((own) => ({ 'If-None-Match': missing(own)[n] ?? '' }))
  })

  test('an If-None-Match of * is a 412 with the task, whatever If-Match says', async () => {
    await fails((own) => [
      { 'If-None-Match': '*' },
      { 'If-None-Match': '*', 'If-Match': '*' },
      { 'If-None-Match': '*', 'If-Match': own },
    ])
  })

  test('both preconditions must hold', async () => {
    await succeeds((own) => ({ 'If-Match': own, 'If-None-Match': foreignTag }))
    await fails((own) => [
      { 'If-Match': own, 'If-None-Match': own },
      { 'If-Match': foreignTag, 'If-None-Match': foreignTag },
    ])
  })

  test('a malformed If-Match or If-None-Match is a 400 that names the header', async () => {
    const { user, task } = await withTask()
    for (const name of ['If-Match', 'If-None-Match'])
      await forAll(malformedTags, async (header) => {
        const response = await user.send(method, `/tasks/${task.id}${suffix}`, {
          ...options,
          headers: { [name]: header },
        })
        expect(response.status, `${name}: ${shown(header)}`).toBe(400)
        expect((await problem(response, 400)).detail).toContain(name)
      })
    expect(await user.task(task.id)).toEqual(task)
  })

  test('a task that is unknown or in the trash is a 404, whatever the preconditions', async () => {
    const { user, task } = await withTask()
    await discard(user, task)
    const [{ updated_at } = task] = await trashOf(user)
    const tag = tagOf({ updated_at })
    const headers = [
      { 'If-Match': '*' },
      { 'If-Match': tag },
      { 'If-Match': foreignTag },
      { 'If-None-Match': tag },
      { 'If-None-Match': '*', 'If-Match': '*' },
      { 'If-None-Match': '*', 'If-Match': tag },
      ...(method === 'PUT' ? [] : [{ 'If-None-Match': '*' }]),
    ]
    for (const id of [task.id, crypto.randomUUID(), 'x'])
      await forAll(headers, (headers) =>
        problem(user.send(method, `/tasks/${id}${suffix}`, { ...options, headers }), 404)
      )
  })
})

describe('the order of refusals', () => {
  const failing = { 'If-Match': foreignTag }

  test.each(['PUT', 'PATCH', 'PATCH /complete'])(
    'a faulty body of %s is refused before a failed precondition',
    async (route) => {
      const { user, task } = await withTask()
      const [method = '', suffix = ''] = route.split(' ')
      const path = `/tasks/${task.id}${suffix}`
      for (const [status, options] of [
        [400, raw('{')],
        [400, raw(new Uint8Array([0x22, 0xff, 0x22]))],
        [413, raw(`"${'x'.repeat(65_536)}"`)],
        [415, raw('{}', 'text/plain')],
        [422, { json: { title: 5, completed: 5 } }],
      ] as [number, Options][])
        for (const headers of [failing, { 'If-None-Match': '*' }])
          await problem(
            user.send(method, path, { ...options, headers: { ...options.headers, ...headers } }),
            status
          )
    }
  )

  test('a request without a good access token is a 401, also with a malformed precondition', async () => {
    const { user, task } = await withTask()
    for (const [method, suffix, options] of writes)
      for (const headers of [failing, { 'If-Match': 'x' }, { 'If-None-Match': '*' }]) {
        const accessToken = undefined
        const path = `/tasks/${task.id}${suffix}`
        await problem(user.send(method, path, { ...options, headers, accessToken }), 401)
      }
  })

  test('a failed If-Match comes before the due_date that a due_time needs', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'no date' })
    const patch = (tag: string) =>
      user.send('PATCH', `/tasks/${task.id}`, {
        json: { due_time: '10:00' },
        headers: { 'If-Match': tag },
      })
    expect(await conflict(patch(foreignTag))).toEqual(task)
    expect((await problem(patch(tagOf(task)), 422)).errors).toMatchObject([
      { pointer: '/due_time' },
    ])
    expect((await problem(patch('*'), 422)).errors).toMatchObject([{ pointer: '/due_time' }])
  })

  test('If-Unmodified-Since, If-Modified-Since, If-Range and Range are ignored', async () => {
    const { user, task } = await withTask()
    const headers = {
      'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT',
      'If-Modified-Since': 'Thu, 01 Jan 2099 00:00:00 GMT',
      'If-Range': tagOf(task),
      Range: 'bytes=0-1',
    }
    expect(await tagged(user.send('GET', `/tasks/${task.id}`, { headers }), 200, Task)).toEqual(
      task
    )
    const json = { title: 'after' }
    await read(user.send('PATCH', `/tasks/${task.id}`, { headers, json }), 200, Task)
    expect((await user.send('GET', '/tasks', { headers })).status).toBe(200)
  })
})

test('a version is named once: after a write its tag is a 412', async () => {
  const { user, task } = await withTask()
  let current = task
  for (const [method, suffix, options] of writes.filter(([method]) => method !== 'DELETE')) {
    const before = current
    const send = (tag: string) =>
      user.send(method, `/tasks/${task.id}${suffix}`, { ...options, headers: { 'If-Match': tag } })
    current = await tagged(send(tagOf(before)), 200, Task)
    const isEmpty = JSON.stringify(options.json) === '{}'
    if (isEmpty) expect(current).toEqual(before)
    else expect(await conflict(send(tagOf(before)))).toEqual(current)
  }
})
