import { describe, expect, test } from 'vitest'
import { array, strictObject } from 'zod/mini'
import { Session } from '../src/auth/sessions.ts'
import { User } from '../src/auth/user.ts'
import { Task } from '../src/tasks/task.ts'
import { logIn, newUser, password, pointers, problem, read, refresh, send, sql } from './api.ts'
import { claims, forge, sidOf } from './tokens.ts'

const newPassword = 'another password'
const statusWith = async (token: string) => (await send('GET', '/auth/me', { token })).status
const change = (token: string, json: unknown) => send('PUT', '/auth/password', { token, json })
const tryLogin = async (email: string, password: string) =>
  (await send('POST', '/auth/login', { json: { email, password } })).status
const guessesAt = (email: string) =>
  sql`select failures from guesses
    where email_hash = encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`

describe('PUT /auth/password', () => {
  test('puts the new password in the place of the old one', async () => {
    const user = await newUser()
    const json = { current_password: password, new_password: newPassword }
    const response = await change(user.token, json)
    expect(response.status).toBe(204)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await tryLogin(user.email, password)).toBe(401)
    expect(await tryLogin(user.email, newPassword)).toBe(200)
    const [row] = await sql`select hashed_password from users where id = ${user.id}`
    expect(row?.hashed_password).toMatch(/^\$2[aby]\$\d\d\$.{53}$/)
  })

  test('ends all other sessions, and not this one', async () => {
    const user = await newUser()
    const [other, stranger] = [await logIn(user.email), await newUser()]
    await change(user.token, { current_password: password, new_password: newPassword })
    expect(await statusWith(user.token)).toBe(200)
    expect((await refresh(user.cookie)).status).toBe(200)
    expect(await statusWith(other.token)).toBe(401)
    await problem(refresh(other.cookie), 401)
    expect(await statusWith(stranger.token)).toBe(200)
  })

  test('ends the session of a login that overlapped with it', async () => {
    const user = await newUser()
    const early = await logIn(user.email)
    const [row] = await sql`select to_jsonb(s) as session, to_jsonb(t) as token
      from sessions s join refresh_tokens t on t.session_id = s.id
      where s.id = ${sidOf(early.token)}`
    await change(user.token, { current_password: password, new_password: newPassword })
    // Committed just before the password was changed, too late to be seen by the DELETE.
    await sql`insert into sessions select * from
      jsonb_populate_record(null::sessions, ${JSON.stringify(row?.session)})`
    await sql`insert into refresh_tokens select * from
      jsonb_populate_record(null::refresh_tokens, ${JSON.stringify(row?.token)})`
    expect(await statusWith(early.token)).toBe(401)
    await problem(refresh(early.cookie), 401)
    const late = await logIn(user.email, { password: newPassword })
    expect(await statusWith(late.token)).toBe(200)
    const sessions = await read(user.send('GET', '/auth/sessions'), 200, array(Session))
    expect(sessions.map(({ id }) => id)).toEqual([user.token, late.token].map(sidOf))
  })

  test('with a token of no session ends them all', async () => {
    const user = await newUser()
    const token = await forge(claims(user.id))
    const json = { current_password: password, new_password: newPassword }
    expect((await change(token, json)).status).toBe(204)
    expect(await statusWith(user.token)).toBe(401)
  })

  test('with a wrong current password is 403, and changes nothing', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const json = { current_password: 'wrong password', new_password: newPassword }
    await problem(change(user.token, json), 403)
    expect(await statusWith(other.token)).toBe(200)
    expect(await tryLogin(user.email, newPassword)).toBe(401)
    expect(await tryLogin(user.email, password)).toBe(200)
  })

  test("with another user's password is 403", async () => {
    const [user, other] = [await newUser(), await newUser()]
    await change(other.token, { current_password: password, new_password: newPassword })
    const json = { current_password: newPassword, new_password: 'a third password' }
    await problem(change(user.token, json), 403)
  })

  test.each([
    [{ current_password: password, new_password: '1234567' }, ['/new_password']],
    [{ current_password: password, new_password: 'x'.repeat(73) }, ['/new_password']],
    [{ current_password: password, new_password: 'correct\0horse' }, ['/new_password']],
    [{ current_password: password, new_password: 'correct\udc00horse' }, ['/new_password']],
    [{ current_password: password, new_password: null }, ['/new_password']],
    [{ current_password: null, new_password: newPassword }, ['/current_password']],
    [{ current_password: password }, ['/new_password']],
    [{ new_password: newPassword }, ['/current_password']],
    [
      { current_password: password, new_password: newPassword, user_id: crypto.randomUUID() },
      ['/user_id'],
    ],
    [{}, ['/current_password', '/new_password']],
    [[], ['']],
  ])('refuses %j', async (json, at) => {
    const user = await newUser()
    expect(await pointers(change(user.token, json))).toEqual(at)
    expect(await tryLogin(user.email, password)).toBe(200)
  })

  test('counts a wrong current password as a guess, and the right one takes the count away', async () => {
    const user = await newUser()
    const wrong = { current_password: 'wrong password', new_password: newPassword }
    for (let guess = 1; guess <= 5; guess++) await problem(change(user.token, wrong), 403)
    expect(await guessesAt(user.email)).toEqual([{ failures: 5 }])
    const right = { current_password: password, new_password: newPassword }
    expect((await change(user.token, right)).status).toBe(204)
    expect(await guessesAt(user.email)).toEqual([])
  })

  test('is 429 after ten wrong ones, of a login too, with the right one as well', async () => {
    const user = await newUser()
    const json = { current_password: 'wrong password', new_password: newPassword }
    for (let guess = 1; guess <= 9; guess++) await problem(change(user.token, json), 403)
    expect(await tryLogin(user.email, 'wrong password')).toBe(401)
    // The tenth may have been a while ago on a slow machine.
    await sql`update guesses set blocked_until = now() + interval '1 minute'
      where email_hash = encode(sha256(convert_to(${user.email}, 'UTF8')), 'hex')`
    for (const current_password of ['wrong password', password]) {
      const response = await change(user.token, { current_password, new_password: newPassword })
      await problem(response, 429)
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
    }
    expect(await tryLogin(user.email, password)).toBe(429)
    // Whoever is logged in stays so.
    expect(await statusWith(user.token)).toBe(200)
  })

  test('of two at once lets one win', async () => {
    const user = await newUser()
    const statuses = await Promise.all(
      ['one new password', 'two new password'].map(
        async (new_password) =>
          (await change(user.token, { current_password: password, new_password })).status
      )
    )
    expect(statuses.sort()).toEqual([204, 403])
  })
})

