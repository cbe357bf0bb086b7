import { describe, expect, test } from 'vitest'
import { newUser, pointers, read, Task, type TaskInput } from './api.ts'
import { everything, type Writable, writable } from './task-values.ts'

/** A user with this task, and a way to update it. */
const updating = async (before: TaskInput) => {
  const user = await newUser()
  const task = await user.newTask(before)
  return { user, task, patch: (json: object) => user.send('PATCH', `/tasks/${task.id}`, { json }) }
}

describe('PATCH /tasks/{id}', () => {
  test('an update changes the fields that it names and no other', async () => {
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
    const { user, task, patch } = await updating(everything)
    let before = task
    for (const field of writable) {
      const json = { [field]: other[field] }
      const after = await read(patch(json), 200, Task)
      expect(after).toEqual({
        ...before,
        ...json,
        ...(field === 'completed' && { completed_at: null }),
        updated_at: after.updated_at,
      })
      before = after
    }
    expect(await user.task(task.id)).toEqual(before)
  })

  test('null clears a nullable field, also one that is null already', async () => {
    const { patch } = await updating(everything)
    for (const _round of ['set', 'null already'])
      for (const field of ['description', 'order', 'due_time', 'due_date'] as const)
        expect((await read(patch({ [field]: null }), 200, Task))[field]).toBe(null)
  })

  test('an update without any writable field changes nothing, not even updated_at', async () => {
    for (const before of [{ title: 'bare' }, everything]) {
      const { user, task, patch } = await updating(before)
      for (const json of [
        {},
        { id: 'x' },
        { updated_at: '2001-01-01T00:00:00.000Z', completed_at: null },
        { id: null, url: 1, completed_at: [], created_at: {}, updated_at: '\u0000' },
      ]) {
        expect(await read(patch(json), 200, Task)).toEqual(task)
        expect(await user.task(task.id)).toEqual(task)
      }
    }
  })

  test('clearing the due_date clears the due_time for good', async () => {
    const { user, task, patch } = await updating(everything)
    const cleared = await read(patch({ due_date: null }), 200, Task)
    expect(cleared).toMatchObject({ due_date: null, due_time: null })
    expect(await user.task(task.id)).toEqual(cleared)
    expect(await read(patch({ due_date: '2026-02-02' }), 200, Task)).toMatchObject({
      due_date: '2026-02-02',
      due_time: null,
    })
  })

  test('a due_time goes with the due_date that is stored', async () => {
    const { patch } = await updating({ title: 'dated', due_date: '2026-01-01' })
    expect(await read(patch({ due_time: '10:00' }), 200, Task)).toMatchObject({
      due_date: '2026-01-01',
      due_time: '10:00',
    })
    expect(await read(patch({ due_date: '2026-01-02' }), 200, Task)).toMatchObject({
      due_date: '2026-01-02',
      due_time: '10:00',
    })
    expect(await read(patch({ due_date: null, due_time: null }), 200, Task)).toMatchObject({
      due_date: null,
      due_time: null,
    })
  })

  test('a due_time together with a due_date of null is a 422, also if the task has a date', async () => {
    const { user, task, patch } = await updating(everything)
    expect(await pointers(patch({ due_date: null, due_time: '10:00' }))).toEqual(['/due_time'])
    expect(await user.task(task.id)).toEqual(task)
  })

  test('a due_time and a cleared due_date at the same moment never leave a time without a date', async () => {
    const { user, task, patch } = await updating({ title: 't', due_date: '2026-01-01' })
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all([
        patch({ due_time: '10:00' }),
        patch({ due_date: null }),
        patch({ due_time: '11:00' }),
      ])
      expect(replies.map(({ status }) => status).filter((status) => status >= 500)).toEqual([])
      expect(await user.task(task.id)).toMatchObject({ due_date: null, due_time: null })
      await read(patch({ due_date: '2026-01-01' }), 200, Task)
    }
  })

  test('twenty updates of different fields at once are all kept', async () => {
    const { user, task, patch } = await updating({ title: 'before', due_date: '2026-01-01' })
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const field = writable[n % writable.length] as Writable
        return read(patch({ [field]: everything[field] }), 200, Task)
      })
    )
    const after = await user.task(task.id)
    expect(after).toMatchObject(everything)
    expect(after.completed_at).not.toBe(null)
    const times = replies.map(({ updated_at }) => updated_at)
    expect(new Set(times).size).toBe(20)
    expect(times.sort().at(-1)).toBe(after.updated_at)
  })

  test('a task that is moved between two others 52 times keeps its exact place', async () => {
    const { user, task, patch } = await updating({ title: 'moving', order: 2 })
    const first = await user.newTask({ title: 'first', order: 1 })
    let order = 2
    // A double can be halved 52 times between 1 and 2. Every seventh and the last are written.
    for (let halving = 1; halving <= 52; halving++) {
      order = 1 + (order - 1) / 2
      if (halving % 7 && halving < 50) continue
      expect((await read(patch({ order }), 200, Task)).order).toBe(order)
      const sorted = await user.tasks('sort=order')
      expect(sorted.map(({ id }) => id)).toEqual([first.id, task.id])
    }
  })
})
