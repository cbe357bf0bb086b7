import { decode } from 'hono/jwt'
import { describe, expect, test } from 'vitest'
import { array } from 'zod/mini'
import { Session } from '../src/auth/sessions.ts'
import { AccessToken } from '../src/auth/tokens.ts'
import {
  cookieOf,
  isRemote,
  logIn,
  newUser,
  origin,
  password,
  problem,
  read,
  refresh,
  send,
  sql,
} from './api.ts'
import { claims, forge, sidOf } from './tokens.ts'

const attributes = 'HttpOnly; Max-Age=2592000; Path=/; SameSite=Strict; Secure'

/** The value of a Set-Cookie header and its attributes, which may come in any order. */
const parts = (response: Response) => {
  const [pair = '', ...rest] = (response.headers.get('Set-Cookie') ?? '').split('; ')
  return { pair, attributes: rest.sort().join('; ') }
}

const secretOf = (cookie: string) => cookie.slice(cookie.indexOf('=') + 1)
const statusWith = async (token: string) => (await send('GET', '/auth/me', { token })).status
const tokenOf = async (response: Response) => (await read(response, 200, AccessToken)).access_token
const sessionsOf = (token: string) =>
  read(send('GET', '/auth/sessions', { token }), 200, array(Session))

const storedToken = async (cookie: string) => {
  const [row] = await sql`select session_id, spent_at from refresh_tokens
    where hash = encode(sha256(convert_to(${secretOf(cookie)}, 'UTF8')), 'hex')`
  return row
}
/** Moves the time at which a refresh token was spent into the past. */
const spentBefore = (cookie: string, seconds: number) =>
  sql`update refresh_tokens set spent_at = spent_at - make_interval(secs => ${seconds})
    where hash = encode(sha256(convert_to(${secretOf(cookie)}, 'UTF8')), 'hex')`
const isInDatabase = async (sid: string) =>
  (await sql`select 1 from sessions where id = ${sid}`).length === 1

describe('POST /auth/login', () => {
  test('begins a session, in a cookie for no script and no other site', async () => {
    const { email } = await newUser()
    const response = await send('POST', '/auth/login', { json: { email, password } })
    const { pair, attributes: actual } = parts(response)
    // 256 bits are 43 characters of base64url.
    expect(pair).toMatch(/^__Host-refresh=[\w-]{43}$/)
    expect(actual).toBe(attributes)
    const body = await read(response, 200, AccessToken)
    expect(Object.keys(body)).toEqual(['access_token', 'token_type'])
    expect(JSON.stringify(body)).not.toContain(secretOf(pair))
  })

  test('begins a session of its own each time', async () => {
    const { email, token, cookie } = await newUser()
    const again = await logIn(email)
    expect(again.cookie).not.toBe(cookie)
    expect(sidOf(again.token)).not.toBe(sidOf(token))
  })

  test('that fails sets no cookie', async () => {
    const { email } = await newUser()
    const json = { email, password: 'wrong password' }
    const response = await send('POST', '/auth/login', { json })
    await problem(response, 401)
    expect(response.headers.get('Set-Cookie')).toBeNull()
  })

  test('leaves only the SHA-256 of the refresh token in the database', async () => {
    const { id, cookie } = await newUser()
    const newest = cookieOf(await refresh(cookie))
    const rows = await sql`select t.hash, t.session_id, t.spent_at, to_jsonb(s) as session,
        t.hash in (encode(sha256(convert_to(${secretOf(cookie)}, 'UTF8')), 'hex'),
          encode(sha256(convert_to(${secretOf(newest)}, 'UTF8')), 'hex')) as is_sha256
      from sessions s join refresh_tokens t on t.session_id = s.id where s.user_id = ${id}`
    expect(rows.map(({ is_sha256 }) => is_sha256)).toEqual([true, true])
    for (const secret of [cookie, newest].map(secretOf))
      expect(JSON.stringify(rows)).not.toContain(secret)
  })
})

