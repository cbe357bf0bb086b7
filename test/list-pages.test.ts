import { describe, expect, test } from 'vitest'
import { forAll, isRemote, newUser, origin, pointers, read, Tasks, utf8 } from './api.ts'
import {
  assorted,
  cursorOf,
  idsOf,
  keys,
  newTasks,
  nextOf,
  pagesOf,
  sorted,
  sorts,
} from './lists.ts'
import { base64Url } from './tokens.ts'

describe('a page of GET /tasks', () => {
  test('a page has 50 tasks by default, and 100 at most', async () => {
    const user = await newUser()
    const created = await newTasks(
      user,
      Array.from({ length: 101 }, (_, order) => ({ title: 'x', order }))
    )
    const sizes = async (query: string) => (await pagesOf(user, query)).map(({ length }) => length)
    expect(await sizes('sort=order')).toEqual([50, 50, 1])
    expect(await sizes('sort=order&limit=100')).toEqual([100, 1])
    expect(idsOf((await pagesOf(user, 'sort=order')).flat())).toEqual(idsOf(created))
    // A deletion takes all that the filter selects, not one page.
    expect((await user.send('DELETE', '/tasks?priority=medium')).status).toBe(204)
    expect(await user.tasks()).toEqual([])
  })

  test('the last page has no Link, even if it is full or the only one', async () => {
    const user = await newUser()
    expect(nextOf(await user.send('GET', '/tasks'))).toBe(undefined)
    await newTasks(user, assorted.slice(0, 6))
    for (const [query, count] of [
      ['limit=3', 2],
      ['limit=2&sort=-order', 3],
      ['limit=6', 1],
      ['limit=7', 1],
      ['limit=1&priority=high', 2],
    ] as const)
      expect(await pagesOf(user, query), query).toHaveLength(count)
  })

  test('the Link is absolute and keeps all other parameters', async () => {
    const user = await newUser()
    await newTasks(
      user,
      Array(3).fill({ title: 'a>b, <"é%&+#🦄\\', tags: ['x>y', 'b&c'], due_date: '2026-01-01' })
    )
    const parameters = [
      ['search', 'a>b, <"é%&+#🦄\\'],
      ['tag', 'x>y'],
      ['tag', 'b&c'],
      ['priority', 'medium'],
      ['priority', 'high'],
      ['completed', 'false'],
      ['due_from', '2026-01-01'],
      ['due_to', '2026-01-01'],
      ['sort', '-title'],
      ['limit', '1'],
    ]
    let next = nextOf(await user.send('GET', `/tasks?${new URLSearchParams(parameters)}`))
    const url = new URL(next ?? '')
    expect(url.href).toBe(next)
    expect(url.origin + url.pathname).toBe(`${origin}/tasks`)
    const kept = [...url.searchParams].filter(([name]) => name !== 'cursor')
    expect(kept.map(String).sort()).toEqual(parameters.map(String).sort())
    expect(url.searchParams.getAll('cursor')).toHaveLength(1)
    // The link on the second page replaces the cursor instead of adding another.
    next = nextOf(await user.send('GET', next ?? ''))
    expect(new URL(next ?? '').searchParams.getAll('cursor')).toHaveLength(1)
    const last = await user.send('GET', next ?? '')
    expect(nextOf(last)).toBe(undefined)
    expect(await read(last, 200, Tasks)).toHaveLength(1)
  })

  test('the Link does not follow headers that name another host', async () => {
    const user = await newUser()
    await newTasks(user, assorted.slice(0, 2))
    const headers = {
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'gopher',
      Forwarded: 'host=evil.example',
    }
    const next = nextOf(await user.send('GET', '/tasks?limit=1', { headers }))
    expect(new URL(next ?? '').origin).toBe(new URL(origin).origin)
  })

  test.runIf(!isRemote)('the Link has the origin that was asked', async () => {
    const user = await newUser()
    await newTasks(user, assorted.slice(0, 2))
    const other = 'https://todo.example.com:8443'
    const next = nextOf(await user.send('GET', `${other}/tasks?limit=1`))
    expect(new URL(next ?? '').origin).toBe(other)
  })
})

