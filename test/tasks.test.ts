import { describe, expect, test } from 'vitest'
import { array } from 'zod/mini'
import { Task } from '../src/tasks/task.ts'
import { isRemote, newUser, type Options, origin, pointers, problem, read, sql } from './api.ts'

type User = Awaited<ReturnType<typeof newUser>>
type Verb = (typeof verbs)[number]

const Tasks = array(Task)
const verbs = ['POST', 'PUT', 'PATCH'] as const
const success = { POST: 201, PUT: 200, PATCH: 200 }

/** Names, limits and amounts in the tables below are of code points, so all are tried with two units. */
const unicorns = (count: number) => '🦄'.repeat(count)

const rawJson = (body: BodyInit, type = 'application/json'): Options => ({
  body,
  headers: { 'Content-Type': type },
})

/** A body without a length, in pieces of so many bytes. */
const chunked = (bytes: Uint8Array, size: number) =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
      controller.close()
    },
  })

const everything = {
  title: 'Pay the rent',
  description: 'By bank transfer',
  completed: true,
  priority: 'high',
  tags: ['home', 'Money'],
  due_date: '2026-02-01',
  due_time: '09:30',
  order: 1.5,
} as const

/** Eight at a time: one by one takes long, and all at once would wait in line for the database. */
const forAll = async <Item>(items: readonly Item[], check: (item: Item) => Promise<unknown>) => {
  for (let at = 0; at < items.length; at += 8) await Promise.all(items.slice(at, at + 8).map(check))
}

const get = (user: User, id: string) => read(user.send('GET', `/tasks/${id}`), 200, Task)
const list = (user: User) => read(user.send('GET', '/tasks'), 200, Tasks)

/** A user, and a way to write one task with this verb: a new one, or one that is there. */
const writer = async (verb: Verb, before: Parameters<User['newTask']>[0] = { title: 'before' }) => {
  const user = await newUser()
  const task = await user.newTask(before)
  const path = verb === 'POST' ? '/tasks' : `/tasks/${task.id}`
  const title = verb === 'PATCH' ? {} : { title: 'title' }
  return {
    user,
    task,
    path,
    send: (options?: Options) => user.send(verb, path, options),
    write: (fields: object) => user.send(verb, path, { json: { ...title, ...fields } }),
  }
}

type Writable = keyof typeof everything

/** Values that a field takes, and what it makes of them where that is something else. */
const accepted: Record<Writable, [sent: unknown, stored?: unknown][]> = {
  title: [
    ['a'],
    ['0'],
    ['x'.repeat(255)],
    [unicorns(255)],
    [' \t\r\n a  b \v\f', 'a  b'],
    ['\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\ufeffx\u3000', 'x'],
    [`${' '.repeat(300)}${unicorns(255)}\u3000`, unicorns(255)],
    ['e\u0301 is not made one with \u00e9'],
    ['👨‍👩‍👧 \u0001 \u007f \ufffe \u{10ffff}'],
  ],
  description: [
    [null],
    [''],
    [' \n kept as it is \u3000'],
    ['d'.repeat(10_000)],
    [unicorns(10_000)],
    ['line\r\nline'],
  ],
  completed: [[true], [false]],
  priority: [['low'], ['medium'], ['high']],
  tags: [
    [[]],
    [['b', 'a', 'c']],
    [
      [' a ', '\u3000b\u00a0'],
      ['a', 'b'],
    ],
    [
      ['Work', 'home', 'work', ' WORK ', 'HOME', 'x'],
      ['Work', 'home', 'x'],
    ],
    [
      ['É', 'é', 'e'],
      ['É', 'e'],
    ],
    [Array.from({ length: 20 }, (_, n) => `tag ${n}`)],
    [
      Array.from({ length: 21 }, (_, n) => `${n % 20}`),
      Array.from({ length: 20 }, (_, n) => `${n}`),
    ],
    [Array.from({ length: 500 }, (_, n) => (n % 2 ? 'a' : 'A')), ['A']],
    [['x'.repeat(50), unicorns(50)]],
    [[`  ${unicorns(50)}  `], [unicorns(50)]],
    [['a,b', '"q"', '{x}', '{', '\\', '\\"', "'", 'NULL', '{}', '$1', '%', 'a b', '👨‍👩‍👧']],
  ],
  due_date: [
    [null],
    ['2024-02-29'],
    ['2000-02-29'],
    ['0001-01-01'],
    ['0099-12-31'],
    ['1582-10-10'],
    ['2026-03-29'],
    ['9999-12-31'],
  ],
  due_time: [[null], ['00:00'], ['09:30'], ['23:59']],
  order: [
    [null],
    [0],
    [1],
    [-1.5],
    [1e308],
    [-Number.MAX_VALUE],
    [5e-324],
    [0.1 + 0.2],
    [1 / 3],
    [1 + Number.EPSILON],
    [Number.MAX_SAFE_INTEGER],
    [1e21],
  ],
}

