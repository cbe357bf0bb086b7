import { describe, expect, test } from 'vitest'
import { newUser, problem, type TaskInput } from './api.ts'
import { idsOf, newTasks, sorted } from './lists.ts'

describe('DELETE /tasks/{id}', () => {
  test('a deleted task is gone for every method and from the list', async () => {
    const user = await newUser()
    const gone = await user.newTask({ title: 'gone' })
    const stays = await user.newTask({ title: 'stays' })
    const response = await user.send('DELETE', `/tasks/${gone.id}`)
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    await problem(user.send('GET', `/tasks/${gone.id}`), 404)
    await problem(user.send('DELETE', `/tasks/${gone.id}`), 404)
    await problem(user.send('PATCH', `/tasks/${gone.id}`, { json: {} }), 404)
    await problem(user.send('PUT', `/tasks/${gone.id}`, { json: { title: 'back' } }), 404)
    await problem(user.send('PATCH', `/tasks/${gone.id}/complete`), 404)
    expect(await user.tasks()).toEqual([stays])
  })

  test('one of ten deletions at once is a 204, and the others are a 404', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => user.send('DELETE', `/tasks/${id}`))
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)])
  })
})

describe('DELETE /tasks', () => {
  const tasks: TaskInput[] = [
    { title: 'plain' },
    { title: 'done', completed: true, tags: ['Work'] },
    { title: '100%', priority: 'high', tags: ['work', 'é'], due_date: '2026-01-01' },
    { title: 'under_score', priority: 'low', due_date: '2026-02-01', description: 'É' },
  ]

  test.each([
    ['', 4],
    ['completed=true', 1],
    ['priority=high&priority=low', 2],
    ['tag=WORK', 2],
    ['tag=work&tag=%C3%89', 1],
    ['due_from=2026-01-02', 1],
    ['due_from=2026-01-01&due_to=2026-02-01', 2],
    ['search=%25', 1],
    ['search=%C3%A9', 1],
    ['completed=false&priority=medium&search=PLAIN', 1],
    ['completed=true&priority=high', 0],
  ])('DELETE /tasks?%s deletes the tasks that GET selects, and no other', async (query, count) => {
    const user = await newUser()
    const created = await newTasks(user, tasks)
    const selected = idsOf(await user.tasks(query))
    expect(selected).toHaveLength(count)
    const response = await user.send('DELETE', `/tasks${query && `?${query}`}`)
    expect(response.status).toBe(204)
    expect(await response.text()).toBe('')
    const left = created.filter(({ id }) => !selected.includes(id))
    expect(await user.tasks('sort=title')).toEqual(sorted(left, 'title'))
  })

  test('a deletion that selects no task is a 204', async () => {
    const user = await newUser()
    expect((await user.send('DELETE', '/tasks')).status).toBe(204)
  })

  test('a task that a filter deleted is a 404', async () => {
    const user = await newUser()
    const { id } = await user.newTask({ title: 'x' })
    await user.send('DELETE', '/tasks')
    await problem(user.send('GET', `/tasks/${id}`), 404)
  })
})
