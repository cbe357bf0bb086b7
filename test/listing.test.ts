import { describe, expect, test } from 'vitest'
import { array } from 'zod/mini'
import { Task } from '../src/tasks/task.ts'
import { isRemote, newUser, origin, pointers, problem, read } from './api.ts'

type User = Awaited<ReturnType<typeof newUser>>
type NewTask = Parameters<User['newTask']>[0]

const Tasks = array(Task)

const titles = (tasks: Task[]) => tasks.map(({ title }) => title).sort()
const ids = (tasks: Task[]) => tasks.map(({ id }) => id)

const list = (user: User, query = '') =>
  read(user.send('GET', `/tasks${query && '?'}${query}`), 200, Tasks)

const seed = (user: User, tasks: NewTask[]) => Promise.all(tasks.map((task) => user.newTask(task)))

/** Eight at a time: one by one takes long, and all at once would wait in line for the database. */
const forAll = async <Item>(items: readonly Item[], check: (item: Item) => Promise<unknown>) => {
  for (let at = 0; at < items.length; at += 8) await Promise.all(items.slice(at, at + 8).map(check))
}

/** The address of the next page, if there is one. */
const nextOf = ({ headers }: Response) => {
  const link = headers.get('Link')
  if (link === null) return undefined
  // RFC 8288, of which a server that gives one relation needs no more than this.
  expect(link).toMatch(/^<[!#-;=?-~]+>; rel="next"$/)
  return link.slice(1, link.indexOf('>'))
}

/** Every page from here on, by following the links. */
const pages = async (user: User, query: string) => {
  const found: Task[][] = []
  let next: string | undefined = `${origin}/tasks?${query}`
  while (next !== undefined) {
    expect(found.length).toBeLessThan(100)
    const response: Response = await user.send('GET', next)
    next = nextOf(response)
    found.push(await read(response, 200, Tasks))
  }
  return found
}

/** The cursor that follows the first page of this query. */
const cursorOf = async (user: User, query: string) => {
  const next = nextOf(await user.send('GET', `/tasks?${query}`))
  return new URL(next ?? '').searchParams.get('cursor') ?? ''
}

const encode = (text: string) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
const decode = (cursor: string) => {
  const bytes = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
  return new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)))
}

const sorts = ['due_date', 'priority', 'title', 'order', 'created_at', 'updated_at'] as const
const directions = sorts.flatMap((sort) => [sort, `-${sort}` as const])

/** Ties and nulls for each sort key. The due_time of a task is no part of its place. */
const assorted: NewTask[] = [
  { title: 'banana', due_date: '2026-03-01', due_time: '23:00', order: 1, priority: 'high' },
  { title: 'Banana', due_date: '2026-03-01', due_time: '01:00', order: 1, priority: 'low' },
  { title: 'BANANA', due_date: '2026-03-01', order: -0.5 },
  { title: 'apple', order: 0, priority: 'low' },
  { title: 'Cherry' },
  { title: 'cherry', due_date: '0001-01-01', order: -1e308, priority: 'high' },
  { title: 'é', due_date: '9999-12-31', order: 5e-324 },
  { title: 'É', priority: 'high', order: 1e308 },
  { title: 'Apple pie', due_date: '2026-02-28', priority: 'low' },
]

const rank = { low: 0, medium: 1, high: 2 }

/** The place of a task in the ascending order of a key; undefined is after all others. */
const place = (task: Task, sort: (typeof sorts)[number]) =>
  sort === 'priority'
    ? rank[task.priority]
    : sort === 'title'
      ? task.title.toLowerCase()
      : (task[sort] ?? undefined)

const sorted = (tasks: Task[], sort: (typeof directions)[number]) => {
  const key = sort.replace('-', '') as (typeof sorts)[number]
  const ascending = [...tasks].sort((one, two) => {
    const [a, b] = [place(one, key), place(two, key)]
    if (a === b) return one.id < two.id ? -1 : 1
    if (a === undefined || b === undefined) return a === undefined ? 1 : -1
    return a < b ? -1 : 1
  })
  return sort.startsWith('-') ? ascending.reverse() : ascending
}

