import { env } from 'cloudflare:workers'
import { decode, verify } from 'hono/jwt'
import { describe, expect, test } from 'vitest'
import { AccessToken } from '../src/auth/tokens.ts'
import {
  isRemote,
  newUser,
  password,
  problem,
  read,
  refresh,
  refuseHashes,
  send,
  sendWith,
  sql,
} from './api.ts'
import { claims, forge } from './tokens.ts'

const newSecret = 'dGhlIHNlY3JldCBvZiB0aGUgbmV4dCB5ZWFy'
const kidOf = (token: string) => (decode(token).header as { kid?: unknown }).kid

describe.runIf(!isRemote)('a changed secret', () => {
  const rotated = sendWith({ JWT_SECRET: newSecret, JWT_SECRET_PREVIOUS: env.JWT_SECRET })
  const forgotten = sendWith({ JWT_SECRET: newSecret })
  const logInWith = async (sendIt: typeof send, email: string) =>
    (await read(sendIt('POST', '/auth/login', { json: { email, password } }), 200, AccessToken))
      .access_token

  test('leaves the tokens of the one before good, as long as that is known', async () => {
    const user = await newUser()
    const old: string[] = [user.token, await forge(claims(user.id))]
    expect(kidOf(old[0] ?? '')).toEqual(expect.any(String))
    for (const token of old) {
      expect((await send('GET', '/auth/me', { token })).status).toBe(200)
      expect((await rotated('GET', '/auth/me', { token })).status).toBe(200)
      await problem(forgotten('GET', '/auth/me', { token }), 401)
    }
  })

  test('signs new tokens, with a kid that tells them apart and no secret', async () => {
    const { email, token: old } = await newUser()
    const token = await logInWith(rotated, email)
    expect(kidOf(token)).not.toBe(kidOf(old))
    expect(await logInWith(rotated, email).then(kidOf)).toBe(kidOf(token))
    expect(await verify(token, newSecret, 'HS256')).toMatchObject({ email })
    for (const sendIt of [rotated, forgotten])
      expect((await sendIt('GET', '/auth/me', { token })).status).toBe(200)
    await problem(send('GET', '/auth/me', { token }), 401)
    for (const secret of [newSecret, env.JWT_SECRET])
      expect(secret).not.toContain(String(kidOf(token)))
  })

  test('leaves sessions as they are: a refresh gives a token of the new one', async () => {
    const { cookie, token: old } = await newUser()
    const headers = { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' }
    const response = await forgotten('POST', '/auth/refresh', { headers })
    const { access_token: token } = await read(response, 200, AccessToken)
    expect(kidOf(token)).not.toBe(kidOf(old))
    expect((await forgotten('GET', '/auth/me', { token })).status).toBe(200)
  })

  test('is not got round with the kid of the other', async () => {
    const user = await newUser()
    const kids = [kidOf(await logInWith(rotated, user.email)), kidOf(user.token)]
    for (const [secret, kid] of [
      [newSecret, kids[1]],
      [env.JWT_SECRET, kids[0]],
      ['an attacker has a secret of 40 characters', kids[0]],
      ['an attacker has a secret of 40 characters', kids[1]],
    ] as const) {
      const token = await forge(claims(user.id), { secret, header: { alg: 'HS256', kid } })
      await problem(rotated('GET', '/auth/me', { token }), 401)
    }
  })

  const secrets: [string, string][] = [
    ['is short', 'too short'],
    ['is blank', ' '.repeat(40)],
    ['is a placeholder', 'changeme-changeme-changeme-changeme-1234'],
    ['reads as PEM', 'x1y2z3-PRIVATE-a4b5c6d7e8f9g0h1i2j3k4l5m6'],
    ['is empty', ''],
  ]
  test.each(secrets)('whose predecessor %s is a 503 that names it', async (_, secret) => {
    const bad = sendWith({ JWT_SECRET_PREVIOUS: secret })
    const { detail } = await problem(bad('GET', '/tasks'), 503)
    expect(detail).toContain('JWT_SECRET_PREVIOUS')
    if (secret.trim()) expect(detail).not.toContain(secret)
    expect((await bad('GET', '/health')).status).toBe(200)
  })
})

describe('the kid of a token', () => {
  const kids: [string, unknown][] = [
    ['a path', '../../../../etc/passwd'],
    ['/dev/null', '/dev/null'],
    ['SQL', "x' union select 'secret' --"],
    ['a URL', 'https://evil.example/jwks.json'],
    ['10 kB', 'k'.repeat(10_000)],
    ['empty', ''],
    ['a number', 0],
    ['null', null],
    ['true', true],
    ['an object', { kid: 'x' }],
    ['an array', ['x']],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['a place in a list', '0'],
    ['with a NUL', 'x\0'],
    ['half a character', '\ud800'],
  ]
  test.each(kids)('that is %s is 401, though the secret signed it', async (_, kid) => {
    const { id } = await newUser()
    for (const [secret, more] of [
      [env.JWT_SECRET, {}],
      ['\0', {}],
      [String(kid) || '\0', { jku: 'https://evil.example', jwk: { kty: 'oct', k: 'eA' } }],
    ] as const) {
      const header = { alg: 'HS256', typ: 'JWT', kid, ...more }
      const response = await send('GET', '/auth/me', {
        token: await forge(claims(id), { secret, header }),
      })
      await problem(response, 401)
      expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    }
  })

  test('in a list with the right one is 401', async () => {
    const { id, token } = await newUser()
    const header = { alg: 'HS256', kid: [kidOf(token)] }
    await problem(send('GET', '/auth/me', { token: await forge(claims(id), { header }) }), 401)
  })
})

describe.runIf(!isRemote)('a changed cost of bcrypt', () => {
  const dearer = sendWith({ BCRYPT_COST: '5' })
  const logIn = (sendIt: typeof send, email: string) =>
    sendIt('POST', '/auth/login', { json: { email, password } })
  const hashOf = async (id: string) => {
    const [row] = await sql`select hashed_password from users where id = ${id}`
    return String(row?.hashed_password)
  }

  test('comes into force with the next login', async () => {
    const { id, email } = await newUser()
    expect(await hashOf(id)).toMatch(/^\$2[aby]\$04\$/)
    await problem(dearer('POST', '/auth/login', { json: { email, password: 'wrong one' } }), 401)
    expect(await hashOf(id)).toMatch(/^\$2[aby]\$04\$/)
    await read(logIn(dearer, email), 200, AccessToken)
    const hash = await hashOf(id)
    expect(hash).toMatch(/^\$2[aby]\$05\$/)
    await read(logIn(dearer, email), 200, AccessToken)
    // Neither replaced once more, nor by one that is cheaper.
    await read(logIn(send, email), 200, AccessToken)
    expect(await hashOf(id)).toBe(hash)
    await problem(dearer('POST', '/auth/login', { json: { email, password: 'wrong one' } }), 401)
  })

  test('throws nobody out who is logged in', async () => {
    const { email, token, cookie } = await newUser()
    await read(logIn(dearer, email), 200, AccessToken)
    expect((await send('GET', '/auth/me', { token })).status).toBe(200)
    expect((await refresh(cookie)).status).toBe(200)
  })

  test('fails none of five logins at once', async () => {
    const { id, email } = await newUser()
    const atCost = sendWith({ BCRYPT_COST: '9' })
    const replies = await Promise.all(Array.from({ length: 5 }, () => logIn(atCost, email)))
    expect(replies.map(({ status }) => status)).toEqual(Array(5).fill(200))
    expect(await hashOf(id)).toMatch(/^\$2[aby]\$09\$/)
  })

  test('fails no login when the database does not take the hash', async () => {
    const { id, email } = await newUser()
    const takeHashes = await refuseHashes(id)
    try {
      const before = await hashOf(id)
      const response = await logIn(dearer, email)
      expect(response.headers.get('Set-Cookie')).toMatch(/^__Host-refresh=[\w-]{43};/)
      const { access_token: token } = await read(response, 200, AccessToken)
      expect((await send('GET', '/auth/me', { token })).status).toBe(200)
      expect(await hashOf(id)).toBe(before)
    } finally {
      await takeHashes()
    }
  })
})
