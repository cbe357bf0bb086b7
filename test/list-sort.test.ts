import { describe, expect, test } from 'vitest'
import { forAll, newUser, raw, read, Task } from './api.ts'
import { assorted, idsOf, newTasks, pagesOf, sorted, sorts, walk } from './lists.ts'

describe('the sort of GET /tasks', () => {
  test('every sort gives the same whole order in one page and in many', async () => {
    const user = await newUser()
    const created = await newTasks(user, assorted)
    // Updates three tasks, so that updated_at and created_at give different orders.
    for (const index of [4, 0, 7])
      created[index] = await read(
        user.send('PATCH', `/tasks/${created[index]?.id}`, { json: { description: 'again' } }),
        200,
        Task
      )
    expect(await user.tasks()).toEqual(sorted(created, 'due_date'))
    await forAll(sorts, async (sort) => {
      const expected = sorted(created, sort)
      expect.soft(await user.tasks(`sort=${sort}`), sort).toEqual(expected)
      for (const limit of [1, 2, 3]) {
        const found = await pagesOf(user, `sort=${sort}&limit=${limit}`)
        expect.soft(idsOf(found.flat()), `${sort} by ${limit}`).toEqual(idsOf(expected))
        // Every page but the last is full, and no empty page follows.
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
    'a page by sort=%s neither skips nor repeats a task when others are created and deleted',
    async (sort) => {
      const user = await newUser()
      const created = sorted(await newTasks(user, assorted), sort)
      const seen: Task[] = []
      let changes = 0
      for await (const page of walk(user, `sort=${sort}&limit=2`)) {
        seen.push(...page)
        if (changes === 2) continue
        // Deletes the task that the cursor to the next page points at.
        await user.send('DELETE', `/tasks/${page.at(-1)?.id}`)
        await newTasks(user, [{ title: 'new' }, ...assorted.slice(changes, changes + 1)])
        changes++
      }
      expect(changes).toBe(2)
      const own = new Set(idsOf(created))
      expect(idsOf(seen).filter((id) => own.has(id))).toEqual(idsOf(created))
      expect(new Set(idsOf(seen)).size).toBe(seen.length)
    }
  )

  test('tasks that differ only in their ids are paged through by any sort', async () => {
    const user = await newUser()
    const created = await newTasks(user, Array(7).fill({ title: 'same' }))
    await forAll(sorts, async (sort) => {
      const found = await pagesOf(user, `sort=${sort}&limit=3`)
      expect.soft(idsOf(found.flat()), sort).toEqual(idsOf(sorted(created, sort)))
    })
  })

  test('sort=order tells any two doubles apart, and takes -0 for 0', async () => {
    const user = await newUser()
    const near = [1, 1 + Number.EPSILON, 1 - Number.EPSILON / 2, 0.1 + 0.2, 0.3, 5e-324, 0, -5e-324]
    const created = await newTasks(
      user,
      near.map((order) => ({ title: 'x', order }))
    )
    // JSON.stringify would write -0 as 0.
    const response = user.send('POST', '/tasks', raw('{"title":"x","order":-0}'))
    const zero = await read(response, 201, Task)
    const all = [...created, { ...zero, order: 0 }]
    for (const sort of ['order', '-order'] as const)
      for (const limit of [1, 4]) {
        const found = await pagesOf(user, `sort=${sort}&limit=${limit}`)
        expect(idsOf(found.flat())).toEqual(idsOf(sorted(all, sort)))
      }
  })

  test('sort=title pages through long and unusual titles', async () => {
    const user = await newUser()
    const long = ['x'.repeat(254), 'x'.repeat(255), `${'x'.repeat(254)}X`, '🦄'.repeat(255)]
    const punctuation = ['"quoted"', "it's", '\\', '%', '{}', 'null', '<>', '\u0001']
    const letters = ['İ', 'i', 'ΟΔΟΣ', 'οδος', 'ǅ']
    const created = await newTasks(
      user,
      [...long, ...punctuation, ...letters].map((title) => ({ title }))
    )
    for (const sort of ['title', '-title']) {
      const whole = idsOf(await user.tasks(`sort=${sort}`))
      expect([...whole].sort()).toEqual(idsOf(created).sort())
      const found = await pagesOf(user, `sort=${sort}&limit=1`)
      expect(idsOf(found.flat())).toEqual(whole)
    }
  })
})
