import { describe, expect, test } from 'vitest'
import { chunked, newUser, type Options, pointers, problem, raw, send, utf8 } from './api.ts'
import { batch } from './sync.ts'
import { accepted, refused, type Writable, writable } from './task-values.ts'

const id = '0198c2f4-7d3a-7c41-9f0e-2b6d5a8e1f33'
const time = '2026-01-12T09:30:00.000Z'
const create = (task: unknown = { title: 'x' }) => ({
  op: 'create',
  id: crypto.randomUUID(),
  task,
})

describe('the body of a batch', () => {
  test.each<[name: string, json: unknown, pointer: string]>([
    ['null', null, ''],
    ['an object', {}, ''],
    ['an operation alone', create(), ''],
    ['a text', 'x', ''],
    ['a number', 5, ''],
    ['no operation', [], ''],
    ['101 operations', Array.from({ length: 101 }, () => create()), ''],
  ])('the body of a batch is a 422 at the whole when it is %s', async (_, json, pointer) => {
    const user = await newUser()
    expect(await pointers(user.send('POST', '/tasks/batch', { json }))).toEqual([pointer])
    expect(await user.tasks()).toEqual([])
  })

  test.each<[operation: unknown, pointers: string[]]>([
    [null, ['/1']],
    [5, ['/1']],
    [[], ['/1']],
    [{}, ['/1/op']],
    [{ id }, ['/1/op']],
    [{ op: 'remove', id }, ['/1/op']],
    [{ op: 'CREATE', id }, ['/1/op']],
    [{ op: null, id }, ['/1/op']],
    [{ op: 'create' }, ['/1/id', '/1/task']],
    [{ op: 'create', id }, ['/1/task']],
    [{ op: 'create', id, task: null }, ['/1/task']],
    [{ op: 'create', id, task: [] }, ['/1/task']],
    [{ op: 'create', id, task: {} }, ['/1/task/title']],
    [{ op: 'create', id, task: { title: 'x' }, if_match: time }, ['/1/if_match']],
    [{ op: 'create', id, task: { title: 'x', user_id: id } }, ['/1/task/user_id']],
    [{ op: 'create', id, task: { title: 'x', due_time: '10:00' } }, ['/1/task/due_time']],
    [
      { op: 'create', id, task: { title: 'x', due_date: null, due_time: '10:00' } },
      ['/1/task/due_time'],
    ],
    [{ op: 'create', id: 5, task: { title: '' } }, ['/1/id', '/1/task/title']],
    [{ op: 'update', id }, ['/1/task']],
    [{ op: 'update', id, task: { title: null } }, ['/1/task/title']],
    [{ op: 'update', id, task: { tags: ['a', ''] } }, ['/1/task/tags/1']],
    [{ op: 'update', id, task: { 'a/b~c': 1 } }, ['/1/task/a~1b~0c']],
    [{ op: 'update', id, task: { due_date: null, due_time: '10:00' } }, ['/1/task/due_time']],
    [{ op: 'delete', id, task: {} }, ['/1/task']],
    [{ op: 'delete' }, ['/1/id']],
    [{ op: 'restore', id, if_match: time }, ['/1/if_match']],
    [{ op: 'restore', id, task: {} }, ['/1/task']],
    [{ op: 'restore', id, user_id: id }, ['/1/user_id']],
    [{ op: 'delete', id, __proto__x: 1 }, ['/1/__proto__x']],
  ])(
    'the faulty operation %j is a 422 at %j, and nothing is written',
    async (operation, expected) => {
      const user = await newUser()
      const json = [create(), operation, create()]
      expect(await pointers(user.send('POST', '/tasks/batch', { json }))).toEqual(expected)
      expect(await user.tasks()).toEqual([])
    }
  )

  test('each faulty operation of a batch is named', async () => {
    const user = await newUser()
    const json = [
      create({ title: '' }),
      create(),
      { op: 'delete', id: 'x' },
      create({ order: '1' }),
    ]
    expect(await pointers(user.send('POST', '/tasks/batch', { json }))).toEqual([
      '/0/task/title',
      '/2/id',
      '/3/task/order',
      '/3/task/title',
    ])
  })

  test('a fault of a batch says what is expected', async () => {
    const user = await newUser()
    for (const [operation, detail] of [
      [{ op: 'delete', id: 'x' }, /^must be a UUID$/],
      [{ op: 'delete' }, /^must be a UUID$/],
      [{ op: 'delete', id, if_match: 'x' }, /^must be a time /],
      [{ op: 'delete', id, if_match: 5 }, /^must be a time /],
      [{ op: 'delete', id, if_match: '0000-01-01T00:00:00.000Z' }, /^must be a time /],
      [{ op: 'update', id }, /^must be an object$/],
      [{ op: 'x', id }, /^must be an operation /],
      [null, /^must be an operation /],
    ] as [unknown, RegExp][]) {
      const { errors } = await problem(
        user.send('POST', '/tasks/batch', { json: [operation] }),
        422
      )
      expect(errors?.map(({ detail }) => detail)).toEqual([expect.stringMatching(detail)])
    }
  })

  test('at most 100 faults of a batch are named', async () => {
    const user = await newUser()
    const json = Array.from({ length: 100 }, () => ({ op: 'create', id: 'x', task: { title: '' } }))
    const { errors } = await problem(user.send('POST', '/tasks/batch', { json }), 422)
    expect(errors).toHaveLength(100)
  })

  test.each([
    'x',
    '',
    null,
    5,
    id.replaceAll('-', ''),
    `{${id}}`,
    ` ${id}`,
    `${id}\n`,
    `urn:uuid:${id}`,
    `${id}\u0000`,
  ])('an id of %j is a 422', async (id) => {
    const user = await newUser()
    for (const operation of [
      { op: 'create', task: { title: 'x' } },
      { op: 'update', task: {} },
      { op: 'delete' },
      { op: 'restore' },
    ])
      expect(
        await pointers(user.send('POST', '/tasks/batch', { json: [{ ...operation, id }] }))
      ).toEqual(['/0/id'])
  })

  test.each([
    '',
    `"${time}"`,
    '*',
    'x',
    'now',
    'infinity',
    5,
    null,
    [],
    [time],
    '2026-01-12T09:30:00Z',
    '2026-01-12T09:30:00.0000Z',
    '2026-01-12T09:30:00.000+00:00',
    '2026-01-12 09:30:00.000Z',
    '2026-02-30T09:30:00.000Z',
    '2026-01-12T24:00:00.000Z',
    '2026-01-12T23:59:60.000Z',
    '0000-01-01T00:00:00.000Z',
    '-0001-01-01T00:00:00.000Z',
    '+10000-01-01T00:00:00.000Z',
    `${time}\u0000`,
    ` ${time}`,
  ])('an if_match of %j is a 422', async (if_match) => {
    const user = await newUser()
    for (const operation of [
      { op: 'update', id, task: {}, if_match },
      { op: 'delete', id, if_match },
    ])
      expect(await pointers(user.send('POST', '/tasks/batch', { json: [operation] }))).toEqual([
        '/0/if_match',
      ])
  })

  test('an id in two operations is a 422 at the later ones, whatever its case', async () => {
    const user = await newUser()
    const { id: existing } = await user.newTask({ title: 'before' })
    for (const [first, second, third] of [
      [existing, existing, existing],
      [existing, existing.toUpperCase(), existing],
      [existing.toUpperCase(), existing, existing.toUpperCase()],
    ]) {
      const json = [
        { op: 'update', id: first, task: { title: 'x' } },
        create(),
        { op: 'delete', id: second },
        { op: 'restore', id: third },
      ]
      expect(await pointers(user.send('POST', '/tasks/batch', { json }))).toEqual([
        '/2/id',
        '/3/id',
      ])
    }
    expect(await user.tasks()).toMatchObject([{ title: 'before' }])
  })

  test('doubled ids beside other faults are a 422', async () => {
    const user = await newUser()
    for (const faulty of [
      null,
      5,
      {},
      { op: 'x', id },
      { op: 'delete' },
      { op: 'delete', id: 5 },
      [id],
    ]) {
      const json = [{ op: 'delete', id }, faulty, { op: 'delete', id }]
      expect((await pointers(user.send('POST', '/tasks/batch', { json })))?.length).toBeGreaterThan(
        0
      )
    }
    const many = Array.from({ length: 150 }, () => ({ op: 'delete', id }))
    await problem(user.send('POST', '/tasks/batch', { json: many }), 422)
  })

  test('the body of a batch is a 400, 413 or 415 like any other, and may have 1 MiB', async () => {
    const user = await newUser()
    const post = (options: Options) => user.send('POST', '/tasks/batch', options)
    await problem(post({}), 400)
    await problem(post(raw('')), 400)
    await problem(post(raw('[')), 400)
    await problem(post(raw(new Uint8Array([0x5b, 0xff, 0x5d]))), 400)
    await problem(post(raw('[]', 'text/plain')), 415)
    const text = JSON.stringify([create()])
    const padded = (bytes: number) => text + ' '.repeat(bytes - text.length)
    await problem(post(raw(padded(1024 * 1024 + 1))), 413)
    await problem(post(raw(chunked(utf8(padded(1024 * 1024 + 1)), 65_536))), 413)
    await problem(post(raw(padded(2 * 1024 * 1024), 'text/plain')), 413)
    expect(await user.tasks()).toEqual([])
    expect((await post(raw(padded(1024 * 1024)))).status).toBe(200)
    expect((await post(raw(chunked(utf8(padded(1024 * 1024)), 65_536)))).status).toBe(200)
    expect(await user.tasks()).toHaveLength(1)
    await problem(send('POST', '/tasks/batch', raw('[')), 401)
  })
})