/** Values that a field refuses, and where the refusal points when that is not the field itself. */
const refused: Record<Writable, [sent: unknown, pointer?: string][]> = {
  title: [
    [''],
    [' '],
    ['\u00a0\u3000\ufeff\n'],
    ['x'.repeat(256)],
    [unicorns(256)],
    [null],
    [5],
    [true],
    [['a']],
    [{}],
    ['\ud800'],
    ['a\udc00b'],
    ['\udc00\ud800'],
    ['\u0000'],
    ['a\u0000b'],
  ],
  description: [
    ['d'.repeat(10_001)],
    [unicorns(10_001)],
    [5],
    [false],
    [[]],
    [{}],
    ['a\ud83e'],
    ['\udd84a'],
    ['a\u0000'],
  ],
  completed: [[null], ['true'], ['false'], [''], [0], [1], [[]], [{}]],
  priority: [[null], ['LOW'], ['urgent'], [''], [' low'], ['low\n'], [1], [['low']], [true]],
  tags: [
    [Array.from({ length: 21 }, (_, n) => `tag ${n}`)],
    [['ok', 'x'.repeat(51)], '/tags/1'],
    [[unicorns(51)], '/tags/0'],
    [['a', ' '], '/tags/1'],
    [['', 'a'], '/tags/0'],
    // The place in what was sent, not in what is left without the doubles.
    [['a', 'A', 'a', '\u3000'], '/tags/3'],
    ['a'],
    [''],
    [null],
    [5],
    [true],
    [{}],
    [{ 0: 'a', length: 1 }],
    [['a', 1], '/tags/1'],
    [[null], '/tags/0'],
    [[['a']], '/tags/0'],
    [['a', '\ud800'], '/tags/1'],
    [['\u0000'], '/tags/0'],
    [['a', 'b\u0000'], '/tags/1'],
  ],
  due_date: [
    ['2023-02-29'],
    ['1900-02-29'],
    ['2024-02-30'],
    ['2024-04-31'],
    ['2024-13-01'],
    ['2024-00-10'],
    ['2024-01-00'],
    ['0000-01-01'],
    ['-0001-01-01'],
    ['10000-01-01'],
    ['+002024-01-01'],
    ['2024-1-1'],
    ['24-01-01'],
    ['20240101'],
    ['2024-01-01T00:00:00Z'],
    ['2024-01-01 10:00'],
    ['2024-01-01 BC'],
    ['2024-01-01\n'],
    [' 2024-01-01'],
    ['٢٠٢٤-٠١-٠١'],
    ['infinity'],
    ['-infinity'],
    ['today'],
    ['epoch'],
    [''],
    [20_240_101],
    [true],
    [[]],
    [{}],
    ['2024-01-01\u0000'],
  ],
  due_time: [
    ['24:00'],
    ['23:60'],
    ['-1:00'],
    ['09:30:00'],
    ['09:30:60'],
    ['9:30'],
    ['0930'],
    ['09.30'],
    ['09:30Z'],
    ['09:30+02'],
    ['09:30 PM'],
    ['09:30\n'],
    [' 09:30'],
    ['٠٩:٣٠'],
    ['allballs'],
    ['now'],
    [''],
    [930],
    [true],
    [[]],
    [{}],
  ],
  order: [['1'], [''], ['1e5'], ['NaN'], ['Infinity'], [true], [[]], [[1]], [{}]],
}

const fields = Object.keys(everything) as Writable[]

/** The bodies that try every value of these fields, one of each field at a time. */
const rounds = <Value>(table: Record<string, [sent: unknown, then?: Value][]>) =>
  Array.from({ length: Math.max(...Object.values(table).map(({ length }) => length)) }, (_, n) =>
    Object.entries(table).map(([field, values]) => {
      const [sent, then] = values[n % values.length] ?? []
      return { field, sent, then }
    })
  )

const bodyOf = (round: { field: string; sent: unknown }[]) =>
  Object.fromEntries(round.map(({ field, sent }) => [field, sent]))