describe('GET /auth/me/export', () => {
  const Export = strictObject({ user: User, sessions: array(Session), tasks: array(Task) })

  test('gives everything that is held about the user, as a file', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const stranger = await newUser()
    await stranger.newTask({ title: 'Not theirs' })
    const done = { title: 'Two', completed: true, tags: ['a'], due_date: '2026-01-01' }
    const tasks = [await user.newTask({ title: 'One "quoted"\n' }), await user.newTask(done)]
    const response = await user.send('GET', '/auth/me/export')
    expect(response.headers.get('Content-Disposition')).toMatch(/^attachment; filename="[^"]+"$/)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const held = await read(response, 200, Export)
    expect(Object.keys(held)).toEqual(['user', 'sessions', 'tasks'])
    expect(held.user).toEqual(await read(user.send('GET', '/auth/me'), 200, User))
    const sessions = await read(user.send('GET', '/auth/sessions'), 200, array(Session))
    expect(held.sessions).toEqual(sessions)
    expect(held.sessions).toHaveLength(2)
    const byId = (a: Task, b: Task) => a.id.localeCompare(b.id)
    expect(held.tasks.sort(byId)).toEqual(tasks.sort(byId))
    expect(await statusWith(other.token)).toBe(200)
  })

  test.each([0, 1, 500, 501, 1001])('gives all of %i tasks, each once', async (count) => {
    const user = await newUser()
    await sql`insert into tasks (user_id, title) select ${user.id}, n
      from generate_series(1, ${count}::int) n`
    const held = await read(user.send('GET', '/auth/me/export'), 200, Export)
    const titles = held.tasks.map(({ title }) => Number(title)).sort((a, b) => a - b)
    expect(titles).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })

  test('gives tasks that are too large for one page', async () => {
    const user = await newUser()
    const description = '😀'.repeat(10_000)
    await sql`insert into tasks (user_id, title, description, created_at)
      select ${user.id}, n, ${description}, '2026-01-01' from generate_series(1, 300) n`
    const { tasks } = await read(user.send('GET', '/auth/me/export'), 200, Export)
    expect(new Set(tasks.map(({ title }) => title)).size).toBe(300)
    expect(tasks).toHaveLength(300)
    expect(tasks.every((task) => task.description === description)).toBe(true)
  })

  test('holds neither hash nor password nor token', async () => {
    const user = await newUser()
    await refresh(user.cookie)
    const text = await (await user.send('GET', '/auth/me/export')).text()
    const rows = await sql`select u.hashed_password, t.hash from users u
      join sessions s on s.user_id = u.id join refresh_tokens t on t.session_id = s.id
      where u.id = ${user.id}`
    const hashes = rows.flatMap((row) => Object.values(row))
    expect(hashes).toHaveLength(4)
    for (const secret of [password, user.token, user.cookie.split('=')[1], ...hashes])
      expect(text).not.toContain(secret)
    expect(text).not.toMatch(/hash|password|\$2[aby]\$/i)
  })

  test('needs a token', async () => {
    const { cookie } = await newUser()
    await problem(send('GET', '/auth/me/export', { headers: { Cookie: cookie } }), 401)
  })
})

