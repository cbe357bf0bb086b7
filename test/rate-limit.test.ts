import { describe, expect, test, vi } from 'vitest'
import { isRemote, newUser, problem, send, sendWith } from './api.ts'

const statuses = async (responses: Promise<Response>[]) =>
  (await Promise.all(responses)).map(({ status }) => status)

describe('the limit on signing up and logging in', () => {
  test('is 20 a minute of both together, by address, before the body is read', async () => {
    const headers = {
      'CF-Connecting-IP': `198.51.100.${Math.ceil(Math.random() * 250)}`,
      'Content-Type': 'text/plain',
    }
    const knock = (path: string, address = headers) =>
      send('POST', path, { headers: address, body: 'x' })
    const first = Array.from({ length: 20 }, (_, i) =>
      knock(i % 2 ? '/auth/signup' : '/auth/login')
    )
    expect(new Set(await statuses(first))).toEqual(new Set([415]))
    for (const path of ['/auth/signup', '/auth/login']) {
      const response = await knock(path)
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
      await problem(response, 429)
    }
    await problem(knock('/auth/login', { ...headers, 'CF-Connecting-IP': '203.0.113.1' }), 415)
    expect((await send('GET', '/health', { headers })).status).toBe(200)
  })
})

describe('the limit on tasks', () => {
  test('is 600 a minute, by user', async () => {
    const [user, other] = [await newUser(), await newUser()]
    for (let round = 0; round < 12; round++) {
      const requests = Array.from({ length: 50 }, () => user.send('GET', '/tasks/x'))
      expect(new Set(await statuses(requests))).toEqual(new Set([404]))
    }
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
