import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Change,
  type Fields,
  merge,
  newId,
  queue,
  settle,
  type Task,
  takeBack,
  view,
} from '../../web/app/changes.ts'
import {
  addDays,
  addMonths,
  dayOf,
  isDay,
  nextWeekday,
  sayDay,
  weekday,
} from '../../web/app/dates.ts'
import { faultsIn } from '../../web/app/limits.ts'
import { byOrder, first, last, move, placeOf } from '../../web/app/order.ts'
import { understand } from '../../web/app/quick-add.ts'
import { extend, keep, nothing, pick, range } from '../../web/app/selection.ts'
import { countsOf, matches, sectionsOf, viewOf } from '../../web/app/views.ts'

/** A Saturday. */
const today = '2026-11-21'

const task = (fields: Partial<Task> = {}): Task => ({
  id: newId(),
  title: 'Buy milk',
  description: null,
  completed: false,
  completed_at: null,
  priority: 'medium',
  tags: [],
  due_date: null,
  due_time: null,
  order: null,
  created_at: '2026-11-20T12:00:00.000Z',
  updated_at: '2026-11-20T12:00:00.000Z',
  ...fields,
})

describe('quick add', () => {
  const plain = { title: 'Pay', priority: 'medium', tags: [], due_date: null, due_time: null }
  const cases: [string, Partial<ReturnType<typeof understand>>][] = [
    ['Pay', {}],
    ['Pay today', { due_date: today }],
    ['Pay TODAY', { due_date: today }],
    ['today Pay', { due_date: today }],
    ['Pay tod', { title: 'Pay tod' }],
    ['Pay tomorrow', { due_date: '2026-11-22' }],
    ['Pay tom', { title: 'Pay tom' }],
    ['Pay sunday', { due_date: '2026-11-22' }],
    ['Pay monday', { due_date: '2026-11-23' }],
    ['Pay mon', { due_date: '2026-11-23' }],
    ['Pay on tuesday', { due_date: '2026-11-24' }],
    ['Pay tue', { due_date: '2026-11-24' }],
    ['Pay tues', { due_date: '2026-11-24' }],
    ['Pay wednesday', { due_date: '2026-11-25' }],
    ['Pay thurs', { due_date: '2026-11-26' }],
    ['Pay fri', { due_date: '2026-11-27' }],
    ['Pay saturday', { due_date: '2026-11-28' }],
    ['Pay next friday', { due_date: '2026-11-27' }],
    ['Pay next sunday', { due_date: '2026-11-29' }],
    ['Pay next week', { due_date: '2026-11-23' }],
    ['Pay next month', { due_date: '2026-12-21' }],
    ['Pay in 1 day', { due_date: '2026-11-22' }],
    ['Pay in 10 days', { due_date: '2026-12-01' }],
    ['Pay in a week', { due_date: '2026-11-28' }],
    ['Pay in 2 weeks', { due_date: '2026-12-05' }],
    ['Pay in 3 months', { due_date: '2027-02-21' }],
    ['Pay in one month', { due_date: '2026-12-21' }],
    ['Pay in 0 days', { due_date: today }],
    ['Pay 2026-12-24', { due_date: '2026-12-24' }],
    ['Pay 2026-02-30', { title: 'Pay 2026-02-30' }],
    ['Pay 24.12.', { due_date: '2026-12-24' }],
    ['Pay 1.1.', { due_date: '2027-01-01' }],
    ['Pay 24.12.2027', { due_date: '2027-12-24' }],
    ['Pay 29.2.', { due_date: '2028-02-29' }],
    ['Pay 32.1.', { title: 'Pay 32.1.' }],
    ['Pay 24/12', { due_date: '2026-12-24' }],
    ['Pay 12/24', { title: 'Pay 12/24' }],
    ['Pay 9:30', { due_date: today, due_time: '09:30' }],
    ['Pay 9am', { due_date: today, due_time: '09:00' }],
    ['Pay 12am', { due_date: today, due_time: '00:00' }],
    ['Pay 12pm', { due_date: today, due_time: '12:00' }],
    ['Pay 11:15pm', { due_date: today, due_time: '23:15' }],
    ['Pay at 18:05', { due_date: today, due_time: '18:05' }],
    ['Pay at 9', { title: 'Pay at 9' }],
    ['Pay 24:00', { title: 'Pay 24:00' }],
    ['Pay 9:60', { title: 'Pay 9:60' }],
    ['Pay 13pm', { title: 'Pay 13pm' }],
    ['Pay 0am', { title: 'Pay 0am' }],
    ['Pay 5', { title: 'Pay 5' }],
    ['Pay tomorrow 9:30', { due_date: '2026-11-22', due_time: '09:30' }],
    ['9:30 Pay tomorrow', { due_date: '2026-11-22', due_time: '09:30' }],
    ['Pay #home', { tags: ['home'] }],
    ['#home Pay #work', { tags: ['home', 'work'] }],
    ['Pay #home #Home', { tags: ['home'] }],
    ['Pay #büro', { tags: ['büro'] }],
    ['Pay #a-b_c/d', { tags: ['a-b_c/d'] }],
    ['Pay #1', { title: 'Pay #1' }],
    ['Pay #', { title: 'Pay #' }],
    ['Pay C#', { title: 'Pay C#' }],
    ['Pay !high', { priority: 'high' }],
    ['Pay !LOW', { priority: 'low' }],
    ['Pay !1', { priority: 'high' }],
    ['Pay !2', { priority: 'medium' }],
    ['Pay !3', { priority: 'low' }],
    ['Pay !4', { title: 'Pay !4' }],
    ['Pay !', { title: 'Pay !' }],
    ['Pay !high !low', { title: 'Pay !low', priority: 'high' }],
    ['Pay today tomorrow', { title: 'Pay tomorrow', due_date: today }],
    ['Pay 9:00 10:00', { title: 'Pay 10:00', due_date: today, due_time: '09:00' }],
    ['Pay "see you tomorrow"', { title: 'Pay "see you tomorrow"' }],
    ['"tomorrow #never"', { title: 'tomorrow #never' }],
    ['  Pay   the   rent ', { title: 'Pay the rent' }],
    ['', { title: '' }],
    ['tomorrow', { title: '', due_date: '2026-11-22' }],
    ['Pay month', { title: 'Pay month' }],
    ['Pay in 5 minutes', { title: 'Pay in 5 minutes' }],
    ['Pay the Sunday Times', { title: 'Pay the Sunday Times' }],
    ['Pay tmrw', { due_date: '2026-11-22' }],
    ['day after tomorrow Pay', { due_date: '2026-11-23' }],
    ['Pay the day after tomorrow', { due_date: '2026-11-23' }],
    // A short name may be another word. At the end, or behind "on" or "next", it is a day.
    ['meet Tom today!', { title: 'meet Tom', due_date: today }],
    ['sun cream', { title: 'sun cream' }],
    ['Sat exam', { title: 'Sat exam' }],
    ['Pay sat', { due_date: '2026-11-28' }],
    [
      'Pay sat 9:30 #home !high',
      { due_date: '2026-11-28', due_time: '09:30', tags: ['home'], priority: 'high' },
    ],
    ['Pay mon at 9 am', { due_date: '2026-11-23', due_time: '09:00' }],
    ['on sat Pay', { due_date: '2026-11-28' }],
    ['Pay sun 50', { title: 'Pay sun 50' }],
    ['next sat Pay', { due_date: '2026-11-28' }],
    ['wednesday Pay', { due_date: '2026-11-25' }],
    ['Pay weds', { due_date: '2026-11-25' }],
    ['Pay this friday', { due_date: '2026-11-27' }],
    ['Pay monday next week', { due_date: '2026-11-23' }],
    ['next week tuesday Pay', { due_date: '2026-11-24' }],
    ['Pay sunday next week', { due_date: '2026-11-29' }],
    ['by friday Pay', { due_date: '2026-11-27' }],
    ['Pay on 24.12.', { due_date: '2026-12-24' }],
    ['Log on tomorrow', { title: 'Log on', due_date: '2026-11-22' }],
    ['Read the notes of last friday', { title: 'Read the notes of last friday' }],
    // Tasks do not repeat.
    ['every monday', { title: 'every monday' }],
    [
      'Run every other tuesday at 9:30 #fit',
      { title: 'Run every other tuesday at 9:30', tags: ['fit'] },
    ],
    ['Pay each friday tomorrow', { title: 'Pay each friday tomorrow' }],
    ['tomorrow Pay each friday', { title: 'Pay each friday', due_date: '2026-11-22' }],
    ['Pay 3 Dec', { due_date: '2026-12-03' }],
    ['Dec 3 Pay', { due_date: '2026-12-03' }],
    ['Pay on december 3rd!', { due_date: '2026-12-03' }],
    ['Pay the 1st of January', { title: 'Pay the 1st of January' }],
    ['Pay by the 1st of January', { due_date: '2027-01-01' }],
    ['Pay on the 3rd floor', { title: 'Pay on the 3rd floor' }],
    ['Pay 1st of January', { due_date: '2027-01-01' }],
    ['Pay 21 nov', { due_date: today }],
    ['Pay 20 nov', { due_date: '2027-11-20' }],
    ['Pay 5 jan 2028', { due_date: '2028-01-05' }],
    ['Pay December 3rd, 2027', { due_date: '2027-12-03' }],
    ['Pay Sept. 9 9:30', { due_date: '2027-09-09', due_time: '09:30' }],
    ['Pay 29 feb', { due_date: '2028-02-29' }],
    ['Pay 31 nov', { title: 'Pay 31 nov' }],
    ['Pay 3 Dec 2', { title: 'Pay 2', due_date: '2026-12-03' }],
    ['Pay 3 decks and december', { title: 'Pay 3 decks and december' }],
    ['5 March Pay', { due_date: '2027-03-05' }],
    ['march 3 miles', { title: 'march 3 miles' }],
    ['Pay march 3', { due_date: '2027-03-03' }],
    ['Ask if 2 may come', { title: 'Ask if 2 may come' }],
    // A fraction is a date at the end alone.
    ['Read 3/4 of the book', { title: 'Read 3/4 of the book' }],
    ['Read chapter 1/12', { title: 'Read chapter 1/12' }],
    ['Pay 3/4 #home', { due_date: '2027-04-03', tags: ['home'] }],
    ['on 3/4 Pay', { due_date: '2027-04-03' }],
    ['24/12/2026 Pay', { due_date: '2026-12-24' }],
    ['Pay 12/24/2026', { title: 'Pay 12/24/2026' }],
    // A sign behind the word does not hide it.
    ['tomorrow, Pay', { due_date: '2026-11-22' }],
    ['Pay, tomorrow.', { due_date: '2026-11-22' }],
    ['due friday: Pay', { due_date: '2026-11-27' }],
    ['Pay 9:30!', { due_date: today, due_time: '09:30' }],
    ['Pay 24.12., #home, !high.', { due_date: '2026-12-24', tags: ['home'], priority: 'high' }],
    ['Pay 24.12', { title: 'Pay 24.12' }],
    ['Pay 1.50.', { title: 'Pay 1.50.' }],
    // From one time to another.
    ['Meet from 2 to 3pm', { title: 'Meet from 2 to 3pm' }],
    ['Meet tomorrow 14:00-15:30', { title: 'Meet 14:00-15:30', due_date: '2026-11-22' }],
    ['Meet 9:30 – 10:30.', { title: 'Meet 9:30 – 10:30.' }],
    ['Camp monday to friday', { title: 'Camp monday to friday' }],
    ['Camp 3 dec to 5 dec', { title: 'Camp 3 dec to 5 dec' }],
    ['Fly tomorrow to Rome', { title: 'Fly to Rome', due_date: '2026-11-22' }],
    ['Buy 2, sell 3!', { title: 'Buy 2, sell 3!' }],
    [
      'Pay rent tomorrow 9:30 #home !high',
      {
        title: 'Pay rent',
        due_date: '2026-11-22',
        due_time: '09:30',
        tags: ['home'],
        priority: 'high',
      },
    ],
  ]
  for (const [line, expected] of cases)
    test(`“${line}” is understood`, () => {
      assert.deepEqual(understand(line, today, true), { ...plain, ...expected })
    })

  test('12/24 is a date where the month comes first', () => {
    assert.equal(understand('Pay 12/24', today, false).due_date, '2026-12-24')
    assert.equal(understand('Pay 24/12', today, false).due_date, null)
    assert.equal(understand('Pay 12/24/2027', today, false).due_date, '2027-12-24')
    assert.equal(understand('Pay 24/12/2027', today, false).title, 'Pay 24/12/2027')
  })
})