describe('DELETE /auth/me', () => {
  /** How many rows of each table are of this user. */
  const held = async ({ id, email, token }: { id: string; email: string; token: string }) => {
    const sid = sidOf(token)
    const [row] = await sql`select
      (select count(*) from users where id = ${id})::int as users,
      (select count(*) from tasks where user_id = ${id})::int as tasks,
      (select count(*) from sessions where user_id = ${id})::int as sessions,
      (select count(*) from refresh_tokens where session_id = ${sid})::int as tokens,
      (select count(*) from guesses where email_hash =
        encode(sha256(convert_to(${email}, 'UTF8')), 'hex'))::int as guesses`
    return row
  }

  test('soon after a login takes the user and all that is theirs', async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    await stranger.newTask({ title: 'Stays' })
    const other = await logIn(user.email)
    await user.newTask({ title: 'Goes' })
    await refresh(user.cookie)
    await tryLogin(user.email, 'wrong password')
    expect(await held(user)).toEqual({ users: 1, tasks: 1, sessions: 2, tokens: 2, guesses: 1 })
    const response = await user.send('DELETE', '/auth/me')
    expect(response.status).toBe(204)
    expect(response.headers.get('Set-Cookie')).toMatch(/^__Host-refresh=; Max-Age=0; /)
    expect(await held(user)).toEqual({ users: 0, tasks: 0, sessions: 0, tokens: 0, guesses: 0 })
    for (const token of [user.token, other.token]) expect(await statusWith(token)).toBe(401)
    await problem(refresh(other.cookie), 401)
    await problem(user.send('DELETE', '/auth/me'), 401)
    expect(await tryLogin(user.email, password)).toBe(401)
    expect(await held(stranger)).toMatchObject({ users: 1, tasks: 1, sessions: 1 })

    const again = await read(
      send('POST', '/auth/signup', { json: { email: user.email, password: newPassword } }),
      201,
      User
    )
    expect(again.id).not.toBe(user.id)
    expect(await statusWith(user.token)).toBe(401)
    const { token } = await logIn(user.email, { password: newPassword })
    expect(await (await send('GET', '/tasks', { token })).json()).toEqual([])
  })

  test.each([
    ['4 minutes 30', 270, 204],
    ['5 minutes 1', 301, 403],
    ['a day', 86_400, 403],
  ])('%s after the login is %i', async (_, seconds, status) => {
    const user = await newUser()
    await user.newTask({ title: 'Mine' })
    await sql`update sessions set created_at = created_at - make_interval(secs => ${seconds})
      where user_id = ${user.id}`
    // Neither a refresh nor the login of another session makes an old login a fresh one.
    await refresh(user.cookie)
    await logIn(user.email)
    const response = await user.send('DELETE', '/auth/me')
    expect(response.status).toBe(status)
    expect((await held(user))?.users).toBe(status === 204 ? 0 : 1)
    if (status === 204) return
    expect((await problem(response, 403)).detail).toMatch(/log in again/i)
    expect(await held(user)).toMatchObject({ users: 1, tasks: 1, sessions: 2 })
    const { token } = await logIn(user.email)
    expect((await send('DELETE', '/auth/me', { token })).status).toBe(204)
  })

  test('with a token of no session is 403', async () => {
    const user = await newUser()
    const token = await forge(claims(user.id))
    await problem(send('DELETE', '/auth/me', { token }), 403)
    expect(await statusWith(user.token)).toBe(200)
  })

  test('needs the access token, and not the cookie', async () => {
    const { cookie, token } = await newUser()
    await problem(send('DELETE', '/auth/me', { headers: { Cookie: cookie } }), 401)
    expect(await statusWith(token)).toBe(200)
  })
})
