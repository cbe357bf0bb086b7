import { describe, expect, test } from 'vitest'
import {
  accessTokenOf,
  cookieOf,
  isRemote,
  logIn,
  newPassword,
  newUser,
  password,
  problem,
  refresh,
  send,
  sessionsOf,
  statusWith,
  tryLogIn,
  visible,
  wrongPassword,
} from './api.ts'
import { expireSession, sha256, sql } from './rows.ts'
import { claims, cookieAttributes, forge, refreshTokenOf, sidOf } from './tokens.ts'

describe('POST /auth/login', () => {
  test('a login sets a refresh cookie that no script and no other site can read', async () => {
    const { email } = await newUser()
    const response = await tryLogIn({ email, password })
    // 256 bits are 43 characters of base64url.
    expect(cookieOf(response)).toMatch(/^__Host-refresh=[\w-]{43}$/)
    expect(cookieAttributes(response)).toBe(
      'HttpOnly; Max-Age=2592000; Path=/; SameSite=Strict; Secure'
    )
    expect(await response.text()).not.toContain(refreshTokenOf(cookieOf(response)))
  })

  test('every login begins a session of its own', async () => {
    const { email, accessToken, cookie } = await newUser()
    const again = await logIn(email)
    expect(again.cookie).not.toBe(cookie)
    expect(sidOf(again.accessToken)).not.toBe(sidOf(accessToken))
  })

  test('a login with a wrong password sets no cookie', async () => {
    const { email } = await newUser()
    const response = await tryLogIn({ email, password: wrongPassword })
    await problem(response, 401)
    expect(response.headers.get('Set-Cookie')).toBeNull()
  })

  test('the database keeps the SHA-256 of a refresh token, and not the token', async () => {
    const { id, cookie } = await newUser()
    const refreshTokens = [cookie, cookieOf(await refresh(cookie))].map(refreshTokenOf)
    const [first = '', second = ''] = refreshTokens
    const rows = await sql`select t.hash, t.session_id, t.spent_at, to_jsonb(s) as session,
        t.hash in (${sha256(first)}, ${sha256(second)}) as is_sha256
      from sessions s join refresh_tokens t on t.session_id = s.id where s.user_id = ${id}`
    expect(rows.map(({ is_sha256 }) => is_sha256)).toEqual([true, true])
    for (const refreshToken of refreshTokens)
      expect(JSON.stringify(rows)).not.toContain(refreshToken)
  })
})

describe('POST /auth/logout', () => {
  test('a logout ends its session at once, and no other', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const refreshed = await refresh(user.cookie)
    const response = await user.send('POST', '/auth/logout')
    expect(response.status).toBe(204)
    expect(cookieOf(response)).toBe('__Host-refresh=')
    expect(cookieAttributes(response)).toBe('HttpOnly; Max-Age=0; Path=/; SameSite=Strict; Secure')
    for (const accessToken of [user.accessToken, await accessTokenOf(refreshed)])
      expect(await statusWith(accessToken)).toBe(401)
    for (const cookie of [user.cookie, cookieOf(refreshed)]) await problem(refresh(cookie), 401)
    await problem(user.send('POST', '/auth/logout'), 401)
    expect(await statusWith(other.accessToken)).toBe(200)
    expect((await refresh(other.cookie)).status).toBe(200)
  })

  test('a logout with the cookie and no access token is a 401', async () => {
    const { cookie, accessToken } = await newUser()
    await problem(send('POST', '/auth/logout', { headers: { Cookie: cookie } }), 401)
    expect(await statusWith(accessToken)).toBe(200)
  })
})

describe('GET /auth/sessions', () => {
  test("the list has all of the user's sessions, and marks the current one", async () => {
    const user = await newUser()
    await newUser()
    const other = await logIn(user.email, { userAgent: 'Firefox' })
    const sessions = await sessionsOf(user.accessToken)
    expect(sessions).toHaveLength(2)
    const mine = sessions.find(({ id }) => id === sidOf(user.accessToken))
    const others = sessions.find(({ id }) => id === sidOf(other.accessToken))
    expect(mine).toMatchObject({ current: true })
    expect(others).toMatchObject({ current: false, user_agent: 'Firefox' })
    const days = (from = '', to = '') => (Date.parse(to) - Date.parse(from)) / 86_400_000
    expect(days(mine?.created_at, mine?.expires_at)).toBeCloseTo(30, 2)
    expect(mine?.last_used_at).toBe(mine?.created_at)
    expect((await sessionsOf(other.accessToken)).find(({ current }) => current)).toMatchObject({
      id: sidOf(other.accessToken),
    })
  })

  test('the list leaves out a session that has run out', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    await expireSession(other.accessToken)
    const sessions = await sessionsOf(user.accessToken)
    expect(sessions.map(({ id }) => id)).toEqual([sidOf(user.accessToken)])
  })

  const userAgentOf = async (accessToken: string) =>
    (await sessionsOf(accessToken)).find(({ current }) => current)?.user_agent

  test.each([
    ['200 characters', 'x'.repeat(200), 'x'.repeat(200)],
    ['5,000 characters', 'x'.repeat(5000), 'x'.repeat(200)],
    ['SQL', "'; drop table sessions --", "'; drop table sessions --"],
  ])('a session keeps the first 200 characters of a user agent of %s', async (_, sent, kept) => {
    const { email } = await newUser()
    const { accessToken } = await logIn(email, { userAgent: sent })
    expect(await userAgentOf(accessToken)).toBe(kept)
  })

  test.runIf(!isRemote)('a session without a user agent has null', async () => {
    const { accessToken } = await newUser()
    expect(await userAgentOf(accessToken)).toBeNull()
  })

  test('a user agent is cut after 200 characters, and an emoji counts as one', async () => {
    const { email } = await newUser()
    const { accessToken } = await logIn(email, { userAgent: `${'x'.repeat(199)}😀y` })
    expect(await userAgentOf(accessToken)).toBe(`${'x'.repeat(199)}😀`)
  })
})

