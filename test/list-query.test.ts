import { describe, expect, test } from 'vitest'
import { forAll, newUser, pointers, type TestUser } from './api.ts'
import { assorted, cursorOf, newTasks, sorted } from './lists.ts'

/** Filters that are refused, and where the refusal points. */
const badFilters: [query: string, pointer: string][] = [
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
  ['=high', '/'],
  ['=', '/'],
  ['completed=true&=high', '/'],
]

/** The same for sort and limit, which only GET takes. */
const badPaging: [query: string, pointer: string][] = [
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

/** Expects every query to be a 422 that points at the given parameter. */
const refuses = (
  user: TestUser,
  method: string,
  queries: readonly (readonly [query: string, pointer: string])[]
) =>
  forAll(queries, async ([query, pointer]) => {
    const response = await user.send(method, `/tasks?${query}`)
    expect.soft(response.status, query).toBe(422)
    if (response.status === 422) expect.soft(await pointers(response), query).toEqual([pointer])
  })

describe('the query of GET /tasks', () => {
  test('an unknown, invalid or doubled parameter is a 422 that points at it', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x' })
    await refuses(user, 'GET', [...badFilters, ...badPaging])
  })

  test('all faults of a query are reported at once', async () => {
    const user = await newUser()
    const query = 'limit=0&sort=x&due_to=x&completed=x&priority=x&tag=a&tag=&user_id=x&search=%00'
    expect(await pointers(user.send('GET', `/tasks?${query}`))).toEqual([
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
    'the odd query ?%s is a 200 or a 422',
    async (query) => {
      const user = await newUser()
      const { status } = await user.send('GET', `/tasks?${query}`)
      expect([200, 422]).toContain(status)
    }
  )

  test('an empty query selects every task', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    expect(await user.tasks('')).toEqual([task])
    const response = await user.send('GET', '/tasks?')
    expect(await response.json()).toEqual([task])
  })
})

describe('the query of DELETE /tasks', () => {
  test('an unknown, invalid or doubled filter is a 422, and deletes nothing', async () => {
    const user = await newUser()
    const created = await newTasks(user, assorted)
    await refuses(user, 'DELETE', badFilters)
    expect(await user.tasks('sort=title')).toEqual(sorted(created, 'title'))
  })

  test('a sort, limit or cursor is a 422, and deletes nothing', async () => {
    const user = await newUser()
    const created = await newTasks(user, assorted)
    const cursor = encodeURIComponent(await cursorOf(user, 'limit=1'))
    await refuses(user, 'DELETE', [
      ['sort=title', '/sort'],
      ['sort=due_date', '/sort'],
      ['limit=1', '/limit'],
      ['limit=50', '/limit'],
      ['cursor=', '/cursor'],
      [`cursor=${cursor}`, '/cursor'],
      ['completed=true&limit=1', '/limit'],
    ])
    expect(await user.tasks('sort=title')).toEqual(sorted(created, 'title'))
  })

  test('a blank tag or an empty search is a 422, and deletes nothing', async () => {
    const user = await newUser()
    const created = await newTasks(user, assorted)
    await refuses(user, 'DELETE', [
      ['tag=', '/tag'],
      ['tag', '/tag'],
      ['tag=%20', '/tag'],
      ['tag=&tag=work', '/tag/0'],
      ['search=', '/search'],
      ['completed=false&search=', '/search'],
    ])
    expect(await user.tasks('sort=title')).toEqual(sorted(created, 'title'))
  })
})
