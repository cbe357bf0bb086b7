import { describe, expect, test, vi } from 'vitest'
import { isRemote, newUser, problem, send, sendWith } from './api.ts'

/**
 * The statuses of so many requests at a time, until one is 429. A limit is by the minute: where a
 * new one begins meanwhile, up to twice as many pass.
 */
const untilRefused = async (atOnce: number, knock: () => Promise<Response>) => {
  const statuses: number[] = []
  while (!statuses.includes(429) && statuses.length < 2000) {
    const responses = await Promise.all(Array.from({ length: atOnce }, knock))
    statuses.push(...responses.map(({ status }) => status))
  }
  return Map.groupBy(statuses, (status) => status)
}

describe('the limit on signing up and logging in', () => {
  test('is 20 a minute of both together, by address, before the body is read', async () => {
    const address = `198.51.100.${Math.ceil(Math.random() * 250)}`
    const paths = ['/auth/signup', '/auth/login']
    let turn = 0
    const knock = (path: string, address: string) =>
      send('POST', path, {
        headers: { 'CF-Connecting-IP': address, 'Content-Type': 'text/plain' },
        body: 'x',
      })
    const statuses = await untilRefused(5, () => knock(paths[turn++ % 2] ?? '', address))
    expect([...statuses.keys()].sort()).toEqual([415, 429])
    expect(statuses.get(415)?.length).toBeGreaterThanOrEqual(20)
    expect(statuses.get(415)?.length).toBeLessThanOrEqual(40)
    for (const path of paths) {
      const response = await knock(path, address)
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
      await problem(response, 429)
    }
    await problem(knock('/auth/login', '203.0.113.1'), 415)
    const health = await send('GET', '/health', { headers: { 'CF-Connecting-IP': address } })
    expect(health.status).toBe(200)
  })
})

describe('the limit on tasks', () => {
  test('is 600 a minute, by user', async () => {
    const [user, other] = [await newUser(), await newUser()]
    const statuses = await untilRefused(40, () => user.send('GET', '/tasks/x'))
    expect([...statuses.keys()].sort()).toEqual([404, 429])
    expect(statuses.get(404)?.length).toBeGreaterThanOrEqual(600)
    expect(statuses.get(404)?.length).toBeLessThanOrEqual(1200)
    const response = await user.send('GET', '/tasks')
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    await problem(response, 429)
    await problem(user.send('POST', '/tasks', { json: { title: 1 } }), 429)
    expect((await other.send('GET', '/tasks')).status).toBe(200)
    await problem(send('GET', '/tasks'), 401)
  })
})

test.runIf(!isRemote)('a missing binding means no limit, and one warning', async () => {
  const warn = vi.spyOn(console, 'warn')
  const send = sendWith({ AUTH_LIMIT: undefined })
  const headers = { 'CF-Connecting-IP': '192.0.2.1' }
  for (let i = 0; i < 25; i++)
    await problem(send('POST', '/auth/login', { headers, json: {} }), 422)
  expect(warn).toHaveBeenCalledOnce()
  expect(JSON.parse(String(warn.mock.lastCall))).toMatchObject({
    level: 'warn',
    message: expect.stringContaining('AUTH_LIMIT'),
  })
  warn.mockRestore()
})