describe('DELETE /auth/sessions', () => {
  test("all of the user's sessions end, the current one too, and no stranger's", async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const stranger = await newUser()
    const response = await user.send('DELETE', '/auth/sessions')
    expect(response.status).toBe(204)
    expect(cookieOf(response)).toBe('__Host-refresh=')
    for (const { accessToken, cookie } of [user, other]) {
      expect(await statusWith(accessToken)).toBe(401)
      await problem(refresh(cookie), 401)
    }
    expect(await statusWith(stranger.accessToken)).toBe(200)
    expect(await statusWith((await logIn(user.email)).accessToken)).toBe(200)
  })
})

describe('DELETE /auth/sessions/{id}', () => {
  test('the session of the id ends, and no other', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const path = `/auth/sessions/${sidOf(other.accessToken)}`
    expect((await user.send('DELETE', path)).status).toBe(204)
    expect(await statusWith(other.accessToken)).toBe(401)
    await problem(refresh(other.cookie), 401)
    expect(await statusWith(user.accessToken)).toBe(200)
    await problem(user.send('DELETE', path), 404)
    const own = await user.send('DELETE', `/auth/sessions/${sidOf(user.accessToken)}`)
    expect(own.status).toBe(204)
    expect(await statusWith(user.accessToken)).toBe(401)
  })

  test("an unknown, a stranger's and a malformed id are the same 404", async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    const [own, theirs] = [sidOf(user.accessToken), sidOf(stranger.accessToken)]
    const unknown = await visible(user.send('DELETE', `/auth/sessions/${crypto.randomUUID()}`), 404)
    for (const id of [theirs, 'x', `${own}x`, '%00'])
      expect(await visible(user.send('DELETE', `/auth/sessions/${id}`), 404)).toEqual(unknown)
    expect(await statusWith(stranger.accessToken)).toBe(200)
    expect(await statusWith(user.accessToken)).toBe(200)
  })
})

describe('the sid of an access token', () => {
  test('an access token whose sid is no live session of its user is a 401', async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    const own = sidOf(user.accessToken)
    for (const sid of [
      sidOf(stranger.accessToken),
      crypto.randomUUID(),
      own.toUpperCase(),
      `${own}\n`,
      'x',
      '',
      1,
      null,
      [own],
    ])
      expect(await statusWith(await forge(claims(user.id, { sid }))), String(sid)).toBe(401)
  })

  test('an access token without a sid is accepted', async () => {
    const user = await newUser()
    const accessToken = await forge(claims(user.id))
    expect(await statusWith(accessToken)).toBe(200)
    expect((await sessionsOf(accessToken)).map(({ current }) => current)).toEqual([false])
    expect((await send('POST', '/auth/logout', { accessToken })).status).toBe(204)
    expect(await statusWith(user.accessToken)).toBe(200)
  })

  const operations: [string, string, unknown?][] = [
    ['GET', '/auth/me'],
    ['GET', '/auth/me/export'],
    ['DELETE', '/auth/me'],
    ['GET', '/auth/sessions'],
    ['DELETE', '/auth/sessions'],
    ['DELETE', '/auth/sessions/:sid'],
    ['POST', '/auth/logout'],
    ['PUT', '/auth/password', { current_password: password, new_password: newPassword }],
    ['GET', '/tasks'],
    ['POST', '/tasks', { title: 'New' }],
    ['DELETE', '/tasks'],
    ['GET', '/tasks/:id'],
    ['PUT', '/tasks/:id', { title: 'Changed' }],
    ['PATCH', '/tasks/:id', { title: 'Changed' }],
    ['PATCH', '/tasks/:id', {}],
    ['PATCH', '/tasks/:id/complete', { completed: true }],
    ['PATCH', '/tasks/:id/complete'],
    ['DELETE', '/tasks/:id'],
  ]
  test.each(['was logged out', 'has run out'])(
    'an access token whose session %s is a 401 everywhere, and writes nothing',
    async (how) => {
      const user = await newUser()
      const other = await logIn(user.email)
      const task = await user.newTask({ title: 'Before' })
      const state = () => sql`select to_jsonb(u) as "user",
        (select jsonb_agg(to_jsonb(t)) from tasks t where t.user_id = u.id) as tasks,
        (select jsonb_agg(to_jsonb(s)) from sessions s
          where s.user_id = u.id and s.expires_at > now()) as sessions,
        (select jsonb_agg(to_jsonb(g)) from guesses g
          where g.email_hash = ${sha256(user.email)}) as guesses
        from users u where u.id = ${user.id}`
      if (how === 'was logged out') await user.send('POST', '/auth/logout')
      else await expireSession(user.accessToken)
      const before = await state()
      for (const [method, path, json] of operations) {
        const url = path.replace(':id', task.id).replace(':sid', sidOf(other.accessToken))
        const response = await user.send(method, url, { json })
        expect({ method, path, status: response.status }).toEqual({ method, path, status: 401 })
        expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
        await problem(response, 401)
      }
      expect(await state()).toEqual(before)
      expect(await statusWith(other.accessToken)).toBe(200)
    }
  )
})