describe.each(verbs)('the fields of a task, by %s', (verb) => {
  test('every good value, to its edges', async () => {
    const { write } = await writer(verb)
    // The list of due dates is twice that of due times, so that null meets null.
    for (const round of rounds(accepted)) {
      const expected = round.map(({ field, sent, then = sent }) => [field, then])
      const task = await read(write(bodyOf(round)), success[verb], Task)
      expect.soft(task).toMatchObject(Object.fromEntries(expected))
    }
  })

  test('every bad value is a 422 that points at it, and nothing is written', async () => {
    const { user, task, write } = await writer(verb)
    const { due_time, ...others } = refused
    // A due_time needs a due_date, so it is tried beside a good one.
    await forAll([...rounds(others), ...rounds({ due_time })], async (round) => {
      const found = await pointers(write({ due_date: '2026-05-05', ...bodyOf(round) }))
      const expected = round.map(({ field, then = `/${field}` }) => then)
      const values = round.map(({ sent }) => JSON.stringify(sent).slice(0, 30).toWellFormed())
      expect.soft(found?.sort(), values.join()).toEqual(expected.sort())
    })
    expect(await list(user)).toEqual([task])
  })

  test('a number too big for a double is no order', async () => {
    const { user, task, send } = await writer(verb)
    for (const number of ['1e999', '-1e999', '2e308'])
      expect(await pointers(send(rawJson(`{"title":"t","order":${number}}`)))).toEqual(['/order'])
    expect(await list(user)).toEqual([task])
  })

  test('unknown fields are refused by name, and nothing is written', async () => {
    const { user, task, send } = await writer(verb)
    const unknown = [
      ['user_id', '/user_id'],
      ['hashed_password', '/hashed_password'],
      ['role', '/role'],
      ['Title', '/Title'],
      ['title ', '/title '],
      ['dueDate', '/dueDate'],
      ['', '/'],
      ['a/b~c', '/a~1b~0c'],
      ['__proto__', '/__proto__'],
      ['constructor', '/constructor'],
      ['prototype', '/prototype'],
      ['toString', '/toString'],
    ] as const
    await forAll(unknown, async ([name, pointer]) => {
      for (const value of [JSON.stringify(user.id), '{"completed":true}', 'null'])
        expect
          .soft(
            await pointers(send(rawJson(`{"title":"changed",${JSON.stringify(name)}:${value}}`))),
            name
          )
          .toEqual([pointer])
    })
    expect(await list(user)).toEqual([task])
  })

  test('read-only fields are ignored, whatever is in them', async () => {
    const { user, task, write } = await writer(verb)
    for (const garbage of [
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
          id: garbage,
          url: garbage,
          completed_at: garbage,
          created_at: garbage,
          updated_at: garbage,
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
    if (verb === 'POST') expect(await get(user, task.id)).toEqual(task)
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
    expect(found?.sort()).toEqual([
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
    expect(await list(user)).toEqual([task])
  })

  test('each fault has a sentence of its own that a person can read', async () => {
    const { send } = await writer(verb)
    const { detail, errors } = await problem(
      send({ json: { title: '', due_date: 'infinity', priority: 'x', nonsense: 1 } }),
      422
    )
    expect(detail).not.toBe('')
    expect(errors).toHaveLength(4)
    for (const { detail } of errors ?? []) expect(detail).toMatch(/\w+ \w+/)
  })

  test('text that looks like something else comes back as it was sent', async () => {
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
      expect(await get(user, task.id)).toEqual(task)
    }
  })

  test('a due_time needs a due_date', async () => {
    const { user, task, write } = await writer(verb)
    for (const body of [
      { due_time: '10:00' },
      { due_time: '10:00', due_date: null },
      { due_date: null, due_time: '00:00' },
    ])
      expect.soft(await pointers(write({ title: 'changed', ...body }))).toEqual(['/due_time'])
    expect(await list(user)).toEqual([task])
    const both = { due_date: '2026-01-31', due_time: '10:00' }
    expect(await read(write(both), success[verb], Task)).toMatchObject(both)
  })

  test('a due_time without a due_date is reported beside other faults', async () => {
    const { write } = await writer(verb)
    for (const title of ['', 5]) {
      const found = await pointers(write({ title, due_date: null, due_time: '10:00' }))
      expect.soft(found?.sort(), `beside ${JSON.stringify(title)}`).toEqual(['/due_time', '/title'])
    }
  })

  test('a bad due_date is the one fault of a good due_time beside it', async () => {
    const { write } = await writer(verb)
    expect(await pointers(write({ due_date: 'today', due_time: '10:00' }))).toEqual(['/due_date'])
  })
})

describe('create', () => {
  test('a title is enough; the rest takes its default', async () => {
    const user = await newUser()
    const started = Date.now()
    const response = await user.send('POST', '/tasks', { json: { title: 'Just this' } })
    const { headers } = response
    const task = await read(response, 201, Task)
    expect(task).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      url: `${origin}/tasks/${task.id}`,
      title: 'Just this',
      description: null,
      completed: false,
      completed_at: null,
      priority: 'medium',
      tags: [],
      due_date: null,
      due_time: null,
      order: null,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(headers.get('Location')).toBe(`/tasks/${task.id}`)
    // The database's clock is not ours.
    expect(Math.abs(Date.parse(task.created_at) - started)).toBeLessThan(60_000)
  })

  test('every field is kept, and the reply is what is read later', async () => {
    const user = await newUser()
    const task = await user.newTask({ ...everything, tags: [...everything.tags] })
    expect(task).toMatchObject(everything)
    expect(task.completed_at).not.toBe(null)
    expect(await get(user, task.id)).toEqual(task)
    expect(await list(user)).toEqual([task])
  })

  test('two tasks may be the same but for their ids', async () => {
    const user = await newUser()
    const [one, two] = await Promise.all([
      user.newTask({ title: 'twin' }),
      user.newTask({ title: 'twin' }),
    ])
    expect(one.id).not.toBe(two.id)
    expect(await list(user)).toHaveLength(2)
  })

  test.each(['POST', 'PUT'] as const)('%s without a title is a 422', async (verb) => {
    const { user, task, send } = await writer(verb)
    expect(await pointers(send({ json: {} }))).toEqual(['/title'])
    expect(await pointers(send({ json: { description: 'd' } }))).toEqual(['/title'])
    expect((await pointers(send({ json: { tilte: 'typo' } })))?.sort()).toEqual([
      '/tilte',
      '/title',
    ])
    expect(await list(user)).toEqual([task])
  })
})

describe('url', () => {
  // Over the network there is but one origin to ask.
  test.runIf(!isRemote)('is on the origin that was asked', async () => {
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

  test('no header moves it', async () => {
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

describe('replace', () => {
  test('what is left out takes its default', async () => {
    const { task, write } = await writer('PUT', { ...everything, tags: ['a'] })
    const replaced = await read(write({ title: 'only' }), 200, Task)
    expect(replaced).toEqual({
      id: task.id,
      url: task.url,
      title: 'only',
      description: null,
      completed: false,
      completed_at: null,
      priority: 'medium',
      tags: [],
      due_date: null,
      due_time: null,
      order: null,
      created_at: task.created_at,
      updated_at: replaced.updated_at,
    })
  })

  test('a stored due_date does not serve a due_time that is put without one', async () => {
    const { user, task, write } = await writer('PUT', { title: 'dated', due_date: '2026-01-01' })
    expect(await pointers(write({ due_time: '10:00' }))).toEqual(['/due_time'])
    expect(await get(user, task.id)).toEqual(task)
  })

  test('a task that was fetched can be put back, and only updated_at moves', async () => {
    const user = await newUser()
    for (const before of [
      { title: 'bare' },
      { ...everything, tags: [...everything.tags] },
      { ...everything, tags: [], completed: false, description: '', due_time: null, order: -0 },
    ]) {
      const { id } = await user.newTask(before)
      const fetched = await get(user, id)
      const back = await read(user.send('PUT', `/tasks/${id}`, { json: fetched }), 200, Task)
      expect(back).toEqual({ ...fetched, updated_at: back.updated_at })
      expect(back.updated_at > fetched.updated_at).toBe(true)
      expect(await get(user, id)).toEqual(back)
    }
  })
})

describe('patch', () => {
  test('changes what is named and leaves the rest', async () => {
    const other = {
      title: 'Other',
      description: 'Another',
      completed: false,
      priority: 'low',
      tags: ['else'],
      due_date: '2027-07-07',
      due_time: '10:00',
      order: -3,
    } as const
    const user = await newUser()
    const start = await user.newTask({ ...everything, tags: [...everything.tags] })
    let before = start
    for (const field of fields) {
      const json = { [field]: other[field] }
      const after = await read(user.send('PATCH', `/tasks/${start.id}`, { json }), 200, Task)
      expect(after).toEqual({
        ...before,
        ...json,
        ...(field === 'completed' && { completed_at: null }),
        updated_at: after.updated_at,
      })
      before = after
    }
    expect(await get(user, start.id)).toEqual(before)
  })

  test('null clears a nullable field', async () => {
    const { write } = await writer('PATCH', { ...everything, tags: ['a'] })
    for (const field of ['description', 'order', 'due_time', 'due_date'] as const)
      expect((await read(write({ [field]: null }), 200, Task))[field]).toBe(null)
    // Again, now that it is null.
    for (const field of ['description', 'order', 'due_time', 'due_date'] as const)
      expect((await read(write({ [field]: null }), 200, Task))[field]).toBe(null)
  })

  test('{}, or nothing but read-only fields, changes nothing, updated_at neither', async () => {
    for (const before of [{ title: 'bare' }, { ...everything, tags: ['a'] }]) {
      const { user, task, write } = await writer('PATCH', before)
      for (const json of [
        {},
        { id: 'x' },
        { updated_at: '2001-01-01T00:00:00.000Z', completed_at: null },
        { id: null, url: 1, completed_at: [], created_at: {}, updated_at: '\u0000' },
      ]) {
        expect(await read(write(json), 200, Task)).toEqual(task)
        expect(await get(user, task.id)).toEqual(task)
      }
    }
  })

  test('clearing due_date clears due_time', async () => {
    const { user, task, write } = await writer('PATCH', { ...everything, tags: [] })
    const cleared = await read(write({ due_date: null }), 200, Task)
    expect(cleared).toMatchObject({ due_date: null, due_time: null })
    expect(await get(user, task.id)).toEqual(cleared)
    // It does not come back with another date.
    expect(await read(write({ due_date: '2026-02-02' }), 200, Task)).toMatchObject({
      due_date: '2026-02-02',
      due_time: null,
    })
  })

  test('due_time takes the stored due_date, and both may be cleared together', async () => {
    const { write } = await writer('PATCH', { title: 'dated', due_date: '2026-01-01' })
    expect(await read(write({ due_time: '10:00' }), 200, Task)).toMatchObject({
      due_date: '2026-01-01',
      due_time: '10:00',
    })
    expect(await read(write({ due_date: '2026-01-02' }), 200, Task)).toMatchObject({
      due_date: '2026-01-02',
      due_time: '10:00',
    })
    expect(await read(write({ due_date: null, due_time: null }), 200, Task)).toMatchObject({
      due_date: null,
      due_time: null,
    })
  })

  test('due_time without any due_date is refused with all that came with it', async () => {
    const { user, task, write } = await writer('PATCH')
    expect(await pointers(write({ title: 'changed', due_time: '10:00' }))).toEqual(['/due_time'])
    expect(await get(user, task.id)).toEqual(task)
    expect(await read(write({ due_time: null }), 200, Task)).toMatchObject({ due_time: null })
  })

  test('a due_date to clear does not serve the due_time beside it', async () => {
    const { user, task, write } = await writer('PATCH', { ...everything, tags: [] })
    expect(await pointers(write({ due_date: null, due_time: '10:00' }))).toEqual(['/due_time'])
    expect(await get(user, task.id)).toEqual(task)
  })

  test('a due_time and a cleared due_date at the same moment never leave a time without a date', async () => {
    const { user, task, write } = await writer('PATCH', { title: 't', due_date: '2026-01-01' })
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all([
        write({ due_time: '10:00' }),
        write({ due_date: null }),
        write({ due_time: '11:00' }),
      ])
      expect(replies.map(({ status }) => status).filter((status) => status >= 500)).toEqual([])
      expect(await get(user, task.id)).toMatchObject({ due_date: null, due_time: null })
      await read(write({ due_date: '2026-01-01' }), 200, Task)
    }
  })

  test('twenty at once, of different fields, lose none', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'before', due_date: '2026-01-01' })
    const wanted = { ...everything, tags: [...everything.tags] }
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const field = fields[n % fields.length] as Writable
        return read(
          user.send('PATCH', `/tasks/${id}`, { json: { [field]: wanted[field] } }),
          200,
          Task
        )
      })
    )
    const after = await get(user, id)
    expect(after).toMatchObject(wanted)
    expect(after.completed_at).not.toBe(null)
    expect(new Set(replies.map(({ updated_at }) => updated_at)).size).toBe(20)
    expect(
      replies
        .map(({ updated_at }) => updated_at)
        .sort()
        .at(-1)
    ).toBe(after.updated_at)
  })
})

describe('complete', () => {
  const complete = (user: User, id: string, options?: Options) =>
    user.send('PATCH', `/tasks/${id}/complete`, options)

  test('sets it', async () => {
    const user = await newUser()
    const { id, ...task } = await user.newTask({ title: 'x', tags: ['a'], order: 2 })
    for (const completed of [true, true, false, false, true]) {
      const reply = await read(complete(user, id, { json: { completed } }), 200, Task)
      expect(reply).toEqual({
        ...task,
        id,
        completed,
        completed_at: completed ? expect.any(String) : null,
        updated_at: reply.updated_at,
      })
      expect(await get(user, id)).toEqual(reply)
    }
  })

  test('toggles it when there is no body', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    for (const [completed, options] of [
      [true, {}],
      [false, { headers: { 'Content-Type': 'application/json' } }],
      [true, rawJson('')],
      [false, { body: '', headers: { 'Content-Type': 'application/json; charset=utf-8' } }],
      [true, rawJson(chunked(new Uint8Array(), 1))],
      [false, {}],
    ] as const)
      expect(await read(complete(user, id, options), 200, Task)).toMatchObject({
        completed,
        completed_at: completed ? expect.any(String) : null,
      })
  })

  test('ten toggles at once are ten toggles', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => read(complete(user, id), 200, Task))
    )
    expect(replies.filter(({ completed }) => completed)).toHaveLength(5)
    for (const { completed, completed_at } of replies) expect(completed_at !== null).toBe(completed)
    expect(new Set(replies.map(({ updated_at }) => updated_at)).size).toBe(10)
    expect(await get(user, id)).toMatchObject({ completed: false, completed_at: null })
  })

  test('any other body is a 422 and completes nothing', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    for (const [body, ...expected] of [
      ['{}', '/completed'],
      ['{"completed":null}', '/completed'],
      ['{"completed":"true"}', '/completed'],
      ['{"completed":1}', '/completed'],
      ['{"completed":[]}', '/completed'],
      ['{"Completed":true}', '/Completed', '/completed'],
      ['{"completed":true,"title":"no"}', '/title'],
      ['{"completed":true,"user_id":"x"}', '/user_id'],
      ['{"completed":true,"__proto__":null}', '/__proto__'],
    ] as const)
      expect
        .soft((await pointers(complete(user, task.id, rawJson(body))))?.sort(), body)
        .toEqual(expected)
    expect(await get(user, task.id)).toEqual(task)
  })

  test('completed_at is set when it becomes true, kept while it stays so, cleared when false', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    const patch = async (json: object) =>
      read(user.send('PATCH', `/tasks/${id}`, { json }), 200, Task)
    const put = async (json: object) =>
      read(user.send('PUT', `/tasks/${id}`, { json: { title: 'x', ...json } }), 200, Task)
    const set = async (completed: boolean) =>
      read(complete(user, id, { json: { completed } }), 200, Task)
    const toggle = async () => read(complete(user, id), 200, Task)

    for (const [become, stay, end] of [
      [() => patch({ completed: true }), () => put({ completed: true }), () => put({})],
      [() => put({ completed: true }), () => set(true), () => patch({ completed: false })],
      [() => set(true), () => patch({ completed: true }), () => set(false)],
      [toggle, () => patch({ title: 'y' }), toggle],
      [() => set(true), () => patch({}), () => put({ completed: false })],
    ] as const) {
      const { completed_at } = await become()
      expect(Date.now() - Date.parse(completed_at ?? '')).toBeLessThan(60_000)
      expect(await stay()).toMatchObject({ completed: true, completed_at })
      expect(await end()).toMatchObject({ completed: false, completed_at: null })
    }
  })

  test('a second completion has a later completed_at than the first', async () => {
    const user = await newUser()
    const { id, completed_at } = await user.newTask({ title: 'x', completed: true })
    await read(complete(user, id, { json: { completed: false } }), 200, Task)
    const again = await read(complete(user, id), 200, Task)
    // Two round trips to a database take more than a millisecond.
    expect((again.completed_at ?? '') > (completed_at ?? '')).toBe(true)
  })
})

