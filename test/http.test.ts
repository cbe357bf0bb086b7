import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  isRemote,
  newUser,
  password,
  problem,
  send,
  sendWith,
  statusWith,
  tryLogIn,
  trySignUp,
  wrongPassword,
} from './api.ts'
import { failInserts } from './rows.ts'
import { claims, forge } from './tokens.ts'

const unknownTask = '/tasks/2f1c7d0e-6f0b-4d4e-9d6b-0c4a8f1b7a11'

describe('the routes of the service itself', () => {
  test('GET / redirects to the app', async () => {
    const response = await send('GET', '/')
    expect(response.status).toBe(302)
    expect(response.headers.get('Location')).toBe('/app/')
  })

  test('GET /health and GET /health/ready answer 200 with a status', async () => {
    for (const [path, status] of [
      ['/health', 'ok'],
      ['/health/ready', 'ready'],
    ] as const) {
      const response = await send('GET', path)
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ status })
    }
  })

  test('HEAD answers with the headers of GET and no body', async () => {
    const headersOf = ({ headers }: Response) => {
      const { 'x-request-id': _, date: __, ...rest } = Object.fromEntries(headers)
      return rest
    }
    const [head, get] = [await send('HEAD', '/health'), await send('GET', '/health')]
    expect(head.status).toBe(200)
    expect(headersOf(head)).toEqual(headersOf(get))
    expect(await head.text()).toBe('')
  })
})

