import { afterEach, describe, expect, test, vi } from 'vitest'
import { isRemote, newUser, origin, password, problem, send, sendWith } from './api.ts'
import { claims, forge } from './tokens.ts'

const unknownTask = '/tasks/2f1c7d0e-6f0b-4d4e-9d6b-0c4a8f1b7a11'

describe('the way to the docs and to health', () => {
  test('/ leads to the docs', async () => {
    const response = await send('GET', '/')
    expect(response.status).toBe(302)
    expect(response.headers.get('Location')).toBe('/docs')
  })

  test('/health and /health/ready answer', async () => {
    expect(await (await send('GET', '/health')).json()).toEqual({ status: 'ok' })
    expect(await (await send('GET', '/health/ready')).json()).toEqual({ status: 'ready' })
  })

  test('HEAD has the headers of GET and no body', async () => {
    const response = await send('HEAD', '/health')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
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
  ])('%s is a 404', async (path) => {
    await problem(send('GET', path), 404)
  })

  test.each([
    ['GET', '/auth/signup', 'POST'],
    ['GET', '/auth/login', 'POST'],
    ['PUT', '/auth/login', 'POST'],
    ['POST', '/health', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
    ['POST', '/docs', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
    ['PROPFIND', '/health', 'GET, HEAD'],
  ])('%s %s is a 405', async (method, path, allow) => {
    const response = await send(method, path)
    await problem(response, 405)
    expect(response.headers.get('Allow')).toBe(allow)
  })

  test('with a token, so are wrong methods on tasks', async () => {
    const user = await newUser()
    for (const [method, path, allow] of [
      ['PUT', '/tasks', ['DELETE', 'GET', 'HEAD', 'POST']],
      ['POST', unknownTask, ['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT']],
      ['GET', `${unknownTask}/complete`, ['PATCH']],
      ['POST', '/auth/me', ['DELETE', 'GET', 'HEAD']],
      ['PATCH', '/auth/sessions', ['DELETE', 'GET', 'HEAD']],
      ['GET', '/auth/logout', ['POST']],
      ['POST', '/auth/password', ['PUT']],
    ] as const) {
      const response = await user.send(method, path)
      await problem(response, 405)
      expect(response.headers.get('Allow')?.split(', ').sort()).toEqual(allow)
    }
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
  ])('without a token, %s %s is a 401 and nothing else', async (method, path) => {
    const response = await send(method, path)
    await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
    expect(response.headers.get('Allow')).toBeNull()
  })
})

describe('bodies', () => {
  const post = (body: BodyInit, type?: string) =>
    send('POST', '/auth/login', {
      body,
      headers: type === undefined ? {} : { 'Content-Type': type },
    })
  const good = JSON.stringify({ email: `${crypto.randomUUID()}@example.com`, password })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/vnd.api+json',
    'application/json-patch+json',
    'application/jsonp',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
    'application/json; charset="utf-8',
    'application/json; profile=x; charset=latin1',
    'application/json, text/plain',
    'text/plain; application/json',
  ])('%s is a 415', async (type) => {
    await problem(post(good, type), 415)
  })

  test.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'application/json; charset="utf-8"',
    'application/json;',
    'application/json; profile=x; charset=utf-8',
  ])('%s is JSON', async (type) => {
    await problem(post(good, type), 401)
  })

  test.each(['', '{', '{"email":}', "{'email':'a'}", 'undefined', '{"a":1,}', '\u{feff}{', '[1,2'])(
    '%j is a 400',
    async (body) => {
      await problem(post(body, 'application/json'), 400)
    }
  )

  test('what is not UTF-8 is a 400', async () => {
    const bytes = new TextEncoder().encode(good)
    bytes[bytes.indexOf(0x40)] = 0xff
    await problem(post(bytes, 'application/json'), 400)
    await problem(
      post(new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]), 'application/json'),
      400
    )
  })

  test.each([['null'], ['[]'], ['"text"'], ['1'], ['true']])('%s is a 422', async (body) => {
    const { errors } = await problem(post(body, 'application/json'), 422)
    expect(errors).toEqual([{ pointer: '', detail: 'must be an object' }])
  })

  const padded = (bytes: number) =>
    good
      .replace(/\}$/, '')
      .padEnd(bytes - 1, ' ')
      .concat('}')
  const chunked = (text: string) =>
    new Blob([text]).stream().pipeThrough(new TransformStream<Uint8Array, Uint8Array>())

  test('64 KiB are read, and one byte more is a 413', async () => {
    await problem(post(padded(65_536), 'application/json'), 401)
    await problem(post(padded(65_537), 'application/json'), 413)
  })

  test('so it is without a Content-Length', async () => {
    await problem(post(chunked(padded(65_536)), 'application/json'), 401)
    await problem(post(chunked(padded(65_537)), 'application/json'), 413)
  })

  // Over a network the connection is gone before the reply to so much can be read.
  test.runIf(!isRemote)('and so it is of 10 MB', async () => {
    await problem(post(chunked(padded(10_000_000)), 'application/json'), 413)
  })

  test('deep nesting and prototype names are refused like every unknown field', async () => {
    await problem(post('['.repeat(30_000) + ']'.repeat(30_000), 'application/json'), 422)
    const { errors } = await problem(
      post(`{"__proto__":{"email":"a"},"constructor":1,${good.slice(1)}`, 'application/json'),
      422
    )
    expect(errors?.map(({ pointer }) => pointer)).toEqual(['/__proto__', '/constructor'])
  })

  test('a pointer escapes ~ and /', async () => {
    const { errors } = await problem(post(`{"a/b~c":1,${good.slice(1)}`, 'application/json'), 422)
    expect(errors?.map(({ pointer }) => pointer)).toEqual(['/a~1b~0c'])
  })
})