describe('updated_at', () => {
  test('strictly increases with every write, also one that changes nothing else', async () => {
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

  // Through the database, for no request is so fast that the clock stands still.
  test.runIf(!isRemote)('increases also where the clock has not', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    const [ahead] = await sql`update tasks set updated_at = now() + interval '1 hour'
      where id = ${id} returning updated_at`
    let before = new Date(ahead?.updated_at).toISOString()
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
  })

  test('a refused write does not move it', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const path = `/tasks/${task.id}`
    await problem(user.send('PATCH', path, rawJson('{"title":')), 400)
    await problem(user.send('PATCH', path, { json: { title: '' } }), 422)
    await problem(user.send('PATCH', path, { json: { due_time: '10:00' } }), 422)
    await problem(user.send('PUT', path, { json: {} }), 422)
    await problem(user.send('PATCH', `${path}/complete`, { json: {} }), 422)
    await problem(user.send('PATCH', path, rawJson('{"title":"y"}', 'text/plain')), 415)
    expect(await get(user, task.id)).toEqual(task)
  })
})

describe('order', () => {
  test('a task dropped between two others, again and again, keeps its exact place', async () => {
    const user = await newUser()
    const [low, high] = [await user.newTask({ title: 'low', order: 1 }), 2]
    let above = high
    const { id } = await user.newTask({ title: 'moving', order: high })
    // 52 halvings is all that a double has between 1 and 2; every seventh is enough of them.
    for (let halving = 1; halving <= 52; halving++) {
      above = 1 + (above - 1) / 2
      if (halving % 7 && halving < 50) continue
      const json = { order: above }
      const moved = await read(user.send('PATCH', `/tasks/${id}`, { json }), 200, Task)
      expect(moved.order).toBe(above)
      const sorted = await read(user.send('GET', '/tasks?sort=order'), 200, Tasks)
      expect(sorted.map((task) => task.id)).toEqual([low.id, id])
    }
  })
})

