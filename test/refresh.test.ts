import { decode } from 'hono/jwt'
import { describe, expect, test } from 'vitest'
import {
  accessTokenOf,
  cookieOf,
  isRemote,
  logIn,
  newUser,
  origin,
  problem,
  refresh,
  send,
  statusWith,
} from './api.ts'
import { expireSession, refreshTokenRow, spentEarlier, sql } from './rows.ts'
import { cookieAttributes, refreshTokenOf, sidOf } from './tokens.ts'

describe('POST /auth/refresh', () => {
  test('a refresh gives an access token of the same session and a new cookie', async () => {
    const user = await newUser()
    const response = await refresh(user.cookie)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const newCookie = cookieOf(response)
    expect(newCookie).toMatch(/^__Host-refresh=[\w-]{43}$/)
    expect(newCookie).not.toBe(user.cookie)
    expect(cookieAttributes(response)).toBe(
      'HttpOnly; Max-Age=2592000; Path=/; SameSite=Strict; Secure'
    )
    const accessToken = await accessTokenOf(response)
    expect(decode(accessToken).payload).toMatchObject({
      sub: user.id,
      email: user.email,
      sid: sidOf(user.accessToken),
    })
    expect(await statusWith(accessToken)).toBe(200)
    expect(await statusWith(user.accessToken)).toBe(200)
    expect(await refreshTokenRow(user.cookie)).toMatchObject({ spent_at: expect.anything() })
    expect(await refreshTokenRow(newCookie)).toMatchObject({ spent_at: null })
  })

  test('ten refreshes at once give one new cookie, and end no session', async () => {
    const user = await newUser()
    const replies = await Promise.all(Array.from({ length: 10 }, () => refresh(user.cookie)))
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const cookies = replies.map(cookieOf).filter(Boolean)
    expect(cookies).toHaveLength(1)
    const accessTokens = [user.accessToken, ...(await Promise.all(replies.map(accessTokenOf)))]
    for (const accessToken of accessTokens) expect(await statusWith(accessToken)).toBe(200)
    const [newest = ''] = cookies
    const next = await refresh(newest)
    expect(cookieOf(next)).toMatch(/^__Host-refresh=/)
    expect(await statusWith(await accessTokenOf(next))).toBe(200)
    const [row] = await sql`select count(*)::int as tokens from refresh_tokens
      where session_id = ${sidOf(user.accessToken)}`
    expect(row?.tokens).toBe(3)
  })

  test('a refresh token spent 5 seconds ago gives an access token and no cookie', async () => {
    const { cookie, accessToken } = await newUser()
    const newest = cookieOf(await refresh(cookie))
    await spentEarlier(cookie, 5)
    const late = await refresh(cookie)
    expect(late.headers.get('Set-Cookie')).toBeNull()
    expect(sidOf(await accessTokenOf(late))).toBe(sidOf(accessToken))
    expect(cookieOf(await refresh(newest))).toMatch(/^__Host-refresh=/)
  })

  test('a refresh token spent 11 seconds ago is theft once its successor was used, and ends the session for both holders', async () => {
    const user = await newUser()
    const other = await logIn(user.email)
    const first = await refresh(user.cookie)
    const accessToken = await accessTokenOf(first)
    const newest = cookieOf(await refresh(cookieOf(first)))
    await spentEarlier(user.cookie, 11)
    const theft = await refresh(user.cookie)
    await problem(theft, 401)
    expect(cookieOf(theft)).toBe('__Host-refresh=')
    expect(await sql`select 1 from sessions where id = ${sidOf(accessToken)}`).toEqual([])
    expect(await refreshTokenRow(newest)).toBeUndefined()
    expect(await statusWith(user.accessToken)).toBe(401)
    expect(await statusWith(accessToken)).toBe(401)
    await problem(refresh(newest), 401)
    await problem(refresh(user.cookie), 401)
    // The user's other session goes on.
    expect(await statusWith(other.accessToken)).toBe(200)
    expect((await refresh(other.cookie)).status).toBe(200)
  })

  test('a refresh token from several refreshes ago is theft, too', async () => {
    const { cookie, accessToken } = await newUser()
    let newest = cookie
    for (let generation = 0; generation < 3; generation++) newest = cookieOf(await refresh(newest))
    await spentEarlier(cookie, 11)
    await problem(refresh(cookie), 401)
    await problem(refresh(newest), 401)
    expect(await statusWith(accessToken)).toBe(401)
  })

  test('a refresh of a session that has run out is a 401', async () => {
    const { cookie, accessToken } = await newUser()
    await expireSession(accessToken)
    const response = await refresh(cookie)
    await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
    expect(cookieOf(response)).toBe('__Host-refresh=')
    expect(await statusWith(accessToken)).toBe(401)
    // There is no row if the daily cleaning, which other tests start, came in between.
    expect((await refreshTokenRow(cookie))?.spent_at ?? null).toBeNull()
  })

  test.each([
    [0, 30],
    [149, 30],
    [160, 20],
    [179, 1],
  ])('a refresh on day %i of a session makes it last %i more days', async (age, left) => {
    const { cookie, accessToken } = await newUser()
    const sid = sidOf(accessToken)
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

describe('the origin of a refresh', () => {
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
  test.each(isRemote ? ours : [...ours, ...listed])(
    'a refresh with %j is allowed',
    async (headers) => {
      const { cookie } = await newUser()
      const response = await refresh(cookie, { headers })
      expect(response.status).toBe(200)
      expect(cookieOf(response)).toMatch(/^__Host-refresh=/)
    }
  )

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
  test('a refresh from any other origin is a 403, and does not spend the token', async () => {
    const { cookie, accessToken } = await newUser()
    for (const headers of others) {
      const response = await refresh(cookie, { headers })
      expect({ headers, status: response.status }).toEqual({ headers, status: 403 })
      expect(response.headers.get('Set-Cookie')).toBeNull()
      await problem(response, 403)
    }
    expect(await refreshTokenRow(cookie)).toMatchObject({ spent_at: null })
    expect(await statusWith(accessToken)).toBe(200)
    expect(cookieOf(await refresh(cookie))).toMatch(/^__Host-refresh=/)
  })

  test('a refresh from another origin with a token spent long ago ends no session', async () => {
    const { cookie, accessToken } = await newUser()
    await refresh(cookie)
    await spentEarlier(cookie, 3600)
    await problem(refresh(cookie, { headers: { 'Sec-Fetch-Site': 'cross-site' } }), 403)
    expect(await statusWith(accessToken)).toBe(200)
  })
})

describe('the refresh token', () => {
  test('the refresh token is read from its cookie and from nowhere else', async () => {
    const { cookie, accessToken } = await newUser()
    const refreshToken = refreshTokenOf(cookie)
    const attempts: [string, Record<string, string>][] = [
      ['/auth/refresh', {}],
      ['/auth/refresh', { Authorization: `Bearer ${refreshToken}` }],
      ['/auth/refresh', { Authorization: `Bearer ${accessToken}` }],
      [`/auth/refresh?refresh=${refreshToken}&__Host-refresh=${refreshToken}`, {}],
      ...[
        '',
        '=',
        ';',
        '__Host-refresh',
        '__Host-refresh=',
        `refresh=${refreshToken}`,
        `__Secure-refresh=${refreshToken}`,
        `__host-refresh=${refreshToken}`,
        `__Host-refresh=${accessToken}`,
        `__Host-refresh=${refreshToken}x`,
        `__Host-refresh=${refreshToken.slice(1)}`,
        `__Host-refresh=${refreshToken.toLowerCase()}Q`,
        '__Host-refresh=%00',
        '__Host-refresh=%E0%A4%A',
        `__Host-refresh=' or '1'='1`,
        `__Host-refresh=${'x'.repeat(10_000)}`,
      ].map((Cookie): [string, Record<string, string>] => ['/auth/refresh', { Cookie }]),
    ]
    for (const [path, headers] of attempts) {
      const response = await send('POST', path, {
        json: { refresh_token: refreshToken },
        headers: { 'Sec-Fetch-Site': 'same-origin', ...headers },
      })
      expect({ headers, status: response.status }).toEqual({ headers, status: 401 })
      await problem(response, 401)
    }
    expect(await refreshTokenRow(cookie)).toMatchObject({ spent_at: null })
    expect((await refresh(cookie)).status).toBe(200)
  })

  test('the stored hash of a refresh token cannot be used in its place', async () => {
    const { accessToken } = await newUser()
    const [stored] = await sql`select hash from refresh_tokens
      where session_id = ${sidOf(accessToken)}`
    expect(stored?.hash).toMatch(/^[\da-f]{64}$/)
    await problem(refresh(`__Host-refresh=${stored?.hash}`), 401)
  })

  test('a refresh token cannot be used as an access token, nor its cookie', async () => {
    const { cookie, accessToken } = await newUser()
    await problem(send('GET', '/auth/me', { accessToken: refreshTokenOf(cookie) }), 401)
    for (const Cookie of [cookie, `__Host-refresh=${accessToken}`, `access_token=${accessToken}`])
      await problem(send('GET', '/auth/me', { headers: { Cookie } }), 401)
  })
})