describe('POST /auth/refresh', () => {
  test('gives a token of the same session and a new cookie, and spends the old one', async () => {
    const user = await newUser()
    const response = await refresh(user.cookie)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const { pair, attributes: actual } = parts(response)
    expect(pair).toMatch(/^__Host-refresh=[\w-]{43}$/)
    expect(pair).not.toBe(user.cookie)
    expect(actual).toBe(attributes)
    const body = await read(response, 200, AccessToken)
    expect(Object.keys(body)).toEqual(['access_token', 'token_type'])
    expect(decode(body.access_token).payload).toMatchObject({
      sub: user.id,
      email: user.email,
      sid: sidOf(user.token),
    })
    expect(await statusWith(body.access_token)).toBe(200)
    expect(await statusWith(user.token)).toBe(200)
    expect(await storedToken(user.cookie)).toMatchObject({ spent_at: expect.anything() })
    expect(await storedToken(pair)).toMatchObject({ spent_at: null })
  })

  test('ten times at once gives one new cookie and throws nobody out', async () => {
    const user = await newUser()
    const replies = await Promise.all(Array.from({ length: 10 }, () => refresh(user.cookie)))
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const cookies = replies.map(cookieOf).filter(Boolean)
    expect(cookies).toHaveLength(1)
    const tokens = [user.token, ...(await Promise.all(replies.map(tokenOf)))]
    expect(await Promise.all(tokens.map(statusWith))).toEqual(Array(11).fill(200))
    const [newest = ''] = cookies
    const next = await refresh(newest)
    expect(cookieOf(next)).toMatch(/^__Host-refresh=/)
    expect(await statusWith(await tokenOf(next))).toBe(200)
    const [row] = await sql`select count(*)::int as tokens from refresh_tokens
      where session_id = ${sidOf(user.token)}`
    expect(row?.tokens).toBe(3)
  })

  test('with a token spent a moment ago is 200 without a cookie', async () => {
    const { cookie, token } = await newUser()
    const newest = cookieOf(await refresh(cookie))
    await spentBefore(cookie, 5)
    const late = await refresh(cookie)
    expect(late.headers.get('Set-Cookie')).toBeNull()
    expect(sidOf(await tokenOf(late))).toBe(sidOf(token))
    expect(cookieOf(await refresh(newest))).toMatch(/^__Host-refresh=/)
  })

  test('with a token spent longer ago is theft: both holders are out', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const first = await refresh(user.cookie)
    const newest = cookieOf(first)
    const token = await tokenOf(first)
    await spentBefore(user.cookie, 11)
    const theft = await refresh(user.cookie)
    await problem(theft, 401)
    expect(cookieOf(theft)).toBe('__Host-refresh=')
    expect(await isInDatabase(sidOf(token))).toBe(false)
    expect(await storedToken(newest)).toBeUndefined()
    expect(await Promise.all([user.token, token].map(statusWith))).toEqual([401, 401])
    await problem(refresh(newest), 401)
    await problem(refresh(user.cookie), 401)
    // Another login of the same user has nothing to do with it.
    expect(await statusWith(other.token)).toBe(200)
    expect((await refresh(other.cookie)).status).toBe(200)
  })

  test('sees theft generations later, too', async () => {
    const { cookie, token } = await newUser()
    let newest = cookie
    for (let generation = 0; generation < 3; generation++) newest = cookieOf(await refresh(newest))
    await spentBefore(cookie, 11)
    await problem(refresh(cookie), 401)
    await problem(refresh(newest), 401)
    expect(await statusWith(token)).toBe(401)
  })

  const ours: Record<string, string>[] = [
    { 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Site': 'none' },
    { Origin: origin },
    { 'Sec-Fetch-Site': 'same-origin', Origin: origin },
  ]
  const listed: Record<string, string>[] = [
    { Origin: 'https://app.example.com' },
    { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://app.example.com' },
    { 'Sec-Fetch-Site': 'same-site', Origin: 'http://localhost:5173' },
  ]
  test.each(isRemote ? ours : [...ours, ...listed])('from %j is let in', async (headers) => {
    const { cookie } = await newUser()
    const response = await refresh(cookie, headers)
    expect(response.status).toBe(200)
    expect(cookieOf(response)).toMatch(/^__Host-refresh=/)
  })

  const others: Record<string, string>[] = [
    {},
    { 'Sec-Fetch-Site': '' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Site': 'SAME-ORIGIN' },
    { 'Sec-Fetch-Site': 'same-origin, cross-site' },
    { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
    { 'Sec-Fetch-Site': 'same-site', Origin: 'http://evil.localhost' },
    { Origin: 'null' },
    { Origin: '' },
    { Origin: 'undefined' },
    { Origin: '*' },
    { Origin: 'https://evil.example' },
    { Origin: `${origin}.evil.example` },
    { Origin: `${origin}/` },
    { Origin: `${origin}:8443` },
    { Origin: 'http://app.example.com' },
    { Origin: 'https://APP.example.com' },
    { Origin: 'https://app.example.com:8443' },
    { Origin: 'https://app.example.com, https://evil.example' },
    { Origin: 'https://evil.example', Referer: `${origin}/docs` },
    { Origin: 'https://evil.example', 'X-Forwarded-Host': 'evil.example' },
  ]
  test('from anywhere else is 403, and the token is not spent', async () => {
    const { cookie, token } = await newUser()
    for (const headers of others) {
      const response = await refresh(cookie, headers)
      expect({ headers, status: response.status }).toEqual({ headers, status: 403 })
      expect(response.headers.get('Set-Cookie')).toBeNull()
      await problem(response, 403)
    }
    expect(await storedToken(cookie)).toMatchObject({ spent_at: null })
    expect(await statusWith(token)).toBe(200)
    expect(cookieOf(await refresh(cookie))).toMatch(/^__Host-refresh=/)
  })

  test('from anywhere else ends no session with a token spent long ago', async () => {
    const { cookie, token } = await newUser()
    await refresh(cookie)
    await spentBefore(cookie, 3600)
    await problem(refresh(cookie, { 'Sec-Fetch-Site': 'cross-site' }), 403)
    expect(await statusWith(token)).toBe(200)
  })

  test('takes the refresh token from its cookie alone', async () => {
    const { cookie, token } = await newUser()
    const value = secretOf(cookie)
    const attempts: [string, Record<string, string>][] = [
      ['/auth/refresh', {}],
      ['/auth/refresh', { Authorization: `Bearer ${value}` }],
      ['/auth/refresh', { Authorization: `Bearer ${token}` }],
      [`/auth/refresh?refresh=${value}&__Host-refresh=${value}`, {}],
      ...[
        '',
        '=',
        ';',
        '__Host-refresh',
        '__Host-refresh=',
        `refresh=${value}`,
        `__Secure-refresh=${value}`,
        `__host-refresh=${value}`,
        `__Host-refresh=${token}`,
        `__Host-refresh=${value}x`,
        `__Host-refresh=${value.slice(1)}`,
        `__Host-refresh=${value.toLowerCase()}Q`,
        '__Host-refresh=%00',
        '__Host-refresh=%E0%A4%A',
        `__Host-refresh=' or '1'='1`,
        `__Host-refresh=${'x'.repeat(10_000)}`,
      ].map((Cookie): [string, Record<string, string>] => ['/auth/refresh', { Cookie }]),
    ]
    for (const [path, headers] of attempts) {
      const json = { refresh_token: value }
      const response = await send('POST', path, {
        json,
        headers: { 'Sec-Fetch-Site': 'same-origin', ...headers },
      })
      expect({ headers, status: response.status }).toEqual({ headers, status: 401 })
      await problem(response, 401)
    }
    expect(await storedToken(cookie)).toMatchObject({ spent_at: null })
    const [stored] = await sql`select hash from refresh_tokens
      where session_id = ${sidOf(token)}`
    await problem(refresh(`__Host-refresh=${stored?.hash}`), 401)
    expect((await refresh(cookie)).status).toBe(200)
  })

  test('is no way round the access token', async () => {
    const { cookie, token } = await newUser()
    await problem(send('GET', '/auth/me', { token: secretOf(cookie) }), 401)
    for (const Cookie of [cookie, `__Host-refresh=${token}`, `access_token=${token}`])
      await problem(send('GET', '/auth/me', { headers: { Cookie } }), 401)
  })

  test('of a session that has run out is 401', async () => {
    const { cookie, token } = await newUser()
    await sql`update sessions set expires_at = now() - interval '1 second'
      where id = ${sidOf(token)}`
    const response = await refresh(cookie)
    await problem(response, 401)
    expect(cookieOf(response)).toBe('__Host-refresh=')
    expect(await statusWith(token)).toBe(401)
    // Not spent, if the tests of the cleaning have left it there.
    expect((await storedToken(cookie))?.spent_at ?? null).toBeNull()
  })

  test.each([
    [0, 30],
    [149, 30],
    [160, 20],
    [179, 1],
  ])('of a session begun %i days ago makes it live %i days', async (age, left) => {
    const { cookie, token } = await newUser()
    const sid = sidOf(token)
    await sql`update sessions set expires_at = now() + interval '1 hour',
      created_at = now() - make_interval(days => ${age}) where id = ${sid}`
    expect((await refresh(cookie)).status).toBe(200)
    const [row] = await sql`select
      extract(epoch from expires_at - now())::float8 / 86400 as days,
      extract(epoch from now() - last_used_at)::float8 as seconds from sessions where id = ${sid}`
    expect(row?.days).toBeCloseTo(left, 2)
    expect(row?.seconds).toBeLessThan(30)
  })
})

describe('POST /auth/logout', () => {
  test('ends this session at once, and no other', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const refreshed = await tokenOf(await refresh(user.cookie))
    const response = await user.send('POST', '/auth/logout')
    expect(response.status).toBe(204)
    expect(parts(response)).toEqual({
      pair: '__Host-refresh=',
      attributes: attributes.replace('2592000', '0'),
    })
    for (const token of [user.token, refreshed]) expect(await statusWith(token)).toBe(401)
    await problem(refresh(user.cookie), 401)
    await problem(user.send('POST', '/auth/logout'), 401)
    expect(await statusWith(other.token)).toBe(200)
    expect((await refresh(other.cookie)).status).toBe(200)
  })

  test('needs the access token, and not the cookie', async () => {
    const { cookie, token } = await newUser()
    await problem(send('POST', '/auth/logout', { headers: { Cookie: cookie } }), 401)
    expect(await statusWith(token)).toBe(200)
  })
})

describe('GET /auth/sessions', () => {
  test('shows the sessions of the user, and which of them this is', async () => {
    const user = await newUser()
    await newUser()
    const other = await logIn(user.email, { headers: { 'User-Agent': 'Firefox' } })
    const sessions = await sessionsOf(user.token)
    expect(sessions).toHaveLength(2)
    const mine = sessions.find(({ id }) => id === sidOf(user.token))
    const others = sessions.find(({ id }) => id === sidOf(other.token))
    expect(mine).toMatchObject({ current: true })
    expect(others).toMatchObject({ current: false, user_agent: 'Firefox' })
    const days = (from = '', to = '') => (Date.parse(to) - Date.parse(from)) / 86_400_000
    expect(days(mine?.created_at, mine?.expires_at)).toBeCloseTo(30, 2)
    expect(mine?.last_used_at).toBe(mine?.created_at)
    expect((await sessionsOf(other.token)).find(({ current }) => current)).toMatchObject({
      id: sidOf(other.token),
    })
  })

  test('shows none that is over', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    await sql`update sessions set expires_at = now() where id = ${sidOf(other.token)}`
    expect((await sessionsOf(user.token)).map(({ id }) => id)).toEqual([sidOf(user.token)])
  })

  test.each([
    ['x'.repeat(200), 'x'.repeat(200)],
    ['x'.repeat(5000), 'x'.repeat(200)],
    ["'; drop table sessions --", "'; drop table sessions --"],
  ])('keeps the start of the user agent: %s', async (sent, kept) => {
    const { email } = await newUser()
    const { token } = await logIn(email, { headers: { 'User-Agent': sent } })
    const current = (await sessionsOf(token)).find(({ current }) => current)
    expect(current?.user_agent).toBe(kept)
  })

  test('shows a session of no user agent, and one of characters outside the BMP', async () => {
    const { email, token } = await newUser()
    if (!isRemote) expect((await sessionsOf(token))[0]?.user_agent).toBeNull()
    const headers = { 'User-Agent': `${'x'.repeat(199)}😀` }
    const { token: other } = await logIn(email, { headers })
    const current = (await sessionsOf(other)).find(({ current }) => current)
    expect(current?.user_agent).toBe(`${'x'.repeat(199)}\ufffd`)
  })
})

describe('DELETE /auth/sessions', () => {
  test('ends all sessions of the user, and of nobody else', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const stranger = await newUser()
    const response = await user.send('DELETE', '/auth/sessions')
    expect(response.status).toBe(204)
    expect(cookieOf(response)).toBe('__Host-refresh=')
    for (const { token, cookie } of [user, other]) {
      expect(await statusWith(token)).toBe(401)
      await problem(refresh(cookie), 401)
    }
    expect(await statusWith(stranger.token)).toBe(200)
    expect(await statusWith((await logIn(user.email)).token)).toBe(200)
  })

  test('of one ends it alone', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const path = `/auth/sessions/${sidOf(other.token)}`
    expect((await user.send('DELETE', path)).status).toBe(204)
    expect(await statusWith(other.token)).toBe(401)
    await problem(refresh(other.cookie), 401)
    expect(await statusWith(user.token)).toBe(200)
    await problem(user.send('DELETE', path), 404)
    expect((await user.send('DELETE', `/auth/sessions/${sidOf(user.token)}`)).status).toBe(204)
    expect(await statusWith(user.token)).toBe(401)
  })

  test('of one that is unknown, of another user or no UUID is 404, all the same', async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    const ids = [crypto.randomUUID(), sidOf(stranger.token), 'x', `${sidOf(user.token)}x`, '%00']
    const answers = []
    for (const id of ids) {
      const response = await user.send('DELETE', `/auth/sessions/${id}`)
      const { request_id: _, ...body } = await problem(response, 404)
      answers.push(body)
    }
    expect(answers).toEqual(Array(ids.length).fill(answers[0]))
    expect(await statusWith(stranger.token)).toBe(200)
    expect(await statusWith(user.token)).toBe(200)
  })
})

