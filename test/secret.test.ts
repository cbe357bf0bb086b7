import { env } from 'cloudflare:workers'
import { decode, verify } from 'hono/jwt'
import { describe, expect, test } from 'vitest'
import {
  accessTokenOf,
  isRemote,
  logIn,
  newEmail,
  newUser,
  password,
  problem,
  read,
  refresh,
  send,
  sendWith,
  statusWith,
  tryLogIn,
  trySignUp,
  User,
  wrongPassword,
} from './api.ts'
import { hashedPasswordOf, refuseNewHash } from './rows.ts'
import { claims, forge } from './tokens.ts'

const newSecret = 'dGhlIHNlY3JldCBvZiB0aGUgbmV4dCB5ZWFy'
const kidOf = (accessToken: string) => (decode(accessToken).header as { kid?: unknown }).kid

describe.runIf(!isRemote)('a change of JWT_SECRET', () => {
  /** Knows the secret of the run as the previous one. */
  const rotated = sendWith({ JWT_SECRET: newSecret, JWT_SECRET_PREVIOUS: env.JWT_SECRET })
  /** Does not know the secret of the run any more. */
  const forgotten = sendWith({ JWT_SECRET: newSecret })

  test('an access token of the previous secret is accepted as long as that is configured', async () => {
    const { accessToken } = await newUser()
    expect(kidOf(accessToken)).toEqual(expect.any(String))
    expect(await statusWith(accessToken)).toBe(200)
    expect(await statusWith(accessToken, rotated)).toBe(200)
    expect(await statusWith(accessToken, forgotten)).toBe(401)
  })

  test('an access token without a kid is checked against the present secret alone', async () => {
    const { id } = await newUser()
    const accessToken = await forge(claims(id))
    expect(await statusWith(accessToken)).toBe(200)
    expect(await statusWith(accessToken, rotated)).toBe(401)
    expect(await statusWith(accessToken, forgotten)).toBe(401)
    const present = await forge(claims(id), { secret: newSecret })
    expect(await statusWith(present, rotated)).toBe(200)
  })

  test('a new access token has a kid of its own, which tells nothing of the secret', async () => {
    const { email, accessToken: old } = await newUser()
    const { accessToken } = await logIn(email, { through: rotated })
    expect(kidOf(accessToken)).not.toBe(kidOf(old))
    expect(kidOf((await logIn(email, { through: rotated })).accessToken)).toBe(kidOf(accessToken))
    expect(await verify(accessToken, newSecret, 'HS256')).toMatchObject({ email })
    expect(await statusWith(accessToken, rotated)).toBe(200)
    expect(await statusWith(accessToken, forgotten)).toBe(200)
    expect(await statusWith(accessToken)).toBe(401)
    for (const secret of [newSecret, env.JWT_SECRET])
      expect(secret).not.toContain(String(kidOf(accessToken)))
  })

  test('a session goes on, and its refresh gives an access token of the new secret', async () => {
    const { cookie, accessToken: old } = await newUser()
    const accessToken = await accessTokenOf(refresh(cookie, { through: forgotten }))
    expect(kidOf(accessToken)).not.toBe(kidOf(old))
    expect(await statusWith(accessToken, forgotten)).toBe(200)
  })

  test('an access token with the kid of another secret is a 401', async () => {
    const { id, email, accessToken: old } = await newUser()
    const kids = [kidOf((await logIn(email, { through: rotated })).accessToken), kidOf(old)]
    for (const [secret, kid] of [
      [newSecret, kids[1]],
      [env.JWT_SECRET, kids[0]],
      ['an attacker has a secret of 40 characters', kids[0]],
      ['an attacker has a secret of 40 characters', kids[1]],
    ] as const) {
      const accessToken = await forge(claims(id), { secret, header: { alg: 'HS256', kid } })
      expect(await statusWith(accessToken, rotated)).toBe(401)
    }
  })

  test.each([
    ['is short', 'too short'],
    ['is blank', ' '.repeat(40)],
    ['is a placeholder', 'changeme-changeme-changeme-changeme-1234'],
    ['reads as PEM', 'x1y2z3-PRIVATE-a4b5c6d7e8f9g0h1i2j3k4l5m6'],
    ['is empty', ''],
  ])('a JWT_SECRET_PREVIOUS that %s is a 503 that names it', async (_, secret) => {
    const misconfigured = sendWith({ JWT_SECRET_PREVIOUS: secret })
    const { detail } = await problem(misconfigured('GET', '/tasks'), 503)
    expect(detail).toContain('JWT_SECRET_PREVIOUS')
    if (secret.trim()) expect(detail).not.toContain(secret)
    expect((await misconfigured('GET', '/health')).status).toBe(200)
  })
})

