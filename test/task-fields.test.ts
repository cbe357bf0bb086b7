import { describe, expect, test } from 'vitest'
import {
  forAll,
  isRemote,
  newUser,
  type Options,
  origin,
  pointers,
  problem,
  raw,
  read,
  Task,
  Tasks,
} from './api.ts'
import { sql } from './rows.ts'
import { accepted, refused } from './task-values.ts'

const verbs = ['POST', 'PUT', 'PATCH'] as const
const success = { POST: 201, PUT: 200, PATCH: 200 }

/** A user with one task, and a way to write with this verb: to a new task, or to that one. */
const writer = async (verb: (typeof verbs)[number]) => {
  const user = await newUser()
  const task = await user.newTask({ title: 'before' })
  const path = verb === 'POST' ? '/tasks' : `/tasks/${task.id}`
  const title = verb === 'PATCH' ? {} : { title: 'title' }
  return {
    user,
    task,
    send: (options?: Options) => user.send(verb, path, options),
    write: (fields: object) => user.send(verb, path, { json: { ...title, ...fields } }),
  }
}

/** Bodies with a value for each field of the table, until every value has been in one. */
const rounds = <Then>(table: Record<string, [sent: unknown, then?: Then][]>) =>
  Array.from({ length: Math.max(...Object.values(table).map(({ length }) => length)) }, (_, n) =>
    Object.entries(table).map(([field, values]) => {
      const [sent, then] = values[n % values.length] ?? []
      return { field, sent, then }
    })
  )

const bodyOf = (round: { field: string; sent: unknown }[]) =>
  Object.fromEntries(round.map(({ field, sent }) => [field, sent]))

describe.each(verbs)('the fields of a task in a %s', (verb) => {
  test('every valid value is stored, up to the limits of its field', async () => {
    const { write } = await writer(verb)
    // There are twice as many due dates as due times, so no time meets the date that is null.
    for (const round of rounds(accepted)) {
      const expected = round.map(({ field, sent, then = sent }) => [field, then])
      const task = await read(write(bodyOf(round)), success[verb], Task)
      expect.soft(task).toMatchObject(Object.fromEntries(expected))
    }
  })

  test('every invalid value is a 422 that points at it, and nothing is written', async () => {
    const { user, task, write } = await writer(verb)
    const { due_time, ...others } = refused
    // A due_time needs a due_date, so its values are sent with a valid one.
    await forAll([...rounds(others), ...rounds({ due_time })], async (round) => {
      const found = await pointers(write({ due_date: '2026-05-05', ...bodyOf(round) }))
      const expected = round.map(({ field, then = `/${field}` }) => then)
      const values = round.map(({ sent }) => JSON.stringify(sent).slice(0, 30).toWellFormed())
      expect.soft(found, values.join()).toEqual(expected.sort())
    })
    expect(await user.tasks()).toEqual([task])
  })

  test('an order that does not fit into a double is a 422', async () => {
    const { user, task, send } = await writer(verb)
    for (const number of ['1e999', '-1e999', '2e308'])
      expect(await pointers(send(raw(`{"title":"t","order":${number}}`)))).toEqual(['/order'])
    expect(await user.tasks()).toEqual([task])
  })

  test('read-only fields are ignored, whatever their values', async () => {
    const { user, task, write } = await writer(verb)
    for (const value of [
      null,
      '',
      'garbage',
      '\u0000',
      '\ud800',
      -1,
      true,
      [],
      { $ne: 1 },
      task.id,
      '2001-01-01T00:00:00.000Z',
    ]) {
      const written = await read(
        write({
          title: 'written',
          id: value,
          url: value,
          completed_at: value,
          created_at: value,
          updated_at: value,
        }),
        success[verb],
        Task
      )
      expect(written.title).toBe('written')
      expect(written.completed_at).toBe(null)
      expect(written.url).toBe(`${origin}/tasks/${written.id}`)
      expect(written.created_at >= task.created_at).toBe(true)
      expect(written.updated_at > task.updated_at).toBe(true)
      if (verb === 'POST') expect(written.id).not.toBe(task.id)
      else expect(written).toMatchObject({ id: task.id, created_at: task.created_at })
    }
    if (verb === 'POST') expect(await user.task(task.id)).toEqual(task)
  })

  test('all faults of a body are reported at once, and nothing is written', async () => {
    const { user, task, send } = await writer(verb)
    const found = await pointers(
      send({
        json: {
          title: ' ',
          description: 5,
          completed: 'no',
          priority: 'urgent',
          tags: ['fine', '', 7, '\u0000'],
          due_date: '2023-02-29',
          due_time: '24:00',
          order: '1',
          user_id: user.id,
          role: 'admin',
        },
      })
    )
    expect(found).toEqual([
      '/completed',
      '/description',
      '/due_date',
      '/due_time',
      '/order',
      '/priority',
      '/role',
      '/tags/1',
      '/tags/2',
      '/tags/3',
      '/title',
      '/user_id',
    ])
    expect(await user.tasks()).toEqual([task])
  })

  test('every fault has a detail of several words', async () => {
    const { send } = await writer(verb)
    const { detail, errors } = await problem(
      send({ json: { title: '', due_date: 'infinity', priority: 'x', nonsense: 1 } }),
      422
    )
    expect(detail).not.toBe('')
    expect(errors).toHaveLength(4)
    for (const { detail } of errors ?? []) expect(detail).toMatch(/\w+ \w+/)
  })

  test('text that looks like SQL, HTML or a template comes back as it was sent', async () => {
    const { user, write } = await writer(verb)
    for (const text of [
      "Robert'); DROP TABLE tasks;--",
      '$1 $title {{title}} %s \\u0000 \\x00 \\ \\\\ \\\' " `',
      '<script>alert(document.cookie)</script><img src=x onerror=alert(1)>',
      '=HYPERLINK("https://example.com") NULL null undefined {a,b} ::text',
      '\u202eright to left\u202c \u2028 \u2029 \u0085 \u200b',
    ]) {
      const tag = [...text].slice(0, 50).join('').trim()
      const response = await write({ title: text, description: text, tags: [tag] })
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
      const task = await read(response, success[verb], Task)
      expect(task).toMatchObject({ title: text.trim(), description: text, tags: [tag] })
      expect(await user.task(task.id)).toEqual(task)
    }
  })

  test('a due_time without a due_date is a 422, and with one it is stored', async () => {
    const { user, task, write } = await writer(verb)
    for (const body of [
      { due_time: '10:00' },
      { due_time: '10:00', due_date: null },
      { due_date: null, due_time: '00:00' },
    ])
      expect.soft(await pointers(write({ title: 'changed', ...body }))).toEqual(['/due_time'])
    expect(await user.tasks()).toEqual([task])
    const both = { due_date: '2026-01-31', due_time: '10:00' }
    expect(await read(write(both), success[verb], Task)).toMatchObject(both)
  })

  test('a due_time without a due_date is reported beside other faults', async () => {
    const { write } = await writer(verb)
    for (const title of ['', 5]) {
      const found = await pointers(write({ title, due_date: null, due_time: '10:00' }))
      expect.soft(found, `beside ${JSON.stringify(title)}`).toEqual(['/due_time', '/title'])
    }
  })

  test('an invalid due_date is the only fault when the due_time beside it is valid', async () => {
    const { write } = await writer(verb)
    expect(await pointers(write({ due_date: 'today', due_time: '10:00' }))).toEqual(['/due_date'])
  })
})

