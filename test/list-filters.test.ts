import { describe, expect, test } from 'vitest'
import { forAll, newUser, type TaskInput } from './api.ts'
import { idsOf, newTasks, pagesOf, titlesOf } from './lists.ts'

const tasks: TaskInput[] = [
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

/** Queries, and the titles of the tasks that each selects. */
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
  // The title and the description are searched one by one, and never joined.
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

describe('the filters of GET /tasks', () => {
  test('every filter selects its tasks, alone and together with others', async () => {
    const user = await newUser()
    await newTasks(user, tasks)
    await forAll(selections, async ([query, ...expected]) =>
      expect.soft(titlesOf(await user.tasks(query)), query).toEqual(expected.sort())
    )
  })

  test('a filter holds on every page', async () => {
    const user = await newUser()
    await newTasks(user, tasks)
    const query = 'priority=high&priority=low&completed=false&limit=1'
    const found = await pagesOf(user, query)
    expect(found.map((page) => page.length)).toEqual([1, 1])
    expect(titlesOf(found.flat())).toEqual(['high', 'low'])
  })

  // Some of these letters have several lower cases, or one of another length.
  test('text in any script is found by its own letters and by their other case', async () => {
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
          .soft(idsOf(await user.tasks(`search=${encodeURIComponent(search)}`)), search)
          .toContain(id)
      )
      expect.soft(idsOf(await user.tasks(`tag=${encodeURIComponent(title)}`)), title).toEqual([id])
    }
  })

  test('a search may be 2,000 characters long', async () => {
    const user = await newUser()
    const description = 'é%'.repeat(1_000)
    const task = await user.newTask({ title: 'x', description })
    expect(await user.tasks(`search=${encodeURIComponent(description)}`)).toEqual([task])
    expect(await user.tasks(`search=${encodeURIComponent(`${description}é`)}`)).toEqual([])
  })

  test('an empty search selects every task', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    expect(await user.tasks('search=')).toEqual([task])
  })

  test('a filter may be repeated 300 times', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x', tags: ['a'] })
    expect(await user.tasks(Array(300).fill('tag=a').join('&'))).toHaveLength(1)
    expect(await user.tasks(`${'priority=medium&'.repeat(299)}priority=low`)).toHaveLength(1)
    expect(await user.tasks(Array.from({ length: 300 }, (_, n) => `tag=${n}`).join('&'))).toEqual(
      []
    )
  })
})
