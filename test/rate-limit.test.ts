import { afterEach, describe, expect, test, vi } from 'vitest'
import { isRemote, newUser, problem, send, sendWith } from './api.ts'

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
})

describe('TASKS_LIMIT', () => {
  test('requests of a user under /tasks are limited to 600 a minute', async () => {
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