describe('404 and 405', () => {
  test.each([
    '/nowhere',
    '/auth',
    '/auth/nobody',
    '/health/',
    '/Health',
    '/health/x',
    '/docs/../x',
    '/%00',
    '/%E0%A4%A',
    '/.env',
  ])('GET %s is a 404', async (path) => {
    await problem(send('GET', path), 404)
  })

  test.each([
    ['GET', '/auth/signup', 'POST'],
    ['GET', '/auth/login', 'POST'],
    ['PUT', '/auth/login', 'POST'],
    ['GET', '/auth/password/forgot', 'POST'],
    ['PUT', '/auth/password/reset', 'POST'],
    ['GET', '/auth/email/confirm', 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['POST', '/docs', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
    ['PROPFIND', '/health', 'GET, HEAD'],
  ])('%s %s is a 405 with Allow: %s', async (method, path, allow) => {
    const response = await send(method, path)
    await problem(response, 405)
    expect(response.headers.get('Allow')).toBe(allow)
  })

  test('a wrong method on a path that needs an access token is a 405 with one', async () => {
    const user = await newUser()
    for (const [method, path, allow] of [
      ['PUT', '/tasks', ['DELETE', 'GET', 'HEAD', 'POST']],
      ['POST', unknownTask, ['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT']],
      ['GET', `${unknownTask}/complete`, ['PATCH']],
      ['POST', '/auth/me', ['DELETE', 'GET', 'HEAD']],
      ['PATCH', '/auth/sessions', ['DELETE', 'GET', 'HEAD']],
      ['GET', '/auth/logout', ['POST']],
      ['POST', '/auth/password', ['PUT']],
      ['POST', '/auth/email', ['PUT']],
      ['GET', '/auth/email/resend', ['POST']],
    ] as const) {
      const response = await user.send(method, path)
      await problem(response, 405)
      expect(response.headers.get('Allow')?.split(', ').sort()).toEqual(allow)
    }
  })

  test('an unknown path under /tasks is a 404 with an access token', async () => {
    const user = await newUser()
    await problem(user.send('GET', `${unknownTask}/nowhere`), 404)
    await problem(user.send('GET', '/tasks/'), 404)
  })

  test.each([
    ['GET', '/tasks/nowhere/at/all'],
    ['PUT', '/tasks'],
    ['PROPFIND', '/tasks'],
    ['GET', '/tasks/'],
    ['POST', unknownTask],
    ['POST', '/auth/me'],
    ['POST', '/tasks'],
    ['GET', '/tasks?limit=0'],
  ])('%s %s is a 401 without an access token, and not a 404, 405 or 422', async (method, path) => {
    const response = await send(method, path)
    await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
    expect(response.headers.get('Allow')).toBeNull()
  })
})

describe.runIf(!isRemote)('an unexpected error', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('an exception is a 500, and neither reply nor log repeats its message', async () => {
    const log = vi.spyOn(console, 'log')
    const ASSETS = {
      fetch: () => Promise.reject(new Error('pa55word in src/secret.ts')),
    }
    const response = await sendWith({ ASSETS })('GET', '/docs')
    expect(response.headers.get('Strict-Transport-Security')).toMatch(/^max-age/)
    const { detail } = await problem(response, 500)
    expect(detail).not.toMatch(/pa55word|secret/)
    const line = String(log.mock.lastCall)
    expect(JSON.parse(line)).toMatchObject({ level: 'error', status: 500, error: 'Error' })
    expect(line).not.toMatch(/pa55word|secret/)
  })

  test('a row that the database finds invalid is a 500 that says nothing of it', async () => {
    const user = await newUser()
    const allowInserts = await failInserts(user.id)
    try {
      const response = await user.send('POST', '/tasks', { json: { title: 'x' } })
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      const { detail } = await problem(response, 500)
      expect(detail).not.toMatch(/insert|tasks|check|23514/i)
    } finally {
      await allowInserts()
    }
  })
})

describe('headers', () => {
  test('every reply has the security headers and a request id of its own', async () => {
    const user = await newUser()
    const replies = await Promise.all([
      send('GET', '/'),
      send('GET', '/health'),
      send('GET', '/nowhere'),
      send('POST', '/health'),
      send('GET', '/tasks'),
      tryLogIn({}),
      send('OPTIONS', '/tasks', { headers: { Origin: 'https://eve.example' } }),
      send('GET', '/openapi.json'),
      user.send('GET', '/tasks'),
      user.send('DELETE', '/tasks'),
      user.send('GET', '/tasks/x'),
    ])
    const ids = new Set()
    for (const { headers, url, status } of replies) {
      expect([url, status, headers.get('Strict-Transport-Security')]).toEqual([
        url,
        status,
        'max-age=31536000; includeSubDomains',
      ])
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
      expect(headers.get('Content-Security-Policy')).toBe(
        "default-src 'none'; frame-ancestors 'none'"
      )
      expect(headers.get('X-Powered-By')).toBeNull()
      ids.add(headers.get('X-Request-Id'))
    }
    expect(ids.size).toBe(replies.length)
    expect(ids).not.toContain(null)
  })

  test('the docs and their files have the security headers too', async () => {
    const page = await send('GET', '/docs')
    const [, file = ''] = /src="([^"]+)"/.exec(await page.text()) ?? []
    for (const { status, headers } of [page, await send('GET', file)]) {
      expect(status).toBe(200)
      expect(headers.get('Strict-Transport-Security')).toMatch(/^max-age=31536000;/)
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
      expect(headers.get('Content-Security-Policy')).toMatch(/^default-src 'none'/)
      expect(headers.get('X-Request-Id')).toMatch(/^[\da-f-]{36}$/)
    }
  })

  test("the caller's request id is kept if it is harmless, and replaced if not", async () => {
    const idFor = async (sent: string) => {
      const { headers } = await send('GET', '/health', { headers: { 'X-Request-Id': sent } })
      return headers.get('X-Request-Id')
    }
    expect(await idFor('trace-42')).toBe('trace-42')
    for (const sent of ['a b', '"},{"', 'x'.repeat(256), '<script>'])
      expect(await idFor(sent)).toMatch(/^[\da-f-]{36}$/)
  })

  test('every reply under /auth and /tasks has Cache-Control: no-store', async () => {
    const user = await newUser()
    const accessToken = await forge(claims(crypto.randomUUID()))
    for (const response of [
      await tryLogIn({}),
      await send('GET', '/auth/nowhere'),
      await send('GET', '/auth/login'),
      await send('GET', '/tasks'),
      await send('GET', '/tasks', { accessToken }),
      await user.send('GET', '/tasks'),
      await user.send('GET', '/tasks/x'),
      await user.send('PUT', '/tasks'),
      await user.send('POST', '/tasks', { body: 'x' }),
    ])
      expect(response.headers.get('Cache-Control')).toBe('no-store')
  })
})