describe('filters', () => {
  const tasks: NewTask[] = [
    { title: 'plain' },
    { title: 'done', completed: true },
    { title: 'low', priority: 'low', tags: ['Work'] },
    { title: 'high', priority: 'high', tags: ['work', 'urgent'], due_date: '2026-01-01' },
    { title: 'high and done', priority: 'high', completed: true, due_date: '2026-01-31' },
    { title: 'shop', tags: ['workshop', 'home work'], due_date: '2026-02-01' },
    { title: 'école', tags: ['École', 'WORK', 'Urgent'], description: 'Rendez-vous à DIX heures' },
    { title: '100% sure_thing', description: "c:\\temp, it's" },
    { title: '100 pct', description: 'sureXthing', tags: ['50%', 'a_b'] },
    { title: 'alpha', description: 'omega' },
    { title: 'a+b & c=d #e ?f', tags: ['c++', 'a,b', 'R&D'] },
  ]

  const selections: [query: string, ...expected: string[]][] = [
    ['completed=true', 'done', 'high and done'],
    [
      'completed=false',
      ...['100 pct', '100% sure_thing', 'a+b & c=d #e ?f', 'alpha', 'high', 'low', 'plain'],
      ...['shop', 'école'],
    ],
    ['priority=high', 'high', 'high and done'],
    ['priority=low', 'low'],
    ['priority=low&priority=high', 'high', 'high and done', 'low'],
    ['priority=low&priority=low', 'low'],
    ['tag=work', 'high', 'low', 'école'],
    ['tag=WORK', 'high', 'low', 'école'],
    ['tag=work&tag=urgent', 'high', 'école'],
    ['tag=urgent&tag=WORK&tag=work', 'high', 'école'],
    ['tag=work&tag=workshop'],
    ['tag=wor'],
    ['tag=home%20work', 'shop'],
    ['tag=home+work', 'shop'],
    ['tag=%C3%A9COLE', 'école'],
    ['tag=ecole'],
    ['tag=50%25', '100 pct'],
    ['tag=5%25'],
    ['tag=%25'],
    ['tag=a_b', '100 pct'],
    ['tag=a%2Cb', 'a+b & c=d #e ?f'],
    ['tag=a&tag=b'],
    ['tag=c%2B%2B', 'a+b & c=d #e ?f'],
    ['tag=r%26d', 'a+b & c=d #e ?f'],
    ['tag=%7B%7D'],
    ['tag=NULL'],
    ['due_from=2026-01-01', 'high', 'high and done', 'shop'],
    ['due_from=2026-01-31', 'high and done', 'shop'],
    ['due_from=2026-02-02'],
    ['due_to=2026-01-31', 'high', 'high and done'],
    ['due_to=2025-12-31'],
    ['due_from=2026-01-31&due_to=2026-01-31', 'high and done'],
    ['due_from=2026-02-01&due_to=2026-01-31'],
    ['due_from=0001-01-01&due_to=9999-12-31', 'high', 'high and done', 'shop'],
    ['search=high', 'high', 'high and done'],
    ['search=IGH+AND', 'high and done'],
    ['search=%C3%89COLE', 'école'],
    ['search=ecole'],
    ['search=%C3%80%20dix', 'école'],
    ['search=%25', '100% sure_thing'],
    ['search=100%25', '100% sure_thing'],
    ['search=100%25sure'],
    ['search=_', '100% sure_thing'],
    ['search=sure_thing', '100% sure_thing'],
    ['search=%5C', '100% sure_thing'],
    ['search=:%5CTEMP', '100% sure_thing'],
    ['search=%5C%25'],
    ["search='", '100% sure_thing'],
    ["search=it's", '100% sure_thing'],
    ["search='%20OR%20''='"],
    ['search=alpha', 'alpha'],
    ['search=omega', 'alpha'],
    // One after the other in the row, but not in any one text.
    ['search=alphaomega'],
    ['search=alpha%20omega'],
    ['search=alpha%0Aomega'],
    ['search=ao'],
    ['search=a%2Bb%20%26%20c%3Dd%20%23e%20%3Ff', 'a+b & c=d #e ?f'],
    ['search=a+b'],
    ['search=.*'],
    ['search=null'],
    ['search=work'],
    ['completed=true&priority=high', 'high and done'],
    ['completed=false&priority=high&priority=low&tag=work', 'high', 'low'],
    ['priority=high&due_to=2026-01-15', 'high'],
    ['search=o&tag=urgent&tag=work&completed=false&priority=medium', 'école'],
    ['search=high&tag=work&due_from=2026-01-01&due_to=2026-01-01&completed=false', 'high'],
    ['search=high&tag=work&due_from=2026-01-01&due_to=2026-01-01&completed=true'],
  ]

  test('each selects what it should, alone and with others', async () => {
    const user = await newUser()
    await seed(user, tasks)
    await forAll(selections, async ([query, ...expected]) =>
      expect.soft(titles(await list(user, query)), query).toEqual(expected.sort())
    )
  })

  test('a filter holds on every page', async () => {
    const user = await newUser()
    await seed(user, tasks)
    const query = 'priority=high&priority=low&completed=false&limit=1'
    const found = await pages(user, query)
    expect(found.map((page) => page.length)).toEqual([1, 1])
    expect(titles(found.flat())).toEqual(['high', 'low'])
  })

  // Letters that have several lower cases, or a lower case of another length: what was written is
  // found by itself at the least.
  test('a text in any script is found by its own letters, and by their other case', async () => {
    const user = await newUser()
    for (const [title, ...searches] of [
      ['İstanbul', 'İSTANBUL', 'İ'],
      ['ΟΔΟΣ ΜΟΥ', 'ΟΔΟΣ', 'Σ', 'οδο'],
      ['ΑΣΑ', 'ΑΣ', 'ασα'],
      ['οδός', 'ός', 'οδό'],
      ['Straße STRAẞE', 'Straße', 'STRAẞE', 'ß', 'ẞ', 'straße straße'],
      ['ǅungla Ǆ ǆ', 'ǅ', 'Ǆ Ǆ', 'ǆUNGLA'],
      ['300 K und 5 Ω', '300 K', '5 Ω', '300 k', '5 ω'],
      ['ПРИВЕТ Мир', 'привет', 'МИР'],
      ['𐐀𐐁', '𐐀', '𐐨', '𐐩'],
      ['e\u0301 🦄', 'e\u0301', 'E\u0301', '🦄'],
    ] as const) {
      const { id } = await user.newTask({ title, tags: [title] })
      await forAll([title, ...searches], async (search) =>
        expect
          .soft(ids(await list(user, `search=${encodeURIComponent(search)}`)), search)
          .toContain(id)
      )
      expect.soft(ids(await list(user, `tag=${encodeURIComponent(title)}`)), title).toEqual([id])
    }
  })

  test('a search of 2,000 characters is a search', async () => {
    const user = await newUser()
    const description = 'é%'.repeat(1_000)
    const task = await user.newTask({ title: 'x', description })
    expect(await list(user, `search=${encodeURIComponent(description)}`)).toEqual([task])
    expect(await list(user, `search=${encodeURIComponent(`${description}é`)}`)).toEqual([])
  })

  test('many of a repeated filter are not too many for the database', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x', tags: ['a'] })
    expect(await list(user, Array(300).fill('tag=a').join('&'))).toHaveLength(1)
    expect(await list(user, `${'priority=medium&'.repeat(299)}priority=low`)).toHaveLength(1)
    const { status } = await user.send(
      'GET',
      `/tasks?${Array.from({ length: 300 }, (_, n) => `tag=${n}`).join('&')}`
    )
    expect([200, 422]).toContain(status)
  })
})

