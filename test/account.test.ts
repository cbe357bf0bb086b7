import { describe, expect, test } from 'vitest'
import { strictObject } from 'zod/mini'
import {
  changePassword,
  isRemote,
  logIn,
  newEmail,
  newPassword,
  newUser,
  password,
  pointers,
  problem,
  read,
  refresh,
  Sessions,
  send,
  sessionsOf,
  statusWith,
  type Task,
  Tasks,
  tryLogIn,
  trySignUp,
  User,
  wrongPassword,
} from './api.ts'
import { blockFor, guessesAt, hashedPasswordOf, sha256, sql } from './rows.ts'
import { claims, forge, refreshTokenOf, sidOf } from './tokens.ts'

const loginStatus = async (email: string, password: string) =>
  (await tryLogIn({ email, password })).status

describe('PUT /auth/password', () => {
  const wrong = { current_password: wrongPassword, new_password: newPassword }

  test('the new password logs in, and the old one no longer does', async () => {
    const user = await newUser()
    const response = await changePassword(user.accessToken)
    expect(response.status).toBe(204)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await loginStatus(user.email, password)).toBe(401)
    expect(await loginStatus(user.email, newPassword)).toBe(200)
    expect(await hashedPasswordOf(user.id)).toMatch(/^\$2[aby]\$\d\d\$.{53}$/)
  })

  test('both passwords are accepted in any Unicode normal form', async () => {
    const user = await newUser()
    const change = (current_password: string, new_password: string) =>
      changePassword(user.accessToken, { current_password, new_password })
    expect((await change(password, 'cafe\u0301 creme')).status).toBe(204)
    expect(await loginStatus(user.email, 'caf\u00e9 creme')).toBe(200)
    expect((await change('caf\u00e9 creme', newPassword)).status).toBe(204)
  })

  test('a change of password ends all other sessions, and keeps this one', async () => {
    const user = await newUser()
    const [other, stranger] = [await logIn(user.email), await newUser()]
    await changePassword(user.accessToken)
    expect(await statusWith(user.accessToken)).toBe(200)
    expect((await refresh(user.cookie)).status).toBe(200)
    expect(await statusWith(other.accessToken)).toBe(401)
    await problem(refresh(other.cookie), 401)
    expect(await statusWith(stranger.accessToken)).toBe(200)
  })

  test('a change of password ends the session of a login that overlaps with it', async () => {
    const user = await newUser()
    const early = await logIn(user.email)
    const [row] = await sql`select to_jsonb(s) as session, to_jsonb(t) as token
      from sessions s join refresh_tokens t on t.session_id = s.id
      where s.id = ${sidOf(early.accessToken)}`
    await changePassword(user.accessToken)
    // Puts the session back, as if it was committed too late for the change to see and delete it.
    await sql`insert into sessions select * from
      jsonb_populate_record(null::sessions, ${JSON.stringify(row?.session)})`
    await sql`insert into refresh_tokens select * from
      jsonb_populate_record(null::refresh_tokens, ${JSON.stringify(row?.token)})`
    expect(await statusWith(early.accessToken)).toBe(401)
    await problem(refresh(early.cookie), 401)
    const late = await logIn(user.email, { password: newPassword })
    expect(await statusWith(late.accessToken)).toBe(200)
    const sessions = await sessionsOf(user.accessToken)
    expect(sessions.map(({ id }) => id)).toEqual([user, late].map((one) => sidOf(one.accessToken)))
  })

  test('a change of password by an access token without a session ends them all', async () => {
    const user = await newUser()
    const accessToken = await forge(claims(user.id))
    expect((await changePassword(accessToken)).status).toBe(204)
    expect(await statusWith(user.accessToken)).toBe(401)
  })

  test('a wrong current password is a 403, and changes nothing', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    await problem(changePassword(user.accessToken, wrong), 403)
    expect(await statusWith(other.accessToken)).toBe(200)
    expect(await loginStatus(user.email, newPassword)).toBe(401)
    expect(await loginStatus(user.email, password)).toBe(200)
  })

  test("another user's password is a 403", async () => {
    const [user, other] = [await newUser(), await newUser()]
    await changePassword(other.accessToken)
    const json = { current_password: newPassword, new_password: 'a third password' }
    await problem(changePassword(user.accessToken, json), 403)
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
    [{ current_password: password, new_password: newPassword, user_id: 1 }, ['/user_id']],
    [{}, ['/current_password', '/new_password']],
  ])('the body %j is a 422', async (json, faults) => {
    const user = await newUser()
    expect(await pointers(changePassword(user.accessToken, json))).toEqual(faults)
    expect(await loginStatus(user.email, password)).toBe(200)
  })

  test('a wrong current password is counted as a guess, and the right one clears the count', async () => {
    const user = await newUser()
    for (let guess = 1; guess <= 5; guess++)
      await problem(changePassword(user.accessToken, wrong), 403)
    expect(await guessesAt(user.email)).toMatchObject({ failures: 5 })
    expect((await changePassword(user.accessToken)).status).toBe(204)
    expect(await guessesAt(user.email)).toBeUndefined()
  })

  test('after ten wrong passwords, a login among them, the right one is a 429 too', async () => {
    const user = await newUser()
    for (let guess = 1; guess <= 9; guess++)
      await problem(changePassword(user.accessToken, wrong), 403)
    expect(await loginStatus(user.email, wrongPassword)).toBe(401)
    // The first wait lasts a second, which may be over by now on a slow machine.
    await blockFor(user.email, 60)
    for (const current_password of [wrongPassword, password]) {
      const json = { current_password, new_password: newPassword }
      const response = await changePassword(user.accessToken, json)
      await problem(response, 429)
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
    }
    expect(await loginStatus(user.email, password)).toBe(429)
    // A user who is logged in stays so.
    expect(await statusWith(user.accessToken)).toBe(200)
  })

  test('one of two changes at once succeeds, and the other is a 403', async () => {
    const user = await newUser()
    const statuses = await Promise.all(
      ['one new password', 'two new password'].map(async (new_password) => {
        const json = { current_password: password, new_password }
        return (await changePassword(user.accessToken, json)).status
      })
    )
    expect(statuses.sort()).toEqual([204, 403])
  })
})