describe('delete', () => {
  test('is 204 without a body, and the task is gone from everywhere', async () => {
    const user = await newUser()
    const gone = await user.newTask({ title: 'gone' })
    const stays = await user.newTask({ title: 'stays' })
    const response = await user.send('DELETE', `/tasks/${gone.id}`)
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    await problem(user.send('GET', `/tasks/${gone.id}`), 404)
    await problem(user.send('DELETE', `/tasks/${gone.id}`), 404)
    await problem(user.send('PATCH', `/tasks/${gone.id}`, { json: {} }), 404)
    await problem(user.send('PUT', `/tasks/${gone.id}`, { json: { title: 'back' } }), 404)
    await problem(user.send('PATCH', `/tasks/${gone.id}/complete`), 404)
    expect(await list(user)).toEqual([stays])
  })

  test('of ten at once, one deletes', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => user.send('DELETE', `/tasks/${id}`))
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)])
  })
})

describe('an id that leads nowhere', () => {
  const operations: [string, string, Options][] = [
    ['GET', '', {}],
    ['PUT', '', { json: { title: 'x' } }],
    ['PATCH', '', { json: {} }],
    ['PATCH', '', { json: { title: 'x' } }],
    ['PATCH', '', { json: { due_time: '10:00' } }],
    ['PATCH', '/complete', {}],
    ['PATCH', '/complete', { json: { completed: true } }],
    ['DELETE', '', {}],
  ]

  test.each(operations)('%s /tasks/{id}%s is one 404 for all of them', async (...operation) => {
    const [method, suffix, options] = operation
    const user = await newUser()
    const task = await user.newTask({ title: 'mine' })
    const stranger = await (await newUser()).newTask({ title: 'not mine' })
    const answer = async (id: string) => {
      const response = await user.send(method, `/tasks/${id}${suffix}`, options)
      if (response.status !== 404) return response.status
      const { request_id: _, ...rest } = await problem(response, 404)
      return rest
    }
    const unknown = await answer(crypto.randomUUID())
    const ids = [
      stranger.id,
      stranger.id.toUpperCase(),
      crypto.randomUUID().toUpperCase(),
      '00000000-0000-0000-0000-000000000000',
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
      'x',
      '0',
      '-1',
      'null',
      '__proto__',
      'constructor',
      'complete',
      '*',
      ':id',
      task.id.replaceAll('-', ''),
      task.id.slice(1),
      `${task.id}0`,
      `${task.id}-`,
      `{${task.id}}`,
      `%7B${task.id}%7D`,
      `urn:uuid:${task.id}`,
      `%20${task.id}`,
      `${task.id}%0A`,
      `${task.id}%00`,
      `${task.id},${task.id}`,
      `${task.id};x=1`,
      '%00',
      '%FF',
      '%',
      '%zz',
      '%E0%A4%A',
      '%F0%9F%A6%84',
      '%2F',
      '..%2F..%2Fhealth',
      "'%20or%20'1'='1",
      '1;drop%20table%20tasks',
      'x'.repeat(8_000),
      '%41'.repeat(2_000),
    ]
    await forAll(ids, async (id) => expect.soft(await answer(id), id.slice(0, 80)).toEqual(unknown))
    expect(await list(user)).toEqual([task])
  })

  test('an id in capitals is the same UUID, and comes back as it was given out', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'mine' })
    expect(await get(user, task.id.toUpperCase())).toEqual(task)
  })

  test('a faulty body tells nothing of the id either', async () => {
    const user = await newUser()
    const stranger = await (await newUser()).newTask({ title: 'not mine' })
    for (const [method, suffix] of [
      ['PUT', ''],
      ['PATCH', ''],
      ['PATCH', '/complete'],
    ] as const)
      for (const [status, options] of [
        [422, { json: { title: 5, completed: 5 } }],
        [400, rawJson('{')],
        [415, rawJson('{}', 'text/plain')],
      ] as const) {
        const answers = await Promise.all(
          [crypto.randomUUID(), stranger.id, 'not-a-uuid'].map(async (id) => {
            const response = user.send(method, `/tasks/${id}${suffix}`, options)
            const { request_id: _, ...rest } = await problem(response, status)
            return rest
          })
        )
        expect(answers).toEqual(Array(3).fill(answers[0]))
      }
  })
})