const malformed: [query: string, pointer: string][] = [
  ['completed=', '/completed'],
  ['completed', '/completed'],
  ['completed=TRUE', '/completed'],
  ['completed=1', '/completed'],
  ['completed=yes', '/completed'],
  ['completed=true%20', '/completed'],
  ['completed=true&completed=true', '/completed'],
  ['completed=true&completed=false', '/completed'],
  ['priority=', '/priority'],
  ['priority=urgent', '/priority'],
  ['priority=HIGH', '/priority'],
  ['priority=high,low', '/priority'],
  ['priority=0', '/priority'],
  ['tag=%00', '/tag'],
  ['tag=a%00b', '/tag'],
  ['search=%00', '/search'],
  ['search=a%00', '/search'],
  ['search=a&search=b', '/search'],
  ['due_from=', '/due_from'],
  ['due_from=2026-02-30', '/due_from'],
  ['due_from=2026-1-1', '/due_from'],
  ['due_from=0000-01-01', '/due_from'],
  ['due_from=infinity', '/due_from'],
  ['due_from=2026-01-01T00:00:00Z', '/due_from'],
  ['due_from=2026-01-01%0A', '/due_from'],
  ['due_from=2026-01-01&due_from=2026-01-01', '/due_from'],
  ['due_to=', '/due_to'],
  ['due_to=today', '/due_to'],
  ['due_to=-infinity', '/due_to'],
  ['due_to=10000-01-01', '/due_to'],
  ['due_to=2026-01-01&due_to=2026-01-02', '/due_to'],
  ['user_id=1', '/user_id'],
  ['id=1', '/id'],
  ['q=x', '/q'],
  ['title=x', '/title'],
  ['tags=x', '/tags'],
  ['Completed=true', '/Completed'],
  ['completed%20=true', '/completed '],
  ['tag%5B%5D=x', '/tag[]'],
  ['offset=0', '/offset'],
  ['page=1', '/page'],
  ['access_token=x', '/access_token'],
  ['a%2Fb~c=1', '/a~1b~0c'],
  ['__proto__=1', '/__proto__'],
  ['__proto__=1&__proto__=2', '/__proto__'],
  ['constructor=1', '/constructor'],
  ['toString=1', '/toString'],
  ['hasOwnProperty=1', '/hasOwnProperty'],
  ['prototype=1', '/prototype'],
]