describe('headers', () => {
  const everywhere = async () => {
    const user = await newUser()
    return Promise.all([
      send('GET', '/'),
      send('GET', '/health'),
      send('GET', '/nowhere'),
      send('POST', '/health'),
      send('GET', '/tasks'),
      send('POST', '/auth/login', { json: {} }),
      send('OPTIONS', '/tasks', { headers: { Origin: 'https://eve.example' } }),
      send('GET', '/openapi.json'),
      user.send('GET', '/tasks'),
      user.send('DELETE', '/tasks'),
      user.send('GET', '/tasks/x'),
    ])
  }

  test('every reply has the security headers and a request id', async () => {
    const ids = new Set()
    for (const { headers, url, status } of await everywhere()) {
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
    expect(ids.size).toBe(11)
    expect(ids).not.toContain(null)
  })

  test('a request id of the caller is kept when it is harmless', async () => {
    const id = async (value: string) =>
      (await send('GET', '/health', { headers: { 'X-Request-Id': value } })).headers.get(
        'X-Request-Id'
      )
    expect(await id('trace-42')).toBe('trace-42')
    for (const value of ['a b', '"},{"', 'x'.repeat(256), '<script>'])
      expect(await id(value)).toMatch(/^[\da-f-]{36}$/)
  })

  test('nothing under /auth and /tasks may be stored', async () => {
    const user = await newUser()
    const token = await forge(claims(crypto.randomUUID()))
    for (const response of [
      await send('POST', '/auth/login', { json: {} }),
      await send('GET', '/auth/nowhere'),
      await send('GET', '/auth/login'),
      await send('GET', '/tasks'),
      await send('GET', '/tasks', { token }),
      await user.send('GET', '/tasks'),
      await user.send('GET', '/tasks/x'),
      await user.send('PUT', '/tasks'),
      await user.send('POST', '/tasks', { body: 'x' }),
    ])
      expect(response.headers.get('Cache-Control')).toBe('no-store')
  })
})

describe.runIf(!isRemote)('CORS', () => {
  const preflight = (Origin: string, path = '/tasks') =>
    send('OPTIONS', path, {
      headers: {
        Origin,
        'Access-Control-Request-Method': 'PATCH',
        'Access-Control-Request-Headers': 'authorization, content-type',
      },
    })
  const allowed = ({ headers }: Response) => headers.get('Access-Control-Allow-Origin')

  test.each(['https://app.example.com', 'http://localhost:5173'])('lets %s in', async (Origin) => {
    const response = await preflight(Origin)
    expect(response.status).toBe(204)
    expect(allowed(response)).toBe(Origin)
    const list = (name: string) => response.headers.get(name)?.split(/, ?/).sort()
    expect(list('Access-Control-Allow-Methods')).toEqual([
      'DELETE',
      'GET',
      'HEAD',
      'PATCH',
      'POST',
      'PUT',
    ])
    expect(list('Access-Control-Allow-Headers')).toEqual([
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'If-Match',
      'If-None-Match',
    ])
    expect(response.headers.get('Vary')).toContain('Origin')
    const reply = await send('GET', '/tasks', { headers: { Origin } })
    expect(allowed(reply)).toBe(Origin)
    expect(reply.headers.get('Vary')).toContain('Origin')
    expect(reply.headers.get('Access-Control-Expose-Headers')?.split(/, ?/).sort()).toEqual([
      'ETag',
      'Link',
      'Location',
      'Retry-After',
      'X-Request-Id',
    ])
    // With the cookie for a refresh: to this origin by name, and never to any.
    expect(reply.headers.get('Access-Control-Allow-Credentials')).toBe('true')
  })

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
  ])('keeps %j out', async (Origin) => {
    expect(allowed(await preflight(Origin))).toBeNull()
    expect(allowed(await send('GET', '/health', { headers: { Origin } }))).toBeNull()
  })

  test('lets nobody in unless told', async () => {
    const send = sendWith({ CORS_ORIGINS: undefined })
    const response = await send('GET', '/health', {
      headers: { Origin: 'https://app.example.com' },
    })
    expect(allowed(response)).toBeNull()
  })
})

