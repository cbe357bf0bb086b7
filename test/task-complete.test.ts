import { describe, expect, test } from 'vitest'
import { chunked, newUser, type Options, pointers, raw, read, Task, type TaskInput } from './api.ts'

/** A user with a task, and a way to complete it. */
const completing = async (before: TaskInput = { title: 'x' }) => {
  const user = await newUser()
  const task = await user.newTask(before)
  return {
    user,
    task,
    complete: (options?: Options) => user.send('PATCH', `/tasks/${task.id}/complete`, options),
  }
}

describe('PATCH /tasks/{id}/complete', () => {
  test('a body sets completed and changes no other field', async () => {
    const { user, task, complete } = await completing({ title: 'x', tags: ['a'], order: 2 })
    for (const completed of [true, true, false, false, true]) {
      const reply = await read(complete({ json: { completed } }), 200, Task)
      expect(reply).toEqual({
        ...task,
        completed,
        completed_at: completed ? expect.any(String) : null,
        updated_at: reply.updated_at,
      })
      expect(await user.task(task.id)).toEqual(reply)
    }
  })

  test('an empty body toggles completed, whatever headers come with it', async () => {
    const { complete } = await completing()
    for (const [completed, options] of [
      [true, {}],
      [false, { headers: { 'Content-Type': 'application/json' } }],
      [true, raw('')],
      [false, raw('', 'application/json; charset=utf-8')],
      [true, raw(chunked(new Uint8Array(), 1))],
      [false, {}],
    ] as const)
      expect(await read(complete(options), 200, Task)).toMatchObject({
        completed,
        completed_at: completed ? expect.any(String) : null,
      })
  })

  test('ten toggles at once toggle ten times', async () => {
    const { user, task, complete } = await completing()
    const replies = await Promise.all(Array.from({ length: 10 }, () => read(complete(), 200, Task)))
    expect(replies.filter(({ completed }) => completed)).toHaveLength(5)
    for (const { completed, completed_at } of replies) expect(completed_at !== null).toBe(completed)
    expect(new Set(replies.map(({ updated_at }) => updated_at)).size).toBe(10)
    expect(await user.task(task.id)).toMatchObject({ completed: false, completed_at: null })
  })

  test('a body without a boolean completed, or with more fields, is a 422', async () => {
    const { user, task, complete } = await completing()
    for (const [body, ...expected] of [
      ['{}', '/completed'],
      ['{"completed":null}', '/completed'],
      ['{"completed":"true"}', '/completed'],
      ['{"completed":1}', '/completed'],
      ['{"completed":[]}', '/completed'],
      ['{"Completed":true}', '/Completed', '/completed'],
      ['{"completed":true,"title":"no"}', '/title'],
      ['{"completed":true,"user_id":"x"}', '/user_id'],
      ['{"completed":true,"__proto__":null}', '/__proto__'],
    ] as const)
      expect.soft(await pointers(complete(raw(body))), body).toEqual(expected)
    expect(await user.task(task.id)).toEqual(task)
  })
})

describe('completed_at', () => {
  test('completed_at is set on completion, stays while completed, and is cleared after', async () => {
    const { user, task, complete } = await completing()
    const path = `/tasks/${task.id}`
    const patch = (json: object) => read(user.send('PATCH', path, { json }), 200, Task)
    const put = (json: object) =>
      read(user.send('PUT', path, { json: { title: 'x', ...json } }), 200, Task)
    const set = (completed: boolean) => read(complete({ json: { completed } }), 200, Task)
    const toggle = () => read(complete(), 200, Task)

    for (const [become, stay, end] of [
      [() => patch({ completed: true }), () => put({ completed: true }), () => put({})],
      [() => put({ completed: true }), () => set(true), () => patch({ completed: false })],
      [() => set(true), () => patch({ completed: true }), () => set(false)],
      [toggle, () => patch({ title: 'y' }), toggle],
      [() => set(true), () => patch({}), () => put({ completed: false })],
    ] as const) {
      const { completed_at } = await become()
      expect(Math.abs(Date.now() - Date.parse(completed_at ?? ''))).toBeLessThan(60_000)
      expect(await stay()).toMatchObject({ completed: true, completed_at })
      expect(await end()).toMatchObject({ completed: false, completed_at: null })
    }
  })

  test('completed_at is later when a task is completed a second time', async () => {
    const { task, complete } = await completing({ title: 'x', completed: true })
    await read(complete({ json: { completed: false } }), 200, Task)
    const again = await read(complete(), 200, Task)
    // Two round trips to a database take more than a millisecond.
    expect((again.completed_at ?? '') > (task.completed_at ?? '')).toBe(true)
  })
})