const pagingFaults: [query: string, pointer: string][] = [
  ['limit=0', '/limit'],
  ['limit=101', '/limit'],
  ['limit=-1', '/limit'],
  ['limit=1.5', '/limit'],
  ['limit=1e1', '/limit'],
  ['limit=0x10', '/limit'],
  ['limit=', '/limit'],
  ['limit', '/limit'],
  ['limit=%20', '/limit'],
  ['limit=%201', '/limit'],
  ['limit=+1', '/limit'],
  ['limit=1%0A', '/limit'],
  ['limit=ten', '/limit'],
  ['limit=NaN', '/limit'],
  ['limit=Infinity', '/limit'],
  ['limit=null', '/limit'],
  ['limit=%D9%A3', '/limit'],
  ['limit=99999999999999999999', '/limit'],
  ['limit=5&limit=5', '/limit'],
  ['limit=1%00', '/limit'],
  ['sort=', '/sort'],
  ['sort=-', '/sort'],
  ['sort=--title', '/sort'],
  ['sort=+title', '/sort'],
  ['sort=Title', '/sort'],
  ['sort=title,order', '/sort'],
  ['sort=title%20desc', '/sort'],
  ['sort=id', '/sort'],
  ['sort=user_id', '/sort'],
  ['sort=completed', '/sort'],
  ['sort=constructor', '/sort'],
  ['sort=__proto__', '/sort'],
  ['sort=-toString', '/sort'],
  ['sort=title;select%201', '/sort'],
  ['sort=title%00', '/sort'],
  ['sort=title&sort=order', '/sort'],
  ['sort=title&sort=title', '/sort'],
]