describe('the fields of a task in a batch', () => {
  const operations = (field: Writable, value: unknown) => {
    const task = { ...(field === 'due_time' && { due_date: '2026-01-01' }), [field]: value }
    return {
      creation: create({ title: 'x', ...task }),
      change: { op: 'update', task: { ...task } },
    }
  }

  test.each(writable)('each value that %s accepts is stored by a batch', async (field) => {
    const user = await newUser()
    for (const [sent, stored = sent] of accepted[field]) {
      const { creation, change } = operations(field, sent)
      const { id } = await user.newTask({ title: 'before' })
      const outcomes = await batch(user, [creation, { ...change, id }])
      expect(outcomes.map(({ status }) => status)).toEqual([201, 200])
      for (const one of [creation.id, id])
        expect((await user.task(one))[field], JSON.stringify(sent)?.slice(0, 80)).toEqual(stored)
    }
  })

  test.each(writable)('each value that %s refuses is a 422 of a batch', async (field) => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'before' })
    for (const [sent, pointer = `/${field}`] of refused[field]) {
      const { creation, change } = operations(field, sent)
      const json = [creation, { ...change, id }]
      expect(await pointers(user.send('POST', '/tasks/batch', { json }))).toEqual([
        `/0/task${pointer}`,
        `/1/task${pointer}`,
      ])
    }
    expect(await user.tasks()).toHaveLength(1)
  })
})
