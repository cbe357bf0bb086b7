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
    ['tasks_title_length', { title: '' }],
    ['tasks_title_length', { title: 'x'.repeat(256) }],
    ['tasks_description_length', { description: 'x'.repeat(10_001) }],
    ['tasks_completed_has_completed_at', { completed: true }],
    ['tasks_completed_has_completed_at', { completed_at: '2026-01-01' }],
    ['tasks_tags_are_few_and_not_null', { tags: Array(21).fill('x') }],
    ['tasks_tags_are_few_and_not_null', { tags: [null] }],
    ['tasks_due_date_has_four_digit_year', { due_date: 'infinity' }],
    ['tasks_due_time_is_hours_and_minutes', { due_date: '2026-01-01', due_time: '24:00' }],
    ['tasks_due_time_is_hours_and_minutes', { due_date: '2026-01-01', due_time: '10:00:01' }],
    ['tasks_due_time_needs_due_date', { due_time: '10:00' }],
    ['tasks_order_is_finite', { order: 'NaN' }],
    ['tasks_order_is_finite', { order: '-Infinity' }],
  ])('the constraint %s refuses a task with %j', async (constraint, changes) => {
    const { id } = await newUser()
    const row = { title: 'x', completed: false, priority: 'low', tags: [], ...changes }
    const insert = sql`insert into tasks (user_id, title, description, completed, completed_at, priority, tags, due_date, due_time, "order")
      select ${id}, title, description, completed, completed_at, priority, tags, due_date, due_time, "order"
      from jsonb_populate_record(null::tasks, ${JSON.stringify(row)})`
    await expect(insert).rejects.toMatchObject({ constraint })
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