test('unknown, malformed and doubled parameters are a 422 that points at them', async () => {
  const user = await newUser()
  await user.newTask({ title: 'x' })
  await forAll([...malformed, ...pagingFaults], async ([query, pointer]) => {
    const response = await user.send('GET', `/tasks?${query}`)
    expect.soft(response.status, query).toBe(422)
    if (response.status === 422) expect.soft(await pointers(response), query).toEqual([pointer])
  })
})

test('all faults of a query are reported at once', async () => {
  const user = await newUser()
  const query = 'limit=0&sort=x&due_to=x&completed=x&priority=x&tag=a&tag=&user_id=x&search=%00'
  const found = await pointers(user.send('GET', `/tasks?${query}`))
  expect(found?.sort()).toEqual([
    '/completed',
    '/due_to',
    '/limit',
    '/priority',
    '/search',
    '/sort',
    '/tag/1',
    '/user_id',
  ])
})

test.each(['search=%', 'search=%zz', 'search=%ff', 'tag=%E0%A4', '%=1', '%ff=1', '=', '&&', '?'])(
  'a query that is no good URL is no 500: %s',
  async (query) => {
    const user = await newUser()
    const { status } = await user.send('GET', `/tasks?${query}`)
    expect([200, 422]).toContain(status)
  }
)

test('an empty query is none', async () => {
  const user = await newUser()
  const task = await user.newTask({ title: 'x' })
  expect(await read(user.send('GET', '/tasks?'), 200, Tasks)).toEqual([task])
})

test('every sort is the whole order, ties and nulls included, in one page and in many', async () => {
  const user = await newUser()
  const created = await seed(user, assorted)
  // Some are written again, so that the order of writing is not that of creation.
  for (const index of [4, 0, 7])
    created[index] = await read(
      user.send('PATCH', `/tasks/${created[index]?.id}`, { json: { description: 'again' } }),
      200,
      Task
    )
  expect(await list(user)).toEqual(sorted(created, 'due_date'))
  await forAll(directions, async (sort) => {
    const expected = sorted(created, sort)
    expect.soft(await list(user, `sort=${sort}`), sort).toEqual(expected)
    for (const limit of [1, 2, 3]) {
      const found = await pages(user, `sort=${sort}&limit=${limit}`)
      expect.soft(ids(found.flat()), `${sort} by ${limit}`).toEqual(ids(expected))
      // Full pages but for the last, and no empty one after it.
      expect(found).toHaveLength(Math.ceil(expected.length / limit))
      expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true)
    }
  })
})

test.each([
  'due_date',
  '-due_date',
  'title',
  '-priority',
  '-order',
  'created_at',
  '-updated_at',
] as const)(
  'sort=%s: tasks that come and go between pages neither skip nor repeat the others',
  async (sort) => {
    const user = await newUser()
    const created = sorted(await seed(user, assorted), sort)
    const seen: Task[] = []
    let next: string | undefined = `${origin}/tasks?sort=${sort}&limit=2`
    for (let page = 0; next !== undefined; page++) {
      expect(page).toBeLessThan(20)
      const response: Response = await user.send('GET', next)
      next = nextOf(response)
      const tasks = await read(response, 200, Tasks)
      seen.push(...tasks)
      if (page > 1) continue
      // The last task seen is the one that the cursor speaks of, and now it is gone.
      await user.send('DELETE', `/tasks/${tasks.at(-1)?.id}`)
      await seed(user, [assorted[page] as NewTask, { title: 'new' }])
    }
    const own = new Set(ids(created))
    expect(ids(seen).filter((id) => own.has(id))).toEqual(ids(created))
    expect(new Set(ids(seen)).size).toBe(seen.length)
  }
)