describe('the kid of an access token', () => {
  test.each<[what: string, kid: unknown]>([
    ['a path', '../../../../etc/passwd'],
    ['/dev/null', '/dev/null'],
    ['SQL', "x' union select 'secret' --"],
    ['a URL', 'https://evil.example/jwks.json'],
    ['10 kB long', 'k'.repeat(10_000)],
    ['empty', ''],
    ['a number', 0],
    ['null', null],
    ['true', true],
    ['an object', { kid: 'x' }],
    ['an array', ['x']],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['an index', '0'],
    ['text with a NUL', 'x\0'],
    ['half a character', '\ud800'],
  ])('a kid that is %s is a 401, even if the secret signed the token', async (_, kid) => {
    const { id } = await newUser()
    for (const [secret, more] of [
      [env.JWT_SECRET, {}],
      ['\0', {}],
      [String(kid) || '\0', { jku: 'https://evil.example', jwk: { kty: 'oct', k: 'eA' } }],
    ] as const) {
      const header = { alg: 'HS256', typ: 'JWT', kid, ...more }
      const accessToken = await forge(claims(id), { secret, header })
      const response = await send('GET', '/auth/me', { accessToken })
      await problem(response, 401)
      expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    }
  })

  test('a kid that is an array with the right one in it is a 401', async () => {
    const { id, accessToken } = await newUser()
    const header = { alg: 'HS256', kid: [kidOf(accessToken)] }
    expect(await statusWith(await forge(claims(id), { header }))).toBe(401)
  })
})

describe.runIf(!isRemote)('a change of BCRYPT_COST', () => {
  const atCost5 = sendWith({ BCRYPT_COST: '5' })
  const atCost9 = sendWith({ BCRYPT_COST: '9' })

  test('the cost is 10 by default', async () => {
    const withoutCost = sendWith({ BCRYPT_COST: undefined })
    const { id } = await read(trySignUp({ email: newEmail(), password }, withoutCost), 201, User)
    expect(await hashedPasswordOf(id)).toMatch(/^\$2[aby]\$10\$/)
  })

  test('a login replaces a hash of lower cost, once, and none of higher cost', async () => {
    const { id, email } = await newUser()
    const wrong = { email, password: wrongPassword }
    expect(await hashedPasswordOf(id)).toMatch(/^\$2[aby]\$04\$/)
    await problem(tryLogIn(wrong, atCost5), 401)
    expect(await hashedPasswordOf(id)).toMatch(/^\$2[aby]\$04\$/)
    await logIn(email, { through: atCost5 })
    const replaced = await hashedPasswordOf(id)
    expect(replaced).toMatch(/^\$2[aby]\$05\$/)
    await logIn(email, { through: atCost5 })
    await logIn(email)
    expect(await hashedPasswordOf(id)).toBe(replaced)
    await problem(tryLogIn(wrong, atCost5), 401)
  })

  test('a login that replaces the hash ends no session', async () => {
    const { email, accessToken, cookie } = await newUser()
    await logIn(email, { through: atCost5 })
    expect(await statusWith(accessToken)).toBe(200)
    expect((await refresh(cookie)).status).toBe(200)
  })

  test('five logins at once that replace the hash all succeed', async () => {
    const { id, email } = await newUser()
    const replies = await Promise.all(
      Array.from({ length: 5 }, () => tryLogIn({ email, password }, atCost9))
    )
    expect(replies.map(({ status }) => status)).toEqual(Array(5).fill(200))
    expect(await hashedPasswordOf(id)).toMatch(/^\$2[aby]\$09\$/)
  })

  test('a login succeeds even if the database refuses the new hash', async () => {
    const { id, email } = await newUser()
    const allowNewHash = await refuseNewHash(id)
    try {
      const before = await hashedPasswordOf(id)
      const { accessToken, cookie } = await logIn(email, { through: atCost5 })
      expect(cookie).toMatch(/^__Host-refresh=[\w-]{43}$/)
      expect(await statusWith(accessToken)).toBe(200)
      expect(await hashedPasswordOf(id)).toBe(before)
    } finally {
      await allowNewHash()
    }
  })
})
