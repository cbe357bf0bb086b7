import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { openapi } from '../src/openapi.ts'
import { Task } from '../src/tasks/task.ts'
import { newUser, problem, read, send, sql } from './api.ts'
import { claims, forge, now, week } from './tokens.ts'

type Operation = { security?: object[] }

/** Every operation of the document that wants an access token: a new one is covered without a line here. */
const secured = Object.entries(openapi.paths).flatMap(([path, operations]) =>
  Object.entries(operations as Record<string, Operation>)
    .filter(([, { security }]) => security?.some((scheme) => !('refresh' in scheme)))
    .map(([method]) => ({ method: method.toUpperCase(), path }))
)
const at = (path: string, id: string) => path.replace('{id}', id)

const user = await newUser()
const { id: sub } = user
const otherSecret = 'cXVpdGUgYW5vdGhlciBzZWNyZXQgb2YgdGhlc2UgdGVzdHM'
const unsigned = (header: unknown, payload: unknown) =>
  [header, payload].map((part) => btoa(JSON.stringify(part)).replace(/=/g, '')).join('.')
const tampered = (token: string, changes: object) => {
  const [header, payload = '', signature] = token.split('.')
  const claims = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')))
  return `${header}.${btoa(JSON.stringify({ ...claims, ...changes })).replace(/=/g, '')}.${signature}`
}
const without = (name: 'exp' | 'sub') => {
  const { [name]: _, ...rest } = claims(sub)
  return rest
}

/** Tokens that are good for nothing, and why. */
const bad: Record<string, string> = {
  garbage: 'garbage',
  'three parts of garbage': 'a.b.c',
  'no signature': `${unsigned({ alg: 'HS256', typ: 'JWT' }, claims(sub))}.`,
  'alg none': `${unsigned({ alg: 'none', typ: 'JWT' }, claims(sub))}.`,
  'alg None and a signature': await forge(claims(sub), { header: { alg: 'None', typ: 'JWT' } }),
  'alg HS512': await forge(claims(sub), { header: { alg: 'HS512', typ: 'JWT' }, hash: 'SHA-512' }),
  'alg RS256 in the header alone': await forge(claims(sub), { header: { alg: 'RS256' } }),
  'no alg': await forge(claims(sub), { header: { typ: 'JWT' } }),
  'an array as header': await forge(claims(sub), { header: [] }),
  'crit in the header': await forge(claims(sub), { header: { alg: 'HS256', crit: ['exp'] } }),
  'another secret': await forge(claims(sub), { secret: otherSecret }),
  'an empty secret': await forge(claims(sub), { secret: '\0' }),
  'the secret with a blank': await forge(claims(sub), { secret: `${env.JWT_SECRET} ` }),
  'a changed sub': tampered(user.token, { sub: crypto.randomUUID() }),
  'a changed exp': tampered(user.token, { exp: now() + 10 }),
  expired: await forge(claims(sub, { iat: now() - 2 * week, exp: now() - 1 })),
  'exp now': await forge(claims(sub, { exp: now() })),
  'no exp': await forge(without('exp')),
  'exp null': await forge(claims(sub, { exp: null })),
  'exp as text': await forge(claims(sub, { exp: String(now() + 60) })),
  'exp in milliseconds': await forge(claims(sub, { exp: (now() + 60) * 1000 })),
  'exp with a fraction': await forge(claims(sub, { exp: now() + 60.5 })),
  'exp too far ahead': await forge(claims(sub, { exp: now() + week + 120 })),
  'iat ahead': await forge(claims(sub, { iat: now() + 120 })),
  'iat as text': await forge(claims(sub, { iat: String(now()) })),
  'iat null': await forge(claims(sub, { iat: null })),
  'nbf ahead': await forge(claims(sub, { nbf: now() + 120 })),
  'nbf as text': await forge(claims(sub, { nbf: 'now' })),
  'no sub': await forge(without('sub')),
  'sub null': await forge(claims(null)),
  'sub a number': await forge(claims(1)),
  'sub an array': await forge(claims([sub])),
  'sub an object': await forge(claims({ id: sub })),
  'sub in capitals': await forge(claims(sub.toUpperCase())),
  'sub in braces': await forge(claims(`{${sub}}`)),
  'sub without hyphens': await forge(claims(sub.replaceAll('-', ''))),
  'sub with a line break': await forge(claims(`${sub}\n`)),
  'sub with SQL': await forge(claims(`${sub}' or '1'='1`)),
  'an array as payload': await forge([claims(sub)]),
  'a string as payload': await forge(sub),
  'a number as payload': await forge(1),
  'null as payload': await forge(null),
  'the user deleted': await (async () => {
    const gone = await newUser()
    await sql`delete from users where id = ${gone.id}`
    return gone.token
  })(),
  'a user who never was': await forge(claims(crypto.randomUUID())),
}

