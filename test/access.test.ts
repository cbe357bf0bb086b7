import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { openapi } from '../src/openapi.ts'
import { newPassword, newUser, password, problem, send, visible } from './api.ts'
import { sql } from './rows.ts'
import { everything } from './task-values.ts'
import { claims, encodePart, forge, now, sidOf, week } from './tokens.ts'

type Operation = { security?: object[] }

/** Every operation of the document that needs an access token, so a new one needs no line here. */
const secured = Object.entries(openapi.paths).flatMap(([path, operations]) =>
  Object.entries(operations as Record<string, Operation>)
    .filter(([, { security }]) => security?.some((scheme) => !('refresh' in scheme)))
    .map(([method]) => ({ method: method.toUpperCase(), path }))
)

/** A body that an operation accepts, because a faulty one is refused before a user who is gone. */
const bodyFor = (method: string, path: string) => {
  if (method === 'GET' || method === 'DELETE') return undefined
  const bodies: Record<string, unknown> = {
    '/tasks/{id}/complete': { completed: true },
    '/tasks/batch': [{ op: 'restore', id: crypto.randomUUID() }],
    '/auth/email': { email: 'ada@example.com', current_password: password },
    '/auth/password': { current_password: password, new_password: newPassword },
  }
  return bodies[path] ?? { title: 'x', completed: true }
}

const user = await newUser()
const { id: sub } = user
const otherSecret = 'cXVpdGUgYW5vdGhlciBzZWNyZXQgb2YgdGhlc2UgdGVzdHM'
const unsigned = (header: unknown) => `${encodePart(header)}.${encodePart(claims(sub))}.`

/** The access token with other claims, and the signature of its own. */
const tampered = (accessToken: string, changes: object) => {
  const [header, payload = '', signature] = accessToken.split('.')
  const claims = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')))
  return `${header}.${encodePart({ ...claims, ...changes })}.${signature}`
}
const without = (name: 'exp' | 'sub') => {
  const { [name]: _, ...rest } = claims(sub)
  return rest
}
const ofDeletedUser = async () => {
  const { id, accessToken } = await newUser()
  await sql`delete from users where id = ${id}`
  return accessToken
}

/** Access tokens that must be refused, by what is wrong with them. */
const bad: Record<string, string> = {
  'one part': 'garbage',
  'three parts that are no base64': 'a.b.c',
  'no signature': unsigned({ alg: 'HS256', typ: 'JWT' }),
  'alg none': unsigned({ alg: 'none', typ: 'JWT' }),
  'alg None and a signature': await forge(claims(sub), { header: { alg: 'None', typ: 'JWT' } }),
  'alg HS512': await forge(claims(sub), {
    header: { alg: 'HS512', typ: 'JWT' },
    digest: 'SHA-512',
  }),
  'alg RS256 in the header alone': await forge(claims(sub), { header: { alg: 'RS256' } }),
  'no alg': await forge(claims(sub), { header: { typ: 'JWT' } }),
  'an array as its header': await forge(claims(sub), { header: [] }),
  'crit in the header': await forge(claims(sub), { header: { alg: 'HS256', crit: ['exp'] } }),
  'a signature of another secret': await forge(claims(sub), { secret: otherSecret }),
  'a signature of an empty secret': await forge(claims(sub), { secret: '\0' }),
  'a signature of the secret and a blank': await forge(claims(sub), {
    secret: `${env.JWT_SECRET} `,
  }),
  'a changed sub': tampered(user.accessToken, { sub: crypto.randomUUID() }),
  'a changed exp': tampered(user.accessToken, { exp: now() + 10 }),
  'an exp in the past': await forge(claims(sub, { iat: now() - 2 * week, exp: now() - 1 })),
  'an exp of this second': await forge(claims(sub, { exp: now() })),
  'no exp': await forge(without('exp')),
  'exp null': await forge(claims(sub, { exp: null })),
  'exp as text': await forge(claims(sub, { exp: String(now() + 60) })),
  'exp in milliseconds': await forge(claims(sub, { exp: (now() + 60) * 1000 })),
  'exp with a fraction': await forge(claims(sub, { exp: now() + 60.5 })),
  'exp too far ahead': await forge(claims(sub, { exp: now() + week + 120 })),
  'iat too far ahead': await forge(claims(sub, { iat: now() + 120 })),
  'iat as text': await forge(claims(sub, { iat: String(now()) })),
  'iat null': await forge(claims(sub, { iat: null })),
  'nbf too far ahead': await forge(claims(sub, { nbf: now() + 120 })),
  'nbf as text': await forge(claims(sub, { nbf: 'now' })),
  'no sub': await forge(without('sub')),
  'sub null': await forge(claims(null)),
  'a number as sub': await forge(claims(1)),
  'an array as sub': await forge(claims([sub])),
  'an object as sub': await forge(claims({ id: sub })),
  'sub in capitals': await forge(claims(sub.toUpperCase())),
  'sub in braces': await forge(claims(`{${sub}}`)),
  'sub without hyphens': await forge(claims(sub.replaceAll('-', ''))),
  'sub with a line break': await forge(claims(`${sub}\n`)),
  'SQL in sub': await forge(claims(`${sub}' or '1'='1`)),
  'an array as its payload': await forge([claims(sub)]),
  'a string as its payload': await forge(sub),
  'a number as its payload': await forge(1),
  'null as its payload': await forge(null),
  'a user who was deleted': await ofDeletedUser(),
  'a user who never existed': await forge(claims(crypto.randomUUID())),
}