describe('GET /auth/me/export', () => {
  const Export = strictObject({ user: User, sessions: Sessions, tasks: Tasks, trash: Tasks })

  test('the export is a file with the user, all sessions, all tasks and the trash', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const stranger = await newUser()
    await stranger.newTask({ title: 'Not theirs' })
    const done = { title: 'Two', completed: true, tags: ['a'], due_date: '2026-01-01' }
    const tasks = [await user.newTask({ title: 'One "quoted"\n' }), await user.newTask(done)]
    const { id } = await user.newTask({ title: 'Deleted' })
    expect((await user.send('DELETE', `/tasks/${id}`)).status).toBe(204)
    const response = await user.send('GET', '/auth/me/export')
    expect(response.headers.get('Content-Disposition')).toMatch(/^attachment; filename="[^"]+"$/)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const held = await read(response, 200, Export)
    expect(Object.keys(held)).toEqual(['user', 'sessions', 'tasks', 'trash'])
    expect(held.user).toEqual(await read(user.send('GET', '/auth/me'), 200, User))
    expect(held.sessions).toEqual(await sessionsOf(user.accessToken))
    expect(held.sessions).toHaveLength(2)
    const byId = (a: Task, b: Task) => a.id.localeCompare(b.id)
    expect(held.tasks.sort(byId)).toEqual(tasks.sort(byId))
    expect(held.trash).toEqual(await user.tasks('deleted=true'))
    expect(held.trash).toMatchObject([{ id, title: 'Deleted' }])
    expect(await statusWith(other.accessToken)).toBe(200)
  })

  test.each([0, 1, 500, 501, 1001])(
    'an export of %i tasks has each of them once',
    async (count) => {
      const user = await newUser()
      await sql`insert into tasks (user_id, title) select ${user.id}, n
      from generate_series(1, ${count}::int) n`
      const held = await read(user.send('GET', '/auth/me/export'), 200, Export)
      const titles = held.tasks.map(({ title }) => Number(title)).sort((a, b) => a - b)
      expect(titles).toEqual(Array.from({ length: count }, (_, index) => index + 1))
    }
  )

  test('an export of 300 tasks that are too large for one page has them all', async () => {
    const user = await newUser()
    const description = '😀'.repeat(10_000)
    await sql`insert into tasks (user_id, title, description, created_at)
      select ${user.id}, n, ${description}, '2026-01-01' from generate_series(1, 300) n`
    const { tasks } = await read(user.send('GET', '/auth/me/export'), 200, Export)
    expect(new Set(tasks.map(({ title }) => title)).size).toBe(300)
    expect(tasks).toHaveLength(300)
    expect(tasks.every((task) => task.description === description)).toBe(true)
  })

  test.each([0, 1, 500, 501])('all of %i deleted tasks are in the export once', async (count) => {
    const user = await newUser()
    await sql`insert into tasks (user_id, title, deleted_at) select ${user.id}, n, now()
      from generate_series(1, ${count}::int) n`
    const held = await read(user.send('GET', '/auth/me/export'), 200, Export)
    expect(held.tasks).toEqual([])
    const titles = held.trash.map(({ title }) => Number(title)).sort((a, b) => a - b)
    expect(titles).toEqual(Array.from({ length: count }, (_, index) => index + 1))
  })

  test('the export has no password, no token and no hash of either', async () => {
    const user = await newUser()
    await refresh(user.cookie)
    const text = await (await user.send('GET', '/auth/me/export')).text()
    const rows = await sql`select u.hashed_password, t.hash from users u
      join sessions s on s.user_id = u.id join refresh_tokens t on t.session_id = s.id
      where u.id = ${user.id}`
    const hashes = rows.flatMap((row) => Object.values(row))
    expect(hashes).toHaveLength(4)
    for (const secret of [password, user.accessToken, refreshTokenOf(user.cookie), ...hashes])
      expect(text).not.toContain(secret)
    expect(text).not.toMatch(/hash|password|\$2[aby]\$/i)
  })

  test('an export with the cookie and no access token is a 401', async () => {
    const { cookie } = await newUser()
    await problem(send('GET', '/auth/me/export', { headers: { Cookie: cookie } }), 401)
  })
})