describe.each([
  ['POST', '', '{"title":"after"}', 201],
  ['PUT', '/', '{"title":"after"}', 200],
  ['PATCH', '/', '{"title":"after"}', 200],
  ['PATCH', '/complete', '{"completed":true}', 200],
] as const)('the body of %s %s', (method, suffix, good, status) => {
  const limit = 65_536
  const start = async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'before' })
    const path = suffix === '' ? '/tasks' : `/tasks/${task.id}${suffix === '/' ? '' : suffix}`
    return {
      send: (options: Options) => user.send(method, path, options),
      unchanged: async () => expect(await list(user)).toEqual([task]),
    }
  }
  const utf8 = (text: string) => new TextEncoder().encode(text)

  /** Sends each, expects this status of all, and that no task has changed. */
  const refuses = async (expected: number, bodies: Record<string, Options>) => {
    const { send, unchanged } = await start()
    await forAll(Object.entries(bodies), async ([name, options]) => {
      const response = await send(options)
      expect.soft(response.status, name).toBe(expected)
      if (response.status === expected) await problem(response, expected)
    })
    await unchanged()
  }

  test('that is JSON but no object is a 422', async () => {
    const { send, unchanged } = await start()
    for (const body of [
      '[]',
      `[${good}]`,
      '"title"',
      JSON.stringify(good),
      'null',
      '5',
      'true',
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    ])
      expect.soft(await pointers(send(rawJson(body))), body.slice(0, 80)).toEqual([''])
    await unchanged()
  })

  test('that is not JSON is a 400', async () => {
    await refuses(400, {
      'half an object': rawJson(good.slice(0, -1)),
      'two objects': rawJson(good + good),
      'a trailing comma': rawJson(good.replace('}', ',}')),
      'single quotes': rawJson(good.replaceAll('"', "'")),
      'a comment': rawJson(`/* */${good}`),
      NaN: rawJson('{"order":NaN}'),
      Infinity: rawJson('{"order":-Infinity}'),
      'a bare word': rawJson('undefined'),
      'a form': rawJson('title=after'),
      'white space': rawJson(' \n'),
      'a control character in a string': rawJson('{"title":"\n"}'),
      NUL: rawJson('\0'),
      '30,000 open arrays': rawJson('['.repeat(30_000)),
    })
  })

  test('that is not UTF-8 is a 400', async () => {
    const faults = {
      'a byte that never occurs': [0xff],
      'a lone continuation': [0x80],
      'Latin-1': [0xe9],
      'an overlong form': [0xc0, 0xaf],
      'a surrogate': [0xed, 0xa0, 0x80],
      'a character beyond the last': [0xf4, 0x90, 0x80, 0x80],
      'half a character': [0xf0, 0x9f, 0xa6],
    }
    const utf16 = new Uint8Array(Uint16Array.from(good, (letter) => letter.charCodeAt(0)).buffer)
    const bodies: Record<string, Options> = {
      'UTF-16': rawJson(Uint8Array.of(0xff, 0xfe, ...utf16)),
    }
    for (const [name, bytes] of Object.entries(faults)) {
      const body = Uint8Array.of(...utf8('{"title":"'), ...bytes, ...utf8('"}'))
      bodies[name] = rawJson(body)
      bodies[`${name}, in pieces`] = rawJson(chunked(body, 1))
    }
    await refuses(400, bodies)
  })

  test('of another type is a 415', async () => {
    const types = [
      'text/plain',
      'text/json',
      'text/html',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/octet-stream',
      'application/xml',
      'application/jsonp',
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/json; charset=iso-8859-1',
      'application/json; charset=utf-16',
      'application/json; charset="utf-8\\"x"',
      'application/json, text/plain',
      'text/plain; application/json',
      'json',
      '*/*',
    ]
    await refuses(415, {
      ...Object.fromEntries(types.map((type) => [type, rawJson(good, type)])),
      // Bytes, for fetch gives a string the type text/plain.
      'no type': { body: utf8(good) },
      'no type, in pieces': { body: chunked(utf8(good), 5) },
    })
  })

  test('may spell its type in any way', async () => {
    const { send } = await start()
    for (const type of [
      'application/json',
      'Application/JSON; Charset="UTF-8"',
      'application/json;charset=utf-8',
      'application/json ; charset=utf-8',
      'APPLICATION/JSON',
    ])
      await read(send(rawJson(good, type)), status, Task)
  })

  test('of 65,536 bytes is fine, of 65,537 a 413', async () => {
    const { send } = await start()
    const full = utf8(good.padEnd(limit))
    await read(send(rawJson(full)), status, Task)
    await read(send(rawJson(chunked(full, 1_000))), status, Task)
    const over = await start()
    const tooMuch = utf8(good.padEnd(limit + 1))
    await problem(over.send(rawJson(tooMuch)), 413)
    await problem(over.send(rawJson(chunked(tooMuch, 1_000))), 413)
    await problem(over.send(rawJson(chunked(utf8(good.padEnd(limit * 8)), limit))), 413)
    // One piece of a length that was not told.
    await problem(over.send(rawJson(chunked(tooMuch, limit + 1))), 413)
    await over.unchanged()
  })
})

