import { expect, test } from 'vitest'
import { newUser, problem } from './api.ts'
import { sql } from './rows.ts'

test.each([
  ['POST', '/tasks', { title: 'too late' }],
  ['PUT', '/tasks/:id', { title: 'too late' }],
  ['PATCH', '/tasks/:id', { title: 'too late' }],
  ['PATCH', '/tasks/:id/complete', undefined],
  ['POST', '/tasks/:id/restore', undefined],
  ['DELETE', '/tasks/:id', undefined],
  ['DELETE', '/tasks', undefined],
] as const)('%s %s of a user who is deleted meanwhile is 401', async (method, path, json) => {
  const user = await newUser()
  const { id } = await user.newTask({ title: 'x' })
  // The statement holds the user's row for a while, so that the request is under way when the user
  // goes. (The embedded Postgres has one connection: there the request comes after it.)
  const deletion = sql`with gone as (delete from users where id = ${user.id} returning id)
    select id, pg_sleep(0.5)::text from gone`.then((rows) => rows)
  const isFree = async () =>
    (await sql`select id from users where id = ${user.id} for key share skip locked`).length
  await expect.poll(isFree).toBe(0)
  await problem(user.send(method, path.replace(':id', id), { json }), 401)
  expect(await deletion).toHaveLength(1)
  expect(await sql`select 1 from tasks where user_id = ${user.id}`).toEqual([])
})
