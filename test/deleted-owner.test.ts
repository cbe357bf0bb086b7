import { expect, test } from 'vitest'
import { newUser, problem, sql } from './api.ts'

test('a task of a user who is deleted meanwhile is not created, and the reply is 401', async () => {
  const user = await newUser()
  // The statement holds the user's row for a while, so that the request is under way when the user
  // goes. (The embedded Postgres has one connection: there the request comes after it.)
  const deletion = sql`with gone as (delete from users where id = ${user.id} returning id)
    select id, pg_sleep(0.5)::text from gone`.then((rows) => rows)
  const isFree = async () =>
    (await sql`select id from users where id = ${user.id} for key share skip locked`).length
  await expect.poll(isFree).toBe(0)
  await problem(user.send('POST', '/tasks', { json: { title: 'too late' } }), 401)
  expect(await deletion).toHaveLength(1)
  expect(await sql`select 1 from tasks where user_id = ${user.id}`).toEqual([])
})

test('a task is not created for a user who is deleted by the very statement', async () => {
  const user = await newUser()
  const name = `delete_owner_${user.id.replaceAll('-', '')}`
  await sql.query(`create function ${name}() returns trigger language plpgsql as
    $$ begin delete from users where id = new.user_id; return new; end $$`)
  await sql.query(`create trigger ${name} before insert on tasks for each row
    when (new.user_id = '${user.id}') execute function ${name}()`)
  try {
    // The foreign key finds no user any more, when the row is written already.
    await problem(user.send('POST', '/tasks', { json: { title: 'x' } }), 401)
  } finally {
    await sql.query(`drop function ${name} cascade`)
  }
  // The statement was undone as a whole, and with it the deletion.
  expect((await user.send('GET', '/auth/me')).status).toBe(200)
  expect(await sql`select 1 from tasks where user_id = ${user.id}`).toEqual([])
})