describe.runIf(!isRemote)('the log', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  test('has one line a request, with the route and not the path', async () => {
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

  test('names the kind of an error and repeats nothing of it', async () => {
    const log = vi.spyOn(console, 'log')
    const DATABASE_URL = 'postgresql://owner:pa55word@127.0.0.1:9/main'
    const json = { email: 'ada@example.com', password }
    await problem(sendWith({ DATABASE_URL })('POST', '/auth/login', { json }), 503)
    const line = String(log.mock.lastCall)
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      status: 503,
      error: expect.any(String),
    })
    expect(line).not.toMatch(/pa55word|ada@|select|127\.0\.0\.1/i)
  })

  test('holds no secret and no address, whatever is asked', async () => {
    const lines: string[] = []
    for (const name of ['log', 'warn', 'error', 'info', 'debug'] as const)
      vi.spyOn(console, name).mockImplementation((...parts) => lines.push(parts.join(' ')))
    const user = await newUser()
    const json = { email: user.email, password }
    await send('POST', '/auth/signup', { json })
    await send('POST', '/auth/login', { json: { ...json, password: 'wrong password' } })
    await send('GET', `/tasks?access_token=${user.token}`)
    await user.send('GET', `/tasks?search=${user.email}`)
    await user.send('POST', '/tasks', { json: { title: password } })
    await send('GET', `/${user.token}`)
    await send('GET', '/tasks', { token: `${user.token}x` })
    expect(lines).toHaveLength(9)
    for (const line of lines)
      for (const secret of [user.email, user.token, password, 'wrong password', 'postgresql:'])
        expect(line).not.toContain(secret)
  })
})

test('the origin of a url is the one that was asked', async () => {
  const user = await newUser()
  const { id, url } = await user.newTask({ title: 'Here' })
  expect(url).toBe(`${new URL(origin).origin}/tasks/${id}`)
})