test('all alike but for their ids, in pages, by any sort', async () => {
  const user = await newUser()
  const created = await seed(user, Array(7).fill({ title: 'same' }))
  await forAll(directions, async (sort) => {
    const found = await pages(user, `sort=${sort}&limit=3`)
    expect.soft(ids(found.flat()), sort).toEqual(ids(sorted(created, sort)))
  })
})

test('order sorts what a double can tell apart, and takes -0 for 0', async () => {
  const user = await newUser()
  const orders = [1, 1 + Number.EPSILON, 1 - Number.EPSILON / 2, 0.1 + 0.2, 0.3, 5e-324, 0, -5e-324]
  const created = await seed(
    user,
    orders.map((order) => ({ title: 'x', order }))
  )
  const response = user.send('POST', '/tasks', {
    body: '{"title":"x","order":-0}',
    headers: { 'Content-Type': 'application/json' },
  })
  const zero = await read(response, 201, Task)
  const all = [...created, { ...zero, order: 0 }]
  for (const sort of ['order', '-order'] as const)
    for (const limit of [1, 4])
      expect(ids((await pages(user, `sort=${sort}&limit=${limit}`)).flat())).toEqual(
        ids(sorted(all, sort))
      )
})

test('title sorts long titles and odd ones without losing its place', async () => {
  const user = await newUser()
  const created = await seed(
    user,
    [
      ...['x'.repeat(254), 'x'.repeat(255), `${'x'.repeat(254)}X`, `${'🦄'.repeat(255)}`],
      ...[
        '"quoted"',
        "it's",
        '\\',
        '%',
        '{}',
        'null',
        '<>',
        'İ',
        'i',
        'ΟΔΟΣ',
        'οδος',
        'ǅ',
        '\u0001',
      ],
    ].map((title) => ({ title }))
  )
  for (const sort of ['title', '-title'] as const) {
    const whole = ids(await list(user, `sort=${sort}`))
    expect([...whole].sort()).toEqual(ids(created).sort())
    expect(ids((await pages(user, `sort=${sort}&limit=1`)).flat())).toEqual(whole)
  }
})