/** Access tokens that must be accepted. */
const good: Record<string, string> = {
  'all that login puts into it': user.accessToken,
  'half a minute left': await forge(claims(sub, { exp: now() + 30 })),
  'nearly seven days and a minute left': await forge(claims(sub, { exp: now() + week + 50 })),
  'iat and nbf of a clock that is ahead': await forge(
    claims(sub, { iat: now() + 50, nbf: now() + 50 })
  ),
  'no iat': await forge({ sub, exp: now() + 60 }),
  'unknown claims': await forge(claims(sub, { role: 'admin', user_id: crypto.randomUUID() })),
  'no typ': await forge(claims(sub), { header: { alg: 'HS256' } }),
}

test('the document has at least 18 operations that need an access token', () => {
  expect(secured.length).toBeGreaterThanOrEqual(18)
})

describe.each(secured)('$method $path', ({ method, path }) => {
  const url = path.replace('{id}', crypto.randomUUID())
  const json = bodyFor(method, path)

  test('a request without an access token is a 401', async () => {
    const response = await send(method, url, { json })
    await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
  })

  test.each(Object.entries(bad))('an access token with %s is a 401', async (_, accessToken) => {
    const response = await send(method, url, { accessToken, json })
    const { detail } = await problem(response, 401)
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="tasks", error="invalid_token"'
    )
    expect(detail).not.toContain(accessToken)
  })

  test('an access token anywhere but behind Bearer is not read', async () => {
    for (const Authorization of [
      undefined,
      `Basic ${btoa(`${sub}:${user.accessToken}`)}`,
      user.accessToken,
      'Bearer',
      `Token ${user.accessToken}`,
    ]) {
      const response = await send(method, `${url}?access_token=${user.accessToken}`, {
        headers: {
          ...(Authorization !== undefined && { Authorization }),
          Cookie: `token=${user.accessToken}; access_token=${user.accessToken}`,
          'X-Access-Token': user.accessToken,
        },
        json: json && { ...json, access_token: user.accessToken },
      })
      await problem(response, 401)
      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="tasks"')
    }
  })

  test('an access token behind a bad one is not read', async () => {
    const headers = { Authorization: `Bearer x, Bearer ${user.accessToken}` }
    await problem(send(method, url, { headers, json }), 401)
  })
})

describe.each(secured.filter(({ path }) => path.includes('{id}')))(
  '$method $path',
  ({ method, path }) => {
    test("a stranger's id is the same 404 as an unknown or malformed one, and changes nothing", async () => {
      const stranger = await newUser()
      const task = await stranger.newTask(everything)
      const id = path.startsWith('/tasks') ? task.id : sidOf(stranger.accessToken)
      const [theirs, unknown, malformed] = await Promise.all(
        [id, crypto.randomUUID(), 'x'].map((id) =>
          visible(user.send(method, path.replace('{id}', id), { json: bodyFor(method, path) }), 404)
        )
      )
      expect(theirs).toEqual(unknown)
      expect(theirs).toEqual(malformed)
      expect(await stranger.task(task.id)).toEqual(task)
    })
  }
)

describe('GET /auth/me', () => {
  test.each(Object.entries(good))('an access token with %s is accepted', async (_, accessToken) => {
    expect(await (await send('GET', '/auth/me', { accessToken })).json()).toMatchObject({ id: sub })
  })

  test.each(['bearer', 'BEARER', 'BeArEr'])('the scheme %s is accepted', async (scheme) => {
    const headers = { Authorization: `${scheme} ${user.accessToken}` }
    expect((await send('GET', '/auth/me', { headers })).status).toBe(200)
  })
})
