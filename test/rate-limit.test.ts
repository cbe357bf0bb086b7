import { afterEach, describe, expect, test, vi } from 'vitest'
import { openapi } from '../src/openapi.ts'
import { isRemote, newUser, problem, refresh, send, sendWith } from './api.ts'
import { refreshTokenRow } from './rows.ts'

const unknownId = crypto.randomUUID()

/**
 * Sends so many requests at a time until one is a 429, and counts the replies by status. A limit
 * counts by the minute: up to twice as many pass when the next minute begins in between.
 */
const untilRefused = async (atOnce: number, request: () => Promise<Response>) => {
  const counts = new Map<number, number>()
  for (let sent = 0; !counts.has(429) && sent < 2000; sent += atOnce)
    for (const { status } of await Promise.all(Array.from({ length: atOnce }, request)))
      counts.set(status, (counts.get(status) ?? 0) + 1)
  return counts
}

/** A limit that refuses every request, and notes its key. */
const refuseAll = (keys: string[]) => ({
  limit: async ({ key }: { key: string }) => {
    keys.push(key)
    return { success: false }
  },
})

describe('AUTH_LIMIT', () => {
  test('signups and logins of an IP address are limited to 20 a minute, before their body is read', async () => {
    const address = `198.51.100.${Math.ceil(Math.random() * 250)}`
    const paths = ['/auth/signup', '/auth/login']
    const sendText = (path: string, address: string) =>
      send('POST', path, {
        headers: { 'CF-Connecting-IP': address, 'Content-Type': 'text/plain' },
        body: 'x',
      })
    let turn = 0
    const counts = await untilRefused(5, () => sendText(paths[turn++ % 2] ?? '', address))
    expect([...counts.keys()].sort()).toEqual([415, 429])
    expect(counts.get(415)).toBeGreaterThanOrEqual(20)
    expect(counts.get(415)).toBeLessThanOrEqual(40)
    for (const path of paths) {
      const response = await sendText(path, address)
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
      await problem(response, 429)
    }
    await problem(sendText('/auth/login', '203.0.113.1'), 415)
    const health = await send('GET', '/health', { headers: { 'CF-Connecting-IP': address } })
    expect(health.status).toBe(200)
  })

  test
    .runIf(!isRemote)
    .each([
      '/auth/signup',
      '/auth/login',
      '/auth/password/forgot',
      '/auth/password/reset',
      '/auth/email/confirm',
    ])('POST %s counts for the IP address, before its body is read', async (path) => {
    const keys: string[] = []
    const limited = sendWith({ AUTH_LIMIT: refuseAll(keys) })
    const headers = { 'CF-Connecting-IP': '203.0.113.7', 'Content-Type': 'text/plain' }
    const response = await limited('POST', path, { headers, body: 'x' })
    expect(response.headers.get('Retry-After')).toBe('60')
    await problem(response, 429)
    expect(keys).toEqual(['203.0.113.7'])
  })
})

describe('USER_LIMIT', () => {
  test('requests of a user are limited to 600 a minute', async () => {
    const [user, other] = [await newUser(), await newUser()]
    const counts = await untilRefused(40, () => user.send('GET', '/tasks/x'))
    expect([...counts.keys()].sort()).toEqual([404, 429])
    expect(counts.get(404)).toBeGreaterThanOrEqual(600)
    expect(counts.get(404)).toBeLessThanOrEqual(1200)
    const response = await user.send('GET', '/tasks')
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    await problem(response, 429)
    await problem(user.send('POST', '/tasks', { json: { title: 1 } }), 429)
    expect((await other.send('GET', '/tasks')).status).toBe(200)
    await problem(send('GET', '/tasks'), 401)
  })

  // The limit is a stub, so that every operation can be asked for on its own.
  const secured = Object.entries(openapi.paths).flatMap(([path, operations]) =>
    Object.entries(operations as Record<string, { security?: object[] }>)
      .filter(([, { security = [] }]) => security.some((scheme) => 'bearer' in scheme))
      .map(([method]) => [method.toUpperCase(), path.replace('{id}', unknownId)] as const)
  )

  test.runIf(!isRemote).each(secured)('%s %s counts for the user', async (method, path) => {
    const { id, accessToken } = await newUser()
    const keys: string[] = []
    const limited = sendWith({ USER_LIMIT: refuseAll(keys) })
    const response = await limited(method, path, { accessToken })
    expect(response.headers.get('Retry-After')).toBe('60')
    await problem(response, 429)
    expect(keys).toEqual([id])
  })
})

describe('REFRESH_LIMIT', () => {
  test('refreshes of an IP address are limited to 60 a minute, and spend no token after that', async () => {
    const { cookie } = await newUser()
    const address = `198.51.100.${Math.ceil(Math.random() * 250)}`
    const headers = { 'CF-Connecting-IP': address, 'Sec-Fetch-Site': 'same-origin' }
    const counts = await untilRefused(20, () => send('POST', '/auth/refresh', { headers }))
    expect([...counts.keys()].sort()).toEqual([401, 429])
    expect(counts.get(401)).toBeGreaterThanOrEqual(60)
    expect(counts.get(401)).toBeLessThanOrEqual(120)
    await problem(refresh(cookie, { headers }), 429)
    expect(await refreshTokenRow(cookie)).toMatchObject({ spent_at: null })
    // The limit of signups and logins is another.
    const login = await send('POST', '/auth/login', { headers, json: {} })
    await problem(login, 422)
    expect((await refresh(cookie)).status).toBe(200)
  })
})

describe.runIf(!isRemote)('a missing binding', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('without AUTH_LIMIT there is no limit, and one warning in the log', async () => {
    const warn = vi.spyOn(console, 'warn')
    const withoutLimit = sendWith({ AUTH_LIMIT: undefined })
    const headers = { 'CF-Connecting-IP': '192.0.2.1' }
    for (let i = 0; i < 25; i++)
      await problem(withoutLimit('POST', '/auth/login', { headers, json: {} }), 422)
    expect(warn).toHaveBeenCalledOnce()
    expect(JSON.parse(String(warn.mock.lastCall))).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('AUTH_LIMIT'),
    })
  })
})