describe('pages', () => {
  test('are of 50 unless told otherwise, and of 100 at most', async () => {
    const user = await newUser()
    const created = await seed(
      user,
      Array.from({ length: 101 }, (_, order) => ({ title: 'x', order }))
    )
    const sizes = async (query: string) => (await pages(user, query)).map((page) => page.length)
    expect(await sizes('sort=order')).toEqual([50, 50, 1])
    expect(await sizes('sort=order&limit=100')).toEqual([100, 1])
    expect(ids((await pages(user, 'sort=order')).flat())).toEqual(ids(created))
    // All of them go, and not one page.
    expect((await user.send('DELETE', '/tasks?priority=medium')).status).toBe(204)
    expect(await list(user)).toEqual([])
  })

  test('the last has no Link, also when it is full, also when it is the only one', async () => {
    const user = await newUser()
    expect(nextOf(await user.send('GET', '/tasks'))).toBe(undefined)
    await seed(user, assorted.slice(0, 6))
    for (const [query, count] of [
      ['limit=3', 2],
      ['limit=2&sort=-order', 3],
      ['limit=6', 1],
      ['limit=7', 1],
      ['limit=1&priority=high', 2],
    ] as const)
      expect((await pages(user, query)).length, query).toBe(count)
  })

  test('the Link is absolute and keeps the other parameters', async () => {
    const user = await newUser()
    await seed(
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
    // On the second page the cursor takes the place of the one before.
    next = nextOf(await user.send('GET', next ?? ''))
    expect(new URL(next ?? '').searchParams.getAll('cursor')).toHaveLength(1)
    const last = await user.send('GET', next ?? '')
    expect(nextOf(last)).toBe(undefined)
    expect(await read(last, 200, Tasks)).toHaveLength(1)
  })

  test('no header moves the Link', async () => {
    const user = await newUser()
    await seed(user, assorted.slice(0, 2))
    const headers = {
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'gopher',
      Forwarded: 'host=evil.example',
    }
    const next = nextOf(await user.send('GET', '/tasks?limit=1', { headers }))
    expect(new URL(next ?? '').origin).toBe(new URL(origin).origin)
  })

  test.runIf(!isRemote)('the Link is on the origin that was asked', async () => {
    const user = await newUser()
    await seed(user, assorted.slice(0, 2))
    const other = 'https://todo.example.com:8443'
    const next = nextOf(await user.send('GET', `${other}/tasks?limit=1`))
    expect(new URL(next ?? '').origin).toBe(other)
  })
})

describe('cursors', () => {
  test('junk is a 422 that points at it', async () => {
    const user = await newUser()
    await seed(user, assorted)
    const junk = [
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
      // Not UTF-8.
      '/w==',
      'WyLtoIAiXQ==',
    ]
    await forAll(junk, async (cursor) => {
      const query = `cursor=${encodeURIComponent(cursor)}`
      const response = await user.send('GET', `/tasks?${query}`)
      expect.soft(response.status, query.slice(0, 80)).toBe(422)
      if (response.status === 422)
        expect.soft(await pointers(response), query.slice(0, 80)).toEqual(['/cursor'])
    })
  })

  test('one of another sort, or of the other direction, is a 422', async () => {
    const user = await newUser()
    await seed(user, assorted)
    await forAll([...directions.entries()], async ([index, sort]) => {
      const cursor = encodeURIComponent(await cursorOf(user, `sort=${sort}&limit=1`))
      const reversed = sort.startsWith('-') ? sort.slice(1) : `-${sort}`
      for (const other of [sort, reversed, directions[(index + 2) % directions.length]]) {
        const { status } = await user.send('GET', `/tasks?sort=${other}&cursor=${cursor}`)
        expect.soft(status, `${sort} for ${other}`).toBe(other === sort ? 200 : 422)
      }
      const { status } = await user.send('GET', `/tasks?cursor=${cursor}`)
      expect.soft(status, `${sort} for none`).toBe(sort === 'due_date' ? 200 : 422)
    })
  })

  test('two are a 422', async () => {
    const user = await newUser()
    await seed(user, assorted)
    const cursor = encodeURIComponent(await cursorOf(user, 'limit=1'))
    const query = `cursor=${cursor}&cursor=${cursor}`
    expect(await pointers(user.send('GET', `/tasks?${query}`))).toEqual(['/cursor'])
  })

  test('one needs no limit, and may be used again', async () => {
    const user = await newUser()
    const expected = sorted(await seed(user, assorted), 'due_date')
    const cursor = encodeURIComponent(await cursorOf(user, 'limit=4'))
    for (let time = 0; time < 2; time++)
      expect(await list(user, `cursor=${cursor}`)).toEqual(expected.slice(4))
  })

  test('one that is cut, stretched or flipped is a 422 or shows own tasks', async () => {
    const user = await newUser()
    const own = new Set(ids(await seed(user, assorted)))
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
      else expect(ids(await read(response, 200, Tasks)).filter((id) => !own.has(id))).toEqual([])
    }
  })

  // A cursor is opaque, and no secret: whoever decodes one can write another.
  test.each(sorts)('whatever a forged one of sort=%s says, only own tasks come', async (sort) => {
    const user = await newUser()
    const own = new Set(ids(await seed(user, assorted)))
    const other = await newUser()
    const [theirs] = await seed(other, assorted.slice(0, 2))
    const forged = [
      ...[
        null,
        '',
        '\u0000',
        '\ud800',
        -1.5,
        true,
        [],
        {},
        ['x'],
        'infinity',
        '2026-02-30',
        'high',
      ],
      ...[
        '2026-01-01',
        '2026-01-01T00:00:00.000Z',
        '0000-01-01T00:00:00.000Z',
        '0000-01-01',
        '+275760-09-13T00:00:00.000Z',
        "' OR 1=1",
      ],
      ...[theirs?.id, theirs?.id.toUpperCase(), `{${theirs?.id}}`, 'x'.repeat(3_000)],
    ].map((value) => JSON.stringify(value))
    // JSON that JSON.stringify does not make.
    forged.push('1e999', '-0', '123456789012345678901234567890')
    const good = await cursorOf(user, `sort=${sort}&limit=1`)
    const text = decode(good)
    expect(encode(text).replaceAll('=', '')).toBe(good.replaceAll('=', ''))
    // Each value of it in turn but the sort, of which there is a test above.
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
        else if (response.status === 200) seen.push(...ids(await read(response, 200, Tasks)))
        else expect.soft(response.status, label).toBe(200)
      })
    // Some were good, and showed nothing that they should not.
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter((id) => !own.has(id))).toEqual([])
  })
})