describe('the session of a token', () => {
  test('must be one of its user', async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    for (const sid of [
      sidOf(stranger.token),
      crypto.randomUUID(),
      sidOf(user.token).toUpperCase(),
      `${sidOf(user.token)}\n`,
      'x',
      '',
      1,
      null,
      [sidOf(user.token)],
    ])
      await problem(send('GET', '/tasks', { token: await forge(claims(user.id, { sid })) }), 401)
  })

  test('may be left out', async () => {
    const user = await newUser()
    const token = await forge(claims(user.id))
    expect(await statusWith(token)).toBe(200)
    expect((await sessionsOf(token)).map(({ current }) => current)).toEqual([false])
    expect((await send('POST', '/auth/logout', { token })).status).toBe(204)
    expect(await statusWith(user.token)).toBe(200)
  })

  const operations: [string, string, unknown?][] = [
    ['GET', '/auth/me'],
    ['GET', '/auth/me/export'],
    ['DELETE', '/auth/me'],
    ['GET', '/auth/sessions'],
    ['DELETE', '/auth/sessions'],
    ['DELETE', '/auth/sessions/:sid'],
    ['POST', '/auth/logout'],
    ['PUT', '/auth/password', { current_password: password, new_password: 'another password' }],
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
  test.each(['logged out', 'run out'])('that has %s is 401, and writes nothing', async (how) => {
    const user = await newUser()
    const other = await logIn(user.email)
    const task = await user.newTask({ title: 'Before' })
    const state = () => sql`select to_jsonb(u) as "user",
      (select jsonb_agg(to_jsonb(t)) from tasks t where t.user_id = u.id) as tasks,
      (select jsonb_agg(to_jsonb(s)) from sessions s
        where s.user_id = u.id and s.expires_at > now()) as sessions,
      (select jsonb_agg(to_jsonb(g)) from guesses g where g.email_hash =
        encode(sha256(convert_to(u.email, 'UTF8')), 'hex')) as guesses
      from users u where u.id = ${user.id}`
    if (how === 'logged out') await user.send('POST', '/auth/logout')
    else
      await sql`update sessions set expires_at = now() - interval '1 second'
        where id = ${sidOf(user.token)}`
    const before = await state()
    for (const [method, path, json] of operations) {
      const url = path.replace(':id', task.id).replace(':sid', sidOf(other.token))
      const response = await user.send(method, url, { json })
      expect({ method, path, status: response.status }).toEqual({ method, path, status: 401 })
      expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
      await problem(response, 401)
    }
    expect(await state()).toEqual(before)
    expect(await statusWith(other.token)).toBe(200)
  })
})