describe('bodies', () => {
  test.each(['POST', 'PUT', 'PATCH'] as const)('an empty one is a 400 for %s', async (verb) => {
    const { user, task, send } = await writer(verb)
    await problem(send(rawJson('')), 400)
    await problem(send(rawJson(chunked(new Uint8Array(), 1))), 400)
    await problem(send({ headers: { 'Content-Type': 'application/json' } }), 400)
    expect(await list(user)).toEqual([task])
  })

  test('bytes are counted and not characters', async () => {
    const { user, task, send } = await writer('POST')
    const body = JSON.stringify({ title: 'x', description: 'é'.repeat(32_800) })
    await problem(send(rawJson(body)), 413)
    expect(await list(user)).toEqual([task])
  })

  test('a character may be cut by the pieces it comes in', async () => {
    const { send } = await writer('POST')
    const body = new TextEncoder().encode(JSON.stringify({ title: 'é🦄é', tags: ['🦄é'] }))
    for (const size of [1, 2, 3])
      expect(await read(send(rawJson(chunked(body, size))), 201, Task)).toMatchObject({
        title: 'é🦄é',
        tags: ['🦄é'],
      })
  })

  test.each([
    ['JSON', rawJson('{"title":"x"}')],
    ['broken JSON', rawJson('{')],
    ['not UTF-8', rawJson(Uint8Array.of(0xff))],
    ['text', rawJson('x', 'text/plain')],
    ['a form', rawJson('user_id=1&completed=true', 'application/x-www-form-urlencoded')],
    ['without a type', { body: Uint8Array.of(1, 2, 3) }],
    ['in pieces', rawJson(chunked(Uint8Array.of(0xff, 0xff), 1), 'image/png')],
  ])('one on DELETE is ignored: %s', async (_, options) => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    expect((await user.send('DELETE', `/tasks/${id}`, options)).status).toBe(204)
    expect(await list(user)).toEqual([])
  })

  test('one on DELETE /tasks is no filter', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'stays' })
    await user.newTask({ title: 'goes', completed: true })
    const options = { json: { completed: false } }
    expect((await user.send('DELETE', '/tasks?completed=true', options)).status).toBe(204)
    expect(await list(user)).toEqual([task])
  })

  // fetch refuses to send a body with GET, but not to announce its type.
  test('the type of one on GET is ignored', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const headers = { 'Content-Type': 'text/plain' }
    expect(await read(user.send('GET', `/tasks/${task.id}`, { headers }), 200, Task)).toEqual(task)
    expect(await read(user.send('GET', '/tasks', { headers }), 200, Tasks)).toEqual([task])
  })
})