describe('DELETE /tasks', () => {
  const tasks: NewTask[] = [
    { title: 'plain' },
    { title: 'done', completed: true, tags: ['Work'] },
    { title: '100%', priority: 'high', tags: ['work', 'é'], due_date: '2026-01-01' },
    { title: 'under_score', priority: 'low', due_date: '2026-02-01', description: 'É' },
  ]

  test.each([
    '',
    'completed=true',
    'priority=high&priority=low',
    'tag=WORK',
    'tag=work&tag=%C3%89',
    'due_from=2026-01-02',
    'due_from=2026-01-01&due_to=2026-02-01',
    'search=%25',
    'search=%C3%A9',
    'completed=false&priority=medium&search=PLAIN',
    'completed=true&priority=high',
  ])('%s deletes what GET with it selects', async (query) => {
    const user = await newUser()
    const created = await seed(user, tasks)
    const selected = new Set(ids(await list(user, query)))
    const response = await user.send('DELETE', `/tasks${query && '?'}${query}`)
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    expect(await list(user, 'sort=title')).toEqual(
      sorted(
        created.filter(({ id }) => !selected.has(id)),
        'title'
      )
    )
  })

  test('of nothing is a 204 too', async () => {
    const user = await newUser()
    expect((await user.send('DELETE', '/tasks')).status).toBe(204)
  })

  test('with sort, limit, cursor or a faulty parameter is a 422 and deletes nothing', async () => {
    const user = await newUser()
    const created = await seed(user, tasks)
    const cursor = encodeURIComponent(await cursorOf(user, 'limit=1'))
    const faults = [
      ...malformed,
      ['sort=title', '/sort'],
      ['sort=due_date', '/sort'],
      ['limit=1', '/limit'],
      ['limit=50', '/limit'],
      ['cursor=', '/cursor'],
      [`cursor=${encodeURIComponent(cursor)}`, '/cursor'],
      ['completed=true&limit=1', '/limit'],
    ] as const
    await forAll(faults, async ([query, pointer]) => {
      const response = await user.send('DELETE', `/tasks?${query}`)
      expect.soft(response.status, query).toBe(422)
      if (response.status === 422) expect.soft(await pointers(response), query).toEqual([pointer])
    })
    expect(await list(user, 'sort=title')).toEqual(sorted(created, 'title'))
  })

  test('a blank tag never deletes anything', async () => {
    const user = await newUser()
    const created = await seed(user, tasks)
    for (const query of ['tag=', 'tag', 'tag=%20', 'tag=&tag=work'])
      expect([204, 422]).toContain((await user.send('DELETE', `/tasks?${query}`)).status)
    expect(await list(user, 'sort=title')).toEqual(sorted(created, 'title'))
  })

  test('a task that is gone is gone by its id too', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    await user.send('DELETE', '/tasks')
    await problem(user.send('GET', `/tasks/${id}`), 404)
  })
})