describe('dates', () => {
  test('days are added over the end of a year, a leap day and both changes of clocks', () => {
    assert.equal(addDays('2026-12-31', 1), '2027-01-01')
    assert.equal(addDays('2028-02-28', 1), '2028-02-29')
    assert.equal(addDays('2026-03-28', 2), '2026-03-30')
    assert.equal(addDays('2026-10-24', 2), '2026-10-26')
    assert.equal(addDays('2026-03-01', -1), '2026-02-28')
  })

  test('a month after 31 January is the last day of February', () => {
    assert.equal(addMonths('2026-01-31', 1), '2026-02-28')
    assert.equal(addMonths('2026-12-31', 2), '2027-02-28')
  })

  test('the next weekday is never today', () => {
    assert.equal(nextWeekday(today, 6), '2026-11-28')
    assert.equal(nextWeekday(today, 0), '2026-11-22')
  })

  test('the local date changes at local midnight', () => {
    assert.equal(dayOf(new Date(2026, 10, 21, 23, 59, 59, 999)), today)
    assert.equal(dayOf(new Date(2026, 10, 22)), '2026-11-22')
  })

  for (const [zone, change] of [
    // Midnight does not exist on the first day that is named here, and comes twice on the second.
    ['America/Santiago', '2026-09-06'],
    ['America/Santiago', '2026-04-04'],
    ['Europe/Berlin', '2026-03-29'],
    ['Europe/Berlin', '2026-10-25'],
    ['Pacific/Apia', '2026-12-31'],
  ] as const)
    test(`days are counted over ${change} in ${zone}, where the clocks change`, () => {
      const { TZ } = process.env
      process.env.TZ = zone
      try {
        const before = addDays(change, -1)
        assert.deepEqual([addDays(before, 1), addDays(before, 2)], [change, addDays(change, 1)])
        assert.equal(nextWeekday(before, weekday(change)), change)
        assert.equal(sayDay(change, before), 'Tomorrow')
        assert.equal(sayDay(addDays(change, 1), change), 'Tomorrow')
        assert.equal(sayDay(before, change), 'Yesterday')
        const [year = 0, month = 1, date = 1] = change.split('-').map(Number)
        for (let hour = 1; hour < 23; hour++)
          assert.equal(dayOf(new Date(year, month - 1, date, hour, 30)), change)
        assert.equal(dayOf(new Date(year, month - 1, date, 23, 59, 59, 999)), change)
        assert.ok(isDay(year, month, date))
      } finally {
        if (TZ === undefined) Reflect.deleteProperty(process.env, 'TZ')
        else process.env.TZ = TZ
      }
    })

  for (const zone of ['Pacific/Kiritimati', 'Pacific/Pago_Pago'])
    test(`a day is the local one in ${zone}, far from UTC`, () => {
      const { TZ } = process.env
      process.env.TZ = zone
      try {
        assert.equal(dayOf(new Date(2026, 10, 21, 23, 59)), today)
        assert.equal(dayOf(new Date(2026, 10, 21, 0, 1)), today)
      } finally {
        if (TZ === undefined) Reflect.deleteProperty(process.env, 'TZ')
        else process.env.TZ = TZ
      }
    })

  test('days near today have names', () => {
    assert.equal(sayDay(today, today), 'Today')
    assert.equal(sayDay('2026-11-22', today), 'Tomorrow')
    assert.equal(sayDay('2026-11-20', today), 'Yesterday')
    assert.equal(sayDay('2026-11-25', today), 'Wednesday')
    assert.match(sayDay('2027-01-05', today), /2027/)
  })
})

