import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import {
  isRemote,
  newEmail,
  newUser,
  password,
  problem,
  refresh,
  sendWith,
  throughProxy,
  tryLogIn,
} from './api.ts'
import { refuseNewHash, sql } from './rows.ts'

/** What the proxy in front of Neon can do, by its names in test/setup/proxy.ts. */
const faults = [
  'refuse',
  'hang',
  'stall',
  'cut',
  'error-500',
  'error-502',
  'error-429',
  'redirect',
  'html',
  'truncated',
  'empty',
  'no-columns',
  'no-values',
  'nulls',
]

/** Faults after which a read is tried once more. A timeout or a senseless answer is not among them. */
const passing = ['refuse', 'cut', 'error-500', 'error-502']

describe.runIf(!isRemote)('trouble with the database', () => {
  test.concurrent.each(faults)(
    'a database with the fault %s is a 503, and the next request works',
    async (fault) => {
      const { email, accessToken, cookie, newTask } = await newUser()
      const task = await newTask({ title: 'Before' })
      const operations: [method: string, path: string, json?: unknown][] = [
        ['GET', '/tasks'],
        ['GET', `/tasks/${task.id}`],
        ['GET', '/auth/me'],
        ['GET', '/auth/me/export'],
        ['GET', '/auth/sessions'],
        ['POST', '/tasks', { title: 'New' }],
        ['PATCH', `/tasks/${task.id}`, { title: 'After' }],
        ['DELETE', `/auth/sessions/${crypto.randomUUID()}`],
        ['POST', '/auth/refresh'],
        ['POST', '/auth/login', { email, password }],
        ['POST', '/auth/signup', { email: newEmail(), password }],
      ]
      const headers = { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' }
      await Promise.all(
        operations.map(async ([method, path, json]) => {
          const times = method === 'GET' && passing.includes(fault) ? 2 : 1
          const { send, requests } = throughProxy({ fault, times })
          const start = Date.now()
          const response = await send(method, path, { json, accessToken, headers })
          expect(Date.now() - start).toBeLessThan(10_000)
          expect(response.headers.get('Retry-After')).toBe('2')
          expect(response.headers.get('Cache-Control')).toBe('no-store')
          expect(response.headers.get('Set-Cookie')).toBeNull()
          const { detail } = await problem(response, 503)
          expect(detail).not.toMatch(/select|insert|postgres|127\.0\.0\.1|html|boom/i)
          expect({ method, path, requests: await requests() }).toEqual({
            method,
            path,
            requests: times,
          })
          const next = await send(method, path, { json, accessToken, headers })
          expect(next.status).toBeLessThan(410)
          expect(next.status).not.toBe(401)
        })
      )
    }
  )

  test.each(passing)(
    'a single fault %s does not fail a read, and a write is not tried again',
    async (fault) => {
      const { accessToken, tasks } = await newUser()
      for (const path of ['/tasks', '/auth/me', '/auth/sessions']) {
        const { send, requests } = throughProxy({ fault })
        expect((await send('GET', path, { accessToken })).status).toBe(200)
        expect(await requests()).toBe(2)
      }
      const { send, requests } = throughProxy({ fault })
      await problem(send('POST', '/tasks', { accessToken, json: { title: 'x' } }), 503)
      expect(await requests()).toBe(1)
      // A write whose reply is cut off has happened, once.
      expect(await tasks()).toHaveLength(fault === 'cut' ? 1 : 0)
    }
  )

  test('a request to the database that hangs is a 503 after 4 seconds', async () => {
    const { accessToken } = await newUser()
    const { send } = throughProxy({ fault: 'hang' })
    const start = Date.now()
    await problem(send('GET', '/tasks', { accessToken }), 503)
    expect(Date.now() - start).toBeGreaterThan(3900)
    expect(Date.now() - start).toBeLessThan(5500)
  })

  test.each(['cut', 'hang', 'html', 'no-values'])(
    'a login whose second request to the database has the fault %s begins no session',
    async (fault) => {
      const { email } = await newUser()
      const { send, requests } = throughProxy({ fault, after: 1 })
      const response = await tryLogIn({ email, password }, send)
      expect(response.headers.get('Set-Cookie')).toBeNull()
      await problem(response, 503)
      expect(await requests()).toBe(2)
      expect((await tryLogIn({ email, password }, send)).status).toBe(200)
    }
  )

  test('a login with three slow requests to the database is a 503 within 10 seconds', async () => {
    const { id, email } = await newUser()
    const overrides = { BCRYPT_COST: '5' }
    const { send, requests } = throughProxy({ fault: 'late', times: 9, overrides })
    // The third request begins the session without the new hash that the second was refused for.
    const allowNewHash = await refuseNewHash(id)
    try {
      const start = Date.now()
      const response = await tryLogIn({ email, password }, send)
      expect(Date.now() - start).toBeLessThan(10_000)
      expect(response.headers.get('Retry-After')).toBe('2')
      expect(response.headers.get('Set-Cookie')).toBeNull()
      await problem(response, 503)
      expect(await requests()).toBe(3)
    } finally {
      await allowNewHash()
    }
  })

  test('a write with three slow requests to the database is a 503 within 10 seconds', async () => {
    const { accessToken, newTask } = await newUser()
    const { id } = await newTask({ title: 'x' })
    const { send, requests } = throughProxy({ fault: 'late', times: 9 })
    const start = Date.now()
    const put = send('PUT', `/tasks/${id}`, {
      accessToken,
      json: { title: 'y' },
      headers: { 'If-None-Match': '*' },
    })
    // The task goes while the refusal is on its way, so the request would pass now and is tried again.
    await expect.poll(requests).toBe(1)
    await sql`delete from tasks where id = ${id}`
    const response = await put
    expect(Date.now() - start).toBeLessThan(10_000)
    expect(response.headers.get('Retry-After')).toBe('2')
    await problem(response, 503)
    expect(await requests()).toBe(3)
  })

  test('a refresh works after one whose reply from the database was lost', async () => {
    const { cookie } = await newUser()
    const { send } = throughProxy({ fault: 'cut' })
    await problem(refresh(cookie, { through: send }), 503)
    expect((await refresh(cookie, { through: send })).status).toBe(200)
  })

  test('an export during which the database fails is cut off, not complete', async () => {
    const { accessToken } = await newUser()
    const { send } = throughProxy({ fault: 'refuse', times: 2, after: 2 })
    const response = await send('GET', '/auth/me/export', { accessToken })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  test('GET /health/ready is a 503 within 3 seconds if the database hangs', async () => {
    const { send } = throughProxy({ fault: 'hang' })
    const start = Date.now()
    await problem(send('GET', '/health/ready'), 503)
    expect(Date.now() - start).toBeLessThan(3500)
    expect((await send('GET', '/health/ready')).status).toBe(200)
  })

  test('GET /health is a 200 and GET /health/ready a 503 if the database is down', async () => {
    const down = sendWith({ DATABASE_URL: 'postgresql://owner:pa55word@127.0.0.1:9/main' })
    expect((await down('GET', '/health')).status).toBe(200)
    await problem(down('GET', '/health/ready'), 503)
  })

  test('a password that the database refuses is a 503 that does not repeat it', async () => {
    const url = new URL(env.DATABASE_URL)
    url.password = 'wrong'
    const send = sendWith({ DATABASE_URL: url.href })
    const { detail } = await problem(send('GET', '/health/ready'), 503)
    expect(detail).not.toContain('wrong')
  })
})