describe('the cursor of GET /tasks', () => {
  const encode = (text: string) => base64Url(utf8(text))
  const decode = (cursor: string) => {
    const bytes = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    return new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)))
  }

  test('a cursor that does not decode is a 422 that points at it', async () => {
    const user = await newUser()
    await newTasks(user, assorted)
    const cursors = [
      '',
      'x',
      '*',
      '\u0000',
      'é',
      '🦄',
      'null',
      '==',
      'A',
      '../..',
      "'",
      '[]',
      '{}',
      'undefined',
      crypto.randomUUID(),
      'A'.repeat(10_000),
      ...[
        '',
        'null',
        'true',
        '0',
        '""',
        '[]',
        '{}',
        '[null]',
        '[[]]',
        '[null,null]',
        '["",""]',
        '[{},{}]',
        '{"__proto__":[]}',
        '{"id":"x"}',
        '["due_date","2026-01-01"]',
        '{',
        'x'.repeat(10_000),
        '['.repeat(10_000),
      ].map(encode),
      // The bytes of these two are not UTF-8.
      '/w==',
      'WyLtoIAiXQ==',
    ]
    await forAll(cursors, async (cursor) => {
      const query = `cursor=${encodeURIComponent(cursor)}`
      const response = await user.send('GET', `/tasks?${query}`)
      expect.soft(response.status, query.slice(0, 80)).toBe(422)
      if (response.status === 422)
        expect.soft(await pointers(response), query.slice(0, 80)).toEqual(['/cursor'])
    })
  })

  test('a cursor that is used with another sort or direction is a 422', async () => {
    const user = await newUser()
    await newTasks(user, assorted)
    await forAll([...sorts.entries()], async ([index, sort]) => {
      const cursor = encodeURIComponent(await cursorOf(user, `sort=${sort}&limit=1`))
      const reversed = sort.startsWith('-') ? sort.slice(1) : `-${sort}`
      for (const other of [sort, reversed, sorts[(index + 2) % sorts.length]]) {
        const { status } = await user.send('GET', `/tasks?sort=${other}&cursor=${cursor}`)
        expect.soft(status, `${sort} for ${other}`).toBe(other === sort ? 200 : 422)
      }
      const { status } = await user.send('GET', `/tasks?cursor=${cursor}`)
      expect.soft(status, `${sort} for the default`).toBe(sort === 'due_date' ? 200 : 422)
    })
  })

  test('two cursors in one query are a 422', async () => {
    const user = await newUser()
    await newTasks(user, assorted)
    const cursor = encodeURIComponent(await cursorOf(user, 'limit=1'))
    const query = `cursor=${cursor}&cursor=${cursor}`
    expect(await pointers(user.send('GET', `/tasks?${query}`))).toEqual(['/cursor'])
  })

  test('a cursor works without a limit, and more than once', async () => {
    const user = await newUser()
    const expected = sorted(await newTasks(user, assorted), 'due_date')
    const cursor = encodeURIComponent(await cursorOf(user, 'limit=4'))
    for (let time = 0; time < 2; time++)
      expect(await user.tasks(`cursor=${cursor}`)).toEqual(expected.slice(4))
  })

  test("a damaged cursor is a 422 or shows only the user's own tasks", async () => {
    const user = await newUser()
    const own = new Set(idsOf(await newTasks(user, assorted)))
    const cursor = await cursorOf(user, 'limit=4')
    const flipped = cursor.replace(/[a-z]/i, (letter) =>
      letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
    )
    for (const changed of [
      ...[`${cursor}=`, `${cursor}==`, `${cursor}A`, `${cursor} `, ` ${cursor}`, `${cursor}\n`],
      ...[cursor.slice(0, -1), cursor.slice(1), cursor + cursor, cursor.toLowerCase(), flipped],
    ]) {
      const response = await user.send('GET', `/tasks?cursor=${encodeURIComponent(changed)}`)
      if (response.status === 422) expect(await pointers(response)).toEqual(['/cursor'])
      else expect(idsOf(await read(response, 200, Tasks)).filter((id) => !own.has(id))).toEqual([])
    }
  })

  // A cursor is not signed: whoever decodes one can write another.
  test.each(keys)("a forged cursor of sort=%s shows only the user's own tasks", async (sort) => {
    const [user, stranger] = await Promise.all([newUser(), newUser()])
    const own = new Set(idsOf(await newTasks(user, assorted)))
    const [theirs] = await newTasks(stranger, assorted.slice(0, 2))
    const forged = [
      ...[null, '', '\u0000', '\ud800', -1.5, true, [], {}, ['x'], 'infinity', 'high', "' OR 1=1"],
      ...['2026-01-01', '2026-02-30', '0000-01-01', '2026-01-01T00:00:00.000Z'],
      ...['0000-01-01T00:00:00.000Z', '+275760-09-13T00:00:00.000Z', 'x'.repeat(3_000)],
      ...[theirs?.id, theirs?.id.toUpperCase(), `{${theirs?.id}}`],
    ].map((value) => JSON.stringify(value))
    // JSON.stringify does not make these numbers.
    forged.push('1e999', '-0', '123456789012345678901234567890')
    const good = await cursorOf(user, `sort=${sort}&limit=1`)
    const text = decode(good)
    expect(encode(text)).toBe(good)
    // Replaces each value in turn but the sort, which has a test of its own above.
    const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|null|true|false/g)].filter(
      ([value]) => value !== `"${sort}"`
    )
    expect(values.length).toBeGreaterThan(0)
    const seen: string[] = []
    for (const { 0: value, index } of values)
      await forAll(forged, async (json) => {
        const cursor = encode(text.slice(0, index) + json + text.slice(index + value.length))
        const query = `sort=${sort}&cursor=${encodeURIComponent(cursor)}`
        const response = await user.send('GET', `/tasks?${query}`)
        const label = `${text} with ${json.slice(0, 60)} for ${value}`
        if (response.status === 422)
          expect.soft(await pointers(response), label).toEqual(['/cursor'])
        else if (response.status === 200) seen.push(...idsOf(await read(response, 200, Tasks)))
        else expect.soft(response.status, label).toBe(200)
      })
    // Some of the forged cursors are valid and lead somewhere.
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter((id) => !own.has(id))).toEqual([])
  })
})