describe('order', () => {
  test('1,000 random moves, of one task or of several, stay sorted and finite', () => {
    let seed = 7
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31
      return seed % below
    }
    let list = Array.from({ length: 12 }, (_, index) => task({ order: index % 3 ? null : index }))
    list.sort(byOrder)
    for (let moves = 0; moves < 1000; moves++) {
      // Mostly between the same two tasks, where the numbers run out first.
      const ids = list.map(({ id }) => id)
      const chosen = new Set(
        random(3) ? [ids[random(12)]] : ids.filter(() => !random(3)).slice(0, 11)
      )
      const moved = ids.filter((id) => chosen.has(id))
      const others = ids.filter((id) => !chosen.has(id))
      const to = random(4) ? 1 : random(others.length + 1)
      const wanted = others.toSpliced(to, 0, ...moved)
      const places = move(list, list, new Set(moved), to)
      list = list.map((item) => ({ ...item, order: places.get(item.id) ?? item.order }))
      list.sort(byOrder)
      assert.deepEqual(
        list.map(({ id }) => id),
        wanted
      )
      assert.ok(list.every(({ order }) => order === null || Number.isFinite(order)))
    }
  })

  test('several tasks share the space between their new neighbours', () => {
    const list = [1024, 2048, 3072, 4096].map((order) => task({ order }))
    const [first, second, third, fourth] = list.map(({ id }) => id)
    assert.deepEqual(
      [...move(list, list, new Set([first ?? '', fourth ?? '']), 1)],
      [
        [first, 2048 + 1024 / 3],
        [fourth, 2048 + 2048 / 3],
      ]
    )
    assert.deepEqual([...move(list, list, new Set([second ?? '', third ?? '']), 1)], [])
  })

  test('where no number is left between two tasks, those around them are numbered anew', () => {
    const list = [1, 1 + Number.EPSILON, 3, 4].map((order) => task({ order }))
    const [first, second, third, fourth] = list.map(({ id }) => id)
    assert.deepEqual(
      [...move(list, list, new Set([third ?? '', fourth ?? '']), 1)],
      [
        [first, 1024],
        [third, 2048],
        [fourth, 3072],
        [second, 4096],
      ]
    )
  })

  test('1,000 random moves in a view keep the order of the tasks that the view does not show', () => {
    let seed = 11
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31
      return Math.floor((seed / 2 ** 31) * below)
    }
    // Equal places, as two devices give them, and tasks without a place.
    let all = Array.from({ length: 30 }, (_, n) => task({ order: n % 4 ? n - (n % 2) : null }))
    all.sort(byOrder)
    const shown = new Set(all.filter((_, n) => n % 3 === 0).map(({ id }) => id))
    const idsOf = (tasks: { id: string }[]) => tasks.map(({ id }) => id)
    const hidden = idsOf(all).filter((id) => !shown.has(id))
    for (let moves = 0; moves < 1000; moves++) {
      const list = all.filter(({ id }) => shown.has(id))
      const [moved = ''] = idsOf([list[random(list.length)] ?? list[0] ?? { id: '' }])
      const to = random(3) ? 1 : random(list.length)
      const wanted = idsOf(list).filter((id) => id !== moved)
      const places = move(all, list, new Set([moved]), to)
      all = all.map((item) => ({ ...item, order: places.get(item.id) ?? item.order })).sort(byOrder)
      assert.deepEqual(
        idsOf(all).filter((id) => shown.has(id)),
        wanted.toSpliced(to, 0, moved)
      )
      assert.deepEqual(
        idsOf(all).filter((id) => id !== moved && !shown.has(id)),
        hidden
      )
    }
  })

  test('a move gives a new place to as few other tasks as make room for it', () => {
    const all = [1, 2, 3, 3, 3, 4, 5, null, null].map((order) => task({ order }))
    const [, , third, fourth, fifth, , seventh, eighth, ninth] = all.map(({ id }) => id)
    const places = (id: string | undefined, to: number) => [
      ...move(all, all, new Set([id ?? '']), to),
    ]
    assert.deepEqual(places(fifth, 0), [[fifth, 1 - 1024]])
    // Between two of the same place.
    assert.deepEqual(places(seventh, 4), [
      [fourth, 3.25],
      [seventh, 3.5],
      [fifth, 3.75],
    ])
    // Below two without a place.
    assert.deepEqual(places(third, 8), [
      [eighth, 5 + 1024],
      [ninth, 5 + 2048],
      [third, 5 + 3072],
    ])
  })

  test('the place of a drop is the number of tasks above it, without those that are moved', () => {
    const list = ['a', 'b', 'c', 'd'].map((id) => task({ id }))
    const place = (ids: string[], row: string, side: 'before' | 'after') =>
      placeOf(list, new Set(ids), row, side)
    assert.equal(place(['a'], 'c', 'before'), 1)
    assert.equal(place(['a'], 'c', 'after'), 2)
    assert.equal(place(['d'], 'a', 'before'), 0)
    assert.equal(place(['a', 'c'], 'd', 'after'), 2)
    // On itself, a task stays where it is.
    assert.equal(place(['b'], 'b', 'before'), 1)
    assert.equal(place(['b'], 'b', 'after'), 1)
  })

  test('a new task comes last, also after the largest number', () => {
    assert.equal(last([], 1), 1024)
    assert.equal(last([task({ order: 5 }), task()], 1), 1029)
    assert.deepEqual([first([task({ order: 5 })], 1), first([], 2)], [-1024, -2048])
    assert.equal(last([task({ order: 5 })], 3), 3077)
    assert.ok(Number.isFinite(last([task({ order: Number.MAX_VALUE })], 1)))
  })
})

