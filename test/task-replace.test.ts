import { describe, expect, test } from 'vitest'
import { newUser, pointers, read, Task, type TaskInput } from './api.ts'
import { everything } from './task-values.ts'

/** A user with this task, and a way to replace it. */
const replacing = async (before: TaskInput) => {
  const user = await newUser()
  const task = await user.newTask(before)
  return { user, task, put: (json: object) => user.send('PUT', `/tasks/${task.id}`, { json }) }
}

describe('PUT /tasks/{id}', () => {
  test('a replaced task takes the default in every field that is left out', async () => {
    const { task, put } = await replacing(everything)
    const replaced = await read(put({ title: 'only' }), 200, Task)
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

  test('a replacement without a title is a 422', async () => {
    const { user, task, put } = await replacing({ title: 'before' })
    expect(await pointers(put({}))).toEqual(['/title'])
    expect(await pointers(put({ description: 'd' }))).toEqual(['/title'])
    expect(await pointers(put({ tilte: 'typo' }))).toEqual(['/tilte', '/title'])
    expect(await user.tasks()).toEqual([task])
  })

  test('a replacement with a due_time needs a due_date, also if the task has one', async () => {
    const { user, task, put } = await replacing({ title: 'dated', due_date: '2026-01-01' })
    expect(await pointers(put({ title: 'dated', due_time: '10:00' }))).toEqual(['/due_time'])
    expect(await user.task(task.id)).toEqual(task)
  })

  test('a task that is put back as it was read changes only its updated_at', async () => {
    for (const before of [
      { title: 'bare' },
      everything,
      { ...everything, tags: [], completed: false, description: '', due_time: null, order: -0 },
    ]) {
      const { user, task, put } = await replacing(before)
      const fetched = await user.task(task.id)
      const back = await read(put(fetched), 200, Task)
      expect(back).toEqual({ ...fetched, updated_at: back.updated_at })
      expect(back.updated_at > fetched.updated_at).toBe(true)
      expect(await user.task(task.id)).toEqual(back)
    }
  })
})