describe('the url of a task', () => {
  // Over the network there is only one origin to ask.
  test.runIf(!isRemote)('the url has the origin that was asked', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'here' })
    for (const other of ['https://todo.example.com', 'http://127.0.0.1:8787', 'http://[::1]:81'])
      for (const [method, path, options] of [
        ['GET', `/tasks/${id}`, {}],
        ['PUT', `/tasks/${id}`, { json: { title: 'there' } }],
        ['PATCH', `/tasks/${id}`, { json: {} }],
        ['PATCH', `/tasks/${id}`, { json: { title: 'there' } }],
        ['PATCH', `/tasks/${id}/complete`, {}],
      ] as const)
        expect(await read(user.send(method, other + path, options), 200, Task)).toMatchObject({
          url: `${other}/tasks/${id}`,
        })
    const [listed] = await read(user.send('GET', 'https://todo.example.com/tasks'), 200, Tasks)
    expect(listed?.url).toBe(`https://todo.example.com/tasks/${id}`)
  })

  test('the url does not follow headers that name another host', async () => {
    const user = await newUser()
    const { id, url } = await user.newTask({ title: 'here' })
    const headers = {
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'gopher',
      'X-Original-URL': '/evil',
      Forwarded: 'host=evil.example;proto=http',
      Origin: 'https://evil.example',
    }
    const task = await read(user.send('GET', `/tasks/${id}?`, { headers }), 200, Task)
    expect(task.url).toBe(url)
    expect(url).toBe(`${origin}/tasks/${id}`)
  })
})

describe('updated_at', () => {
  test('updated_at increases with every write, also with one that changes nothing else', async () => {
    const user = await newUser()
    const { id, title, updated_at, created_at } = await user.newTask({ title: 'x' })
    const times = [updated_at]
    for (let round = 0; round < 5; round++)
      for (const [method, path, json] of [
        ['PATCH', `/tasks/${id}`, { title }],
        ['PUT', `/tasks/${id}`, { title }],
        ['PATCH', `/tasks/${id}/complete`, { completed: false }],
        ['PATCH', `/tasks/${id}/complete`, undefined],
        ['PATCH', `/tasks/${id}`, { order: null, description: null }],
      ] as const) {
        const task = await read(user.send(method, path, { json }), 200, Task)
        expect(task.created_at).toBe(created_at)
        times.push(task.updated_at)
      }
    expect(times).toEqual([...new Set(times)].sort())
  })

  // No two requests come within one millisecond, so the test sets the time ahead instead.
  test.runIf(!isRemote)(
    'updated_at increases even if the clock of the database is behind it',
    async () => {
      const user = await newUser()
      const { id } = await user.newTask({ title: 'x' })
      const [ahead] = await sql`update users set changed_at = now() + interval '1 hour'
      where id = ${user.id} returning changed_at`
      let before = new Date(ahead?.changed_at).toISOString()
      for (const [method, path, json] of [
        ['PATCH', `/tasks/${id}`, { title: 'y' }],
        ['PUT', `/tasks/${id}`, { title: 'y' }],
        ['PATCH', `/tasks/${id}/complete`, { completed: true }],
        ['PATCH', `/tasks/${id}/complete`, undefined],
      ] as const) {
        const { updated_at } = await read(user.send(method, path, { json }), 200, Task)
        expect(updated_at > before).toBe(true)
        before = updated_at
      }
    }
  )

  test('updated_at stays when a write is refused', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const path = `/tasks/${task.id}`
    await problem(user.send('PATCH', path, raw('{"title":')), 400)
    await problem(user.send('PATCH', path, { json: { title: '' } }), 422)
    await problem(user.send('PATCH', path, { json: { due_time: '10:00' } }), 422)
    await problem(user.send('PUT', path, { json: {} }), 422)
    await problem(user.send('PATCH', `${path}/complete`, { json: {} }), 422)
    await problem(user.send('PATCH', path, raw('{"title":"y"}', 'text/plain')), 415)
    expect(await user.task(task.id)).toEqual(task)
  })
})