describe('selection', () => {
  const rows = ['a', 'b', 'c', 'd', 'e']
  const ids = (selection: { ids: ReadonlySet<string> }) => [...selection.ids].sort().join('')

  test('a range has both ends, whichever comes first, and none without an end', () => {
    assert.deepEqual(range(rows, 'b', 'd'), ['b', 'c', 'd'])
    assert.deepEqual(range(rows, 'd', 'b'), ['b', 'c', 'd'])
    assert.deepEqual(range(rows, 'c', 'c'), ['c'])
    assert.deepEqual(range(rows, 'x', 'c'), [])
  })

  test('a row that is picked twice is not selected', () => {
    const once = pick(pick(nothing, 'b'), 'd')
    assert.equal(ids(once), 'bd')
    assert.equal(ids(pick(once, 'b')), 'd')
  })

  test('a run grows, shrinks and turns round, and leaves alone what was picked before', () => {
    let selection = pick(pick(nothing, 'a'), 'c')
    for (const [end, expected] of [
      ['e', 'acde'],
      ['d', 'acd'],
      ['b', 'abc'],
    ] as const) {
      selection = extend(rows, selection, end)
      assert.equal(ids(selection), expected)
    }
  })

  test('a run begins anew when the row where it began has gone', () => {
    assert.equal(ids(extend(['b', 'c'], pick(nothing, 'a'), 'b')), 'ab')
  })

  test('what left the rows is no longer selected, and an unchanged selection stays the same', () => {
    const selection = pick(pick(nothing, 'a'), 'c')
    assert.equal(ids(keep(['b', 'c'], selection)), 'c')
    assert.equal(keep(rows, selection), selection)
  })
})