describe.runIf(!isRemote)('CORS', () => {
  const preflight = (Origin: string) =>
    send('OPTIONS', '/tasks', {
      headers: {
        Origin,
        'Access-Control-Request-Method': 'PATCH',
        'Access-Control-Request-Headers': 'authorization, content-type',
      },
    })
  const allowedOrigin = ({ headers }: Response) => headers.get('Access-Control-Allow-Origin')
  const listIn = ({ headers }: Response, name: string) => headers.get(name)?.split(/, ?/).sort()

  test.each(['https://app.example.com', 'http://localhost:5173'])(
    'the listed origin %s is allowed',
    async (Origin) => {
      const response = await preflight(Origin)
      expect(response.status).toBe(204)
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      expect(allowedOrigin(response)).toBe(Origin)
      expect(listIn(response, 'Access-Control-Allow-Methods')).toEqual([
        'DELETE',
        'GET',
        'HEAD',
        'PATCH',
        'POST',
        'PUT',
      ])
      expect(listIn(response, 'Access-Control-Allow-Headers')).toEqual([
        'Authorization',
        'Content-Type',
        'Idempotency-Key',
        'If-Match',
        'If-None-Match',
      ])
      expect(response.headers.get('Vary')).toContain('Origin')
      const reply = await send('GET', '/tasks', { headers: { Origin } })
      expect(allowedOrigin(reply)).toBe(Origin)
      expect(reply.headers.get('Vary')).toContain('Origin')
      expect(listIn(reply, 'Access-Control-Expose-Headers')).toEqual([
        'ETag',
        'Link',
        'Location',
        'Retry-After',
        'X-Request-Id',
      ])
      // The page of a listed origin sends the refresh cookie along.
      expect(reply.headers.get('Access-Control-Allow-Credentials')).toBe('true')
    }
  )

  test.each([
    'https://eve.example',
    'http://app.example.com',
    'https://app.example.com.eve.example',
    'https://app.example.com:8443',
    'https://APP.example.com',
    'https://app.example.com, http://localhost:5173',
    'null',
    '*',
    '',
  ])('the origin %j is not allowed', async (Origin) => {
    expect(allowedOrigin(await preflight(Origin))).toBeNull()
    expect(allowedOrigin(await send('GET', '/health', { headers: { Origin } }))).toBeNull()
  })

  test('no origin is allowed without CORS_ORIGINS', async () => {
    const send = sendWith({ CORS_ORIGINS: undefined })
    const headers = { Origin: 'https://app.example.com' }
    expect(allowedOrigin(await send('GET', '/health', { headers }))).toBeNull()
  })
})

describe.runIf(!isRemote)('the log', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('a request is one line, with its route and not its path', async () => {
    const user = await newUser()
    const log = vi.spyOn(console, 'log')
    const { headers } = await user.send('GET', `${unknownTask}?x=private`)
    expect(log).toHaveBeenCalledOnce()
    expect(JSON.parse(String(log.mock.lastCall))).toEqual({
      level: 'info',
      method: 'GET',
      route: '/tasks/:id',
      status: 404,
      ms: expect.any(Number),
      request_id: headers.get('X-Request-Id'),
    })
  })

  test('an error of the database is one line with its kind, and nothing of its text', async () => {
    const log = vi.spyOn(console, 'log')
    const send = sendWith({ DATABASE_URL: 'postgresql://owner:pa55word@127.0.0.1:9/main' })
    await problem(tryLogIn({ email: 'ada@example.com', password }, send), 503)
    const line = String(log.mock.lastCall)
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      status: 503,
      error: expect.any(String),
    })
    expect(line).not.toMatch(/pa55word|ada@|select|127\.0\.0\.1/i)
  })

  test('no line has a secret or an e-mail address, wherever a request puts it', async () => {
    const lines: string[] = []
    for (const name of ['log', 'warn', 'error', 'info', 'debug'] as const)
      vi.spyOn(console, name).mockImplementation((...parts) => lines.push(parts.join(' ')))
    const { email, accessToken, ...user } = await newUser()
    await trySignUp({ email, password })
    await tryLogIn({ email, password: wrongPassword })
    await send('GET', `/tasks?access_token=${accessToken}`)
    await user.send('GET', `/tasks?search=${email}`)
    await user.send('POST', '/tasks', { json: { title: password } })
    await send('GET', `/${accessToken}`)
    await statusWith(`${accessToken}x`)
    // These seven, the signup and the login.
    expect(lines).toHaveLength(9)
    for (const line of lines)
      for (const secret of [email, accessToken, password, wrongPassword, 'postgresql:'])
        expect(line).not.toContain(secret)
  })
})
