import { describe, expect, test } from 'vitest'
import { newUser, origin, pointers, read, Task } from './api.ts'
import { everything } from './task-values.ts'

describe('POST /tasks', () => {
  test('a new task with only a title takes the default in every other field', async () => {
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
    // The database's clock may differ from ours.
    expect(Math.abs(Date.parse(task.created_at) - started)).toBeLessThan(60_000)
  })

  test('a new task keeps every field, and reads the same later and in the list', async () => {
    const user = await newUser()
    const task = await user.newTask(everything)
    expect(task).toMatchObject(everything)
    expect(task.completed_at).not.toBe(null)
    expect(await user.task(task.id)).toEqual(task)
    expect(await user.tasks()).toEqual([task])
  })

  test('two new tasks with the same fields have different ids', async () => {
    const user = await newUser()
    const [one, two] = await Promise.all([
      user.newTask({ title: 'twin' }),
      user.newTask({ title: 'twin' }),
    ])
    expect(one.id).not.toBe(two.id)
    expect(await user.tasks()).toHaveLength(2)
  })

  test('a new task without a title is a 422', async () => {
    const user = await newUser()
    for (const [json, ...expected] of [
      [{}, '/title'],
      [{ description: 'd' }, '/title'],
      [{ tilte: 'typo' }, '/tilte', '/title'],
    ] as const)
      expect(await pointers(user.send('POST', '/tasks', { json }))).toEqual(expected)
    expect(await user.tasks()).toEqual([])
  })
})
