import { describe, expect, test } from 'vitest'
import { newUser, problem, statusWith } from './api.ts'
import { sql } from './rows.ts'

describe('the tables', () => {
  test('a user who is deleted takes the tasks along', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x' })
    await sql`delete from users where id = ${user.id}`
    expect(await sql`select 1 from tasks where user_id = ${user.id}`).toEqual([])
    expect(await statusWith(user.accessToken)).toBe(401)
    for (const [method, path] of [
      ['GET', '/tasks'],
      ['DELETE', '/tasks'],
      ['GET', '/tasks/x'],
      ['DELETE', '/auth/sessions/x'],
    ] as const)
      await problem(user.send(method, path), 401)
    await problem(user.send('POST', '/tasks', { json: { title: 'x' } }), 401)
  })

  test.each([
    ['title_length', 'an empty title', { title: '' }],
    ['title_length', 'a title of 256 characters', { title: 'x'.repeat(256) }],
    ['description_length', 'a long description', { description: 'x'.repeat(10_001) }],
    ['completed_has_completed_at', 'completed alone', { completed: true }],
    ['completed_has_completed_at', 'completed_at alone', { completed_at: '2026-01-01' }],
    ['tags_are_few_and_not_null', '21 tags', { tags: Array(21).fill('x') }],
    ['tags_are_few_and_not_null', 'a tag that is null', { tags: [null] }],
    ['due_date_has_four_digit_year', 'an infinite due_date', { due_date: 'infinity' }],
    ['due_time_is_hours_and_minutes', '24:00', { due_date: '2026-01-01', due_time: '24:00' }],
    ['due_time_is_hours_and_minutes', 'seconds', { due_date: '2026-01-01', due_time: '10:00:01' }],
    ['due_time_needs_due_date', 'no due_date', { due_time: '10:00' }],
    ['order_is_finite', 'the order NaN', { order: 'NaN' }],
    ['order_is_finite', 'the order -Infinity', { order: '-Infinity' }],
  ])('the constraint tasks_%s refuses a task with %s', async (constraint, _, changes) => {
    const { id } = await newUser()
    const row = { title: 'x', completed: false, priority: 'low', tags: [], ...changes }
    const insert = sql`insert into tasks (user_id, title, description, completed, completed_at, priority, tags, due_date, due_time, "order")
      select ${id}, title, description, completed, completed_at, priority, tags, due_date, due_time, "order"
      from jsonb_populate_record(null::tasks, ${JSON.stringify(row)})`
    await expect(insert).rejects.toMatchObject({ constraint: `tasks_${constraint}` })
  })

  test.each([
    ['users_email_unique', 'the same address', (email: string) => email],
    ['users_email_is_normalized', 'capitals', (email: string) => email.toUpperCase()],
  ])('the constraint %s refuses a second user with %s', async (constraint, _, respell) => {
    const { email } = await newUser()
    const insert = sql`insert into users (email, hashed_password)
      select ${respell(email)}, hashed_password from users where email = ${email}`
    await expect(insert).rejects.toMatchObject({ constraint })
  })
})