const good: [string, string][] = [
  ['as login gives it', user.token],
  ['a second before it ends', await forge(claims(sub, { exp: now() + 30 }))],
  ['for seven days and a minute', await forge(claims(sub, { exp: now() + week + 50 }))],
  ['from a clock that is ahead', await forge(claims(sub, { iat: now() + 50, nbf: now() + 50 }))],
  ['without iat', await forge({ sub, exp: now() + 60 })],
  ['with more claims', await forge(claims(sub, { role: 'admin', user_id: crypto.randomUUID() }))],
  ['without typ', await forge(claims(sub), { header: { alg: 'HS256' } })],
]

test('the document names the operations that want a token', () => {
  expect(secured.length).toBeGreaterThanOrEqual(9)
})

describe.each(secured)('$method $path', ({ method, path }) => {
  const id = crypto.randomUUID()
  const json = method === 'GET' || method === 'DELETE' ? undefined : { title: 'x', completed: true }
  /** What the operation takes, for a faulty body is seen before a user who is gone. */
  const bodies: Record<string, unknown> = {
    '/tasks/{id}/complete': { completed: true },
    '/auth/password': { current_password: 'correct horse', new_password: 'battery staple' },
  }
  const body = bodies[path] ?? json

  test('without a token is 401', async () => {
    const response = await send(method, at(path, id), { json: body })
    await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
  })

  test.each(Object.entries(bad))('with %s is 401', async (_, token) => {
    const response = await send(method, at(path, id), { token, json: body })
    const { detail } = await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="tasks", error="invalid_token"'
    )
    expect(detail).not.toContain(token)
  })

  test('reads no token from elsewhere', async () => {
    for (const Authorization of [
      `Basic ${btoa(`${sub}:${user.token}`)}`,
      user.token,
      'Bearer',
      `Token ${user.token}`,
    ]) {
      const headers = {
        Authorization,
        Cookie: `token=${user.token}; access_token=${user.token}`,
        'X-Access-Token': user.token,
      }
      const response = await send(method, `${at(path, id)}?access_token=${user.token}`, {
        headers,
        json: body,
      })
      await problem(response, 401)
      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
    }
  })

  test('takes no second token behind the first', async () => {
    const headers = { Authorization: `Bearer x, Bearer ${user.token}` }
    await problem(send(method, at(path, id), { headers, json: body }), 401)
  })

  test.runIf(path.startsWith('/tasks/{id}'))(
    "with a stranger's id is 404, and changes nothing",
    async () => {
      const owner = await newUser()
      const task = await owner.newTask({ title: 'Mine', tags: ['a'], due_date: '2026-01-01' })
      const strangers = await user.send(method, at(path, task.id), { json: body })
      const { request_id: _, ...theirs } = await problem(strangers, 404)
      const unknown = await user.send(method, at(path, id), { json: body })
      const { request_id: __, ...nobodys } = await problem(unknown, 404)
      const malformed = await user.send(method, at(path, 'x'), { json: body })
      const { request_id: ___, ...nothing } = await problem(malformed, 404)
      expect(theirs).toEqual(nobodys)
      expect(theirs).toEqual(nothing)
      expect(await read(owner.send('GET', `/tasks/${task.id}`), 200, Task)).toEqual(task)
    }
  )
})

describe('a token is good', () => {
  test.each(good)('%s', async (_, token) => {
    expect(await (await send('GET', '/auth/me', { token })).json()).toMatchObject({ id: sub })
  })

  test.each(['bearer', 'BEARER', 'BeArEr'])('with the scheme written %s', async (scheme) => {
    const headers = { Authorization: `${scheme} ${user.token}` }
    expect((await send('GET', '/auth/me', { headers })).status).toBe(200)
  })
})