describe('limits', () => {
  const tags = Array.from({ length: 20 }, (_, n) => `tag ${n}`)

  test('what the server takes has no fault, with an emoji as one letter', () => {
    const fields = { title: '🥛'.repeat(255), description: '🥛'.repeat(10_000), tags }
    assert.deepEqual(faultsIn(fields), {})
  })

  test('a field with more than the server takes is named', () => {
    const fields = { title: 'x'.repeat(256), description: 'x'.repeat(10_001), tags: [...tags, 'x'] }
    assert.deepEqual(Object.keys(faultsIn(fields)), ['title', 'description', 'tags'])
    assert.deepEqual(Object.keys(faultsIn({ tags: ['x'.repeat(51)] })), ['tags'])
  })

  test('a new task keeps every tag of its line, for the person to choose', () => {
    const line = Array.from({ length: 21 }, (_, n) => `#t${n}`).join(' ')
    assert.equal(understand(`Pay ${line}`, today).tags.length, 21)
  })
})

describe('changes', () => {
  const update = (fields: Partial<Fields>) => ({ op: 'update' as const, fields })
  const sent = (op: Change['op'], base: Task, fields: Partial<Fields> = {}): Change => ({
    id: base.id,
    op,
    fields,
    base,
    sent: true,
  })

  test('edits of one task become one change, and an edit that is taken back becomes none', () => {
    const base = task()
    const first = queue(undefined, update({ title: 'A' }), base)
    const second = queue(first, update({ priority: 'high' }), { ...base, title: 'A' })
    assert.deepEqual(second?.fields, { title: 'A', priority: 'high' })
    const third = queue(second, update({ priority: 'medium' }), base)
    assert.equal(queue(third, update({ title: 'Buy milk' }), base), undefined)
  })

  test('a task that is created and deleted before it was sent leaves nothing to send', () => {
    const base = task()
    const created = queue(undefined, { op: 'create', fields: {} }, base)
    assert.equal(queue(created, { op: 'delete', fields: {} }, base), undefined)
  })

  test('undoing a deletion that was not sent keeps the edits before it', () => {
    const base = task()
    const edited = queue(undefined, update({ title: 'A' }), base)
    const deleted = queue(edited, { op: 'delete', fields: {} }, { ...base, title: 'A' })
    assert.equal(deleted?.op, 'delete')
    const restored = queue(deleted, { op: 'restore', fields: { title: 'A' } }, base)
    assert.deepEqual(view(base, restored ? [restored] : [])?.title, 'A')
  })

  test('fields that were changed on different sides merge', () => {
    const base = task()
    const theirs = task({ id: base.id, priority: 'low' })
    assert.deepEqual(merge(base, { title: 'Ours' }, theirs), {
      fields: { title: 'Ours' },
      theirs: {},
    })
  })

  test('equal values on both sides are no conflict', () => {
    const base = task()
    assert.deepEqual(merge(base, { title: 'New' }, { ...base, title: 'New' }), {
      fields: {},
      theirs: {},
    })
  })

  test('where both changed a field, ours wins, tags are united, and their text is kept', () => {
    const base = task({ tags: ['home'] })
    const theirs = { ...base, title: 'Theirs', due_date: '2026-12-01', tags: ['home', 'shop'] }
    const merged = merge(
      base,
      { title: 'Ours', due_date: '2026-12-02', tags: ['home', 'urgent'] },
      theirs
    )
    assert.deepEqual(merged, {
      fields: { title: 'Ours', due_date: '2026-12-02', tags: ['home', 'shop', 'urgent'] },
      theirs: { title: 'Theirs' },
    })
  })

  test('a time that we set keeps its date when they cleared it', () => {
    const base = task({ due_date: today })
    const { fields } = merge(base, { due_time: '09:30' }, { ...base, due_date: null })
    assert.deepEqual(fields, { due_time: '09:30', due_date: today })
  })

  test('an edit during a batch builds on what the batch wrote', () => {
    const base = task()
    const later = queue(undefined, update({ priority: 'high' }), { ...base, title: 'A' })
    const updated_at = '2026-11-21T12:00:00.000Z'
    const { task: copy, changes } = settle(
      sent('update', base, { title: 'A' }),
      later,
      { status: 200, updated_at, task: null },
      base
    )
    assert.equal(copy?.title, 'A')
    assert.deepEqual(
      changes.map(({ fields, base }) => [fields, base.updated_at]),
      [[{ priority: 'high' }, updated_at]]
    )
  })

  test('an update of a task that is gone is parked with all edits', () => {
    const base = task()
    const { changes } = settle(
      sent('update', base, { title: 'A' }),
      queue(undefined, update({ priority: 'low' }), { ...base, title: 'A' }),
      { status: 404, updated_at: null, task: null },
      base
    )
    assert.deepEqual(
      changes.map(({ fields, parked }) => [fields, parked]),
      [[{ title: 'A', priority: 'low' }, { why: 'deleted' }]]
    )
  })

  test('a restored task that the server does not have is created again, under its id', () => {
    const base = task()
    const { changes } = settle(
      sent('restore', base),
      undefined,
      { status: 404, updated_at: null, task: null },
      undefined
    )
    assert.equal(changes[0]?.op, 'create')
    assert.equal(changes[0]?.base.title, base.title)
    assert.equal(changes[0]?.id, base.id)
  })

  test('a status that no rule names parks the change', () => {
    const base = task()
    const { changes } = settle(
      sent('update', base, { title: 'A' }),
      undefined,
      { status: 418, updated_at: null, task: null },
      base
    )
    assert.deepEqual(changes[0]?.parked, { why: 'refused', detail: 'the server answered 418' })
  })

  test('a change that was refused and edited meanwhile is tried again as edited', () => {
    const base = task()
    const later = queue(undefined, update({ due_date: today }), { ...base, due_time: '09:30' })
    const { changes } = settle(
      sent('update', base, { due_time: '09:30' }),
      later,
      { status: 422, updated_at: base.updated_at, task: base },
      base
    )
    assert.deepEqual(
      changes.map(({ fields, parked, sent }) => [fields, parked, sent]),
      [[{ due_time: '09:30', due_date: today }, undefined, false]]
    )
  })

  test("a time that the server refuses for want of a date is parked, and the copy is the server's", () => {
    const base = task()
    const current = { ...base, description: 'Notes' }
    const { task: copy, changes } = settle(
      sent('update', base, { due_time: '09:30' }),
      undefined,
      { status: 422, updated_at: base.updated_at, task: current },
      base
    )
    assert.deepEqual(copy, current)
    assert.deepEqual(changes[0]?.parked, { why: 'refused', detail: 'a time needs a date' })
  })

  test('a batch that is taken back merges each change with its later edit', () => {
    const base = task()
    const create = sent('create', base)
    const remove = queue(undefined, { op: 'delete', fields: {} }, base)
    assert.deepEqual(takeBack(create, remove, 'no'), [])
    const edited = queue(undefined, update({ title: 'A' }), base)
    const [merged] = takeBack(create, edited)
    assert.deepEqual([merged?.op, merged?.fields, merged?.sent], ['create', { title: 'A' }, false])
    const restored = queue(undefined, { op: 'restore', fields: { title: 'A' } }, base)
    const [update_] = takeBack(sent('delete', base), restored)
    assert.deepEqual([update_?.op, update_?.fields], ['update', { title: 'A' }])
    assert.deepEqual(takeBack(sent('update', base, { title: 'A' }), undefined, 'no')[0]?.parked, {
      why: 'refused',
      detail: 'no',
    })
  })

  test('a restored task keeps the copy of the server, which the reply does not have', () => {
    const base = task()
    const copy = { ...base, title: 'Theirs', updated_at: '2026-11-21T12:00:00.000Z' }
    const answer = { status: 200, updated_at: copy.updated_at, task: null }
    assert.deepEqual(settle(sent('restore', base), undefined, answer, copy).task, copy)
    const edited = settle(sent('restore', base, { title: 'Ours' }), undefined, answer, undefined)
    assert.equal(edited.task?.updated_at, base.updated_at)
    assert.equal(edited.changes[0]?.base.updated_at, base.updated_at)
  })

  test('ids are UUIDs of version 7 that sort by time', () => {
    const ids = [newId(1), newId(1_800_000_000_000)]
    for (const id of ids)
      assert.match(id, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    assert.deepEqual(ids.toSorted(), ids)
  })
})

describe('views', () => {
  const late = task({ title: 'Late', due_date: '2026-11-01' })
  const now = task({ title: 'Now', due_date: today, tags: ['Home'] })
  const soon = task({ title: 'Soon', due_date: '2026-11-23' })
  const some = task({ title: 'Some day', priority: 'high' })
  const done = task({ title: 'Done', completed: true, completed_at: '2026-11-20T12:00:00.000Z' })
  const titles = (name: string, options = {}) =>
    sectionsOf([done, some, soon, now, late], { view: viewOf(name), today, ...options }).map(
      ({ key, tasks }) => [key, ...tasks.map(({ title }) => title)]
    )

  test('Today has what is late and what is due', () => {
    assert.deepEqual(titles('#today'), [
      ['late', 'Late'],
      ['today', 'Now'],
    ])
  })
  test('Upcoming has what is due later, by day', () => {
    assert.deepEqual(titles('#upcoming'), [['2026-11-23', 'Soon']])
  })
  test('Done is grouped by the day of completion', () => {
    assert.deepEqual(titles('#done'), [['2026-11-20', 'Done']])
  })
  test('a tag ignores case', () => {
    assert.deepEqual(titles('#tag/home'), [['open', 'Now']])
  })
  test('All puts the done tasks last, and sorts by date with those without at the end', () => {
    assert.deepEqual(titles('#all', { sort: 'due' }), [
      ['open', 'Late', 'Now', 'Soon', 'Some day'],
      ['done', 'Done'],
    ])
  })
  test('a task that was just completed stays where it was', () => {
    assert.deepEqual(titles('#all', { lingering: new Set([done.id]) })[0]?.includes('Done'), true)
  })
  test('a search finds words, tags and priorities, all of them', () => {
    assert.ok(matches(some, 'DAY !high'))
    assert.ok(matches(now, '#ho now'))
    assert.ok(!matches(some, 'day #home'))
  })
  test('the counts leave out what is done', () => {
    const counts = countsOf([done, some, soon, now, late], today)
    assert.deepEqual(counts, { today: 2, upcoming: 1, all: 4, tags: new Map([['Home', 1]]) })
  })
  test('a malformed address opens Today', () => {
    assert.deepEqual(viewOf('#nonsense'), { is: 'today' })
    assert.deepEqual(viewOf('#tag/%E0%A4%A'), { is: 'today' })
  })
})