describe('DELETE /auth/me', () => {
  /** How many rows of each table belong to this user. */
  const rowsOf = async (user: { id: string; email: string; accessToken: string }) => {
    const [row] = await sql`select
      (select count(*) from users where id = ${user.id})::int as users,
      (select count(*) from tasks where user_id = ${user.id})::int as tasks,
      (select count(*) from sessions where user_id = ${user.id})::int as sessions,
      (select count(*) from refresh_tokens
        where session_id = ${sidOf(user.accessToken)})::int as refresh_tokens,
      (select count(*) from mail_tokens where user_id = ${user.id})::int as mail_tokens,
      (select count(*) from mail_counts where hash = ${sha256(`changes ${user.id}`)})::int as changes,
      (select count(*) from guesses where email_hash = ${sha256(user.email)})::int as guesses`
    return row
  }

  test('a deletion soon after login removes the user and all that is theirs', async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    await stranger.newTask({ title: 'Stays' })
    const other = await logIn(user.email)
    await user.newTask({ title: 'Goes' })
    await refresh(user.cookie)
    const change = { email: newEmail(), current_password: password }
    const { status } = await user.send('PUT', '/auth/email', { json: change })
    // A server elsewhere may not be set up for mail. Here the signup has made a token too.
    if (!isRemote) expect(status).toBe(202)
    const mail_tokens = status === 202 ? 2 : 0
    await tryLogIn({ email: user.email, password: wrongPassword })
    expect(await rowsOf(user)).toEqual({
      users: 1,
      tasks: 1,
      sessions: 2,
      refresh_tokens: 2,
      mail_tokens,
      changes: mail_tokens ? 1 : 0,
      guesses: 1,
    })
    const response = await user.send('DELETE', '/auth/me')
    expect(response.status).toBe(204)
    expect(response.headers.get('Set-Cookie')).toMatch(/^__Host-refresh=; Max-Age=0; /)
    expect(await rowsOf(user)).toEqual({
      users: 0,
      tasks: 0,
      sessions: 0,
      refresh_tokens: 0,
      mail_tokens: 0,
      changes: 0,
      guesses: 0,
    })
    for (const { accessToken } of [user, other]) expect(await statusWith(accessToken)).toBe(401)
    await problem(refresh(other.cookie), 401)
    await problem(user.send('DELETE', '/auth/me'), 401)
    expect(await loginStatus(user.email, password)).toBe(401)
    expect(await rowsOf(stranger)).toMatchObject({ users: 1, tasks: 1, sessions: 1 })
  })

  test('a new signup with the address of a deleted user is another user without tasks', async () => {
    const user = await newUser()
    await user.newTask({ title: 'Goes' })
    await user.send('DELETE', '/auth/me')
    const again = await read(trySignUp({ email: user.email, password: newPassword }), 201, User)
    expect(again.id).not.toBe(user.id)
    expect(await statusWith(user.accessToken)).toBe(401)
    const { accessToken } = await logIn(user.email, { password: newPassword })
    expect(await read(send('GET', '/tasks', { accessToken }), 200, Tasks)).toEqual([])
  })

  test.each([
    ['4 minutes 30 s', 204, 270],
    ['5 minutes 1 s', 403, 301],
    ['a day', 403, 86_400],
  ])('a deletion %s after the login is a %i', async (_, status, seconds) => {
    const user = await newUser()
    await user.newTask({ title: 'Mine' })
    await sql`update sessions set created_at = created_at - make_interval(secs => ${seconds})
      where user_id = ${user.id}`
    // Neither a refresh nor another login makes the login of this session a recent one.
    await refresh(user.cookie)
    await logIn(user.email)
    const response = await user.send('DELETE', '/auth/me')
    expect(response.status).toBe(status)
    expect((await rowsOf(user))?.users).toBe(status === 204 ? 0 : 1)
    if (status === 204) return
    expect((await problem(response, 403)).detail).toMatch(/log in again/i)
    expect(await rowsOf(user)).toMatchObject({ users: 1, tasks: 1, sessions: 2 })
    const { accessToken } = await logIn(user.email)
    expect((await send('DELETE', '/auth/me', { accessToken })).status).toBe(204)
  })

  test('a deletion by an access token without a session is a 403', async () => {
    const user = await newUser()
    const accessToken = await forge(claims(user.id))
    await problem(send('DELETE', '/auth/me', { accessToken }), 403)
    expect(await statusWith(user.accessToken)).toBe(200)
  })

  test('a deletion with the cookie and no access token is a 401', async () => {
    const { cookie, accessToken } = await newUser()
    await problem(send('DELETE', '/auth/me', { headers: { Cookie: cookie } }), 401)
    expect(await statusWith(accessToken)).toBe(200)
  })
})
