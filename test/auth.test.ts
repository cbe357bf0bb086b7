import { env } from 'cloudflare:workers'
import { decode, verify } from 'hono/jwt'
import { describe, expect, test } from 'vitest'
import {
  AccessToken,
  isRemote,
  newEmail,
  newPassword,
  newUser,
  password,
  pointers,
  problem,
  read,
  send,
  sendWith,
  tryLogIn,
  trySignUp,
  User,
  visible,
  wrongPassword,
} from './api.ts'
import { sql } from './rows.ts'
import { now, week } from './tokens.ts'

describe('POST /auth/signup', () => {
  test('a signup creates a user, and the reply has neither password nor hash', async () => {
    const email = newEmail()
    const response = await trySignUp({ email, password })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const user = await read(response, 201, User)
    expect(user.email).toBe(email)
    expect(Math.abs(Date.parse(user.created_at) - Date.now())).toBeLessThan(60_000)
  })

  test('the database keeps a bcrypt hash of the password, and not the password', async () => {
    const { id } = await newUser()
    const [row] = await sql`select * from users where id = ${id}`
    expect(row?.hashed_password).toMatch(/^\$2[aby]\$\d\d\$.{53}$/)
    expect(Object.keys(row ?? {}).sort()).toEqual([
      'changed_at',
      'created_at',
      'email',
      'email_verified',
      'hashed_password',
      'id',
    ])
    expect(JSON.stringify(row)).not.toContain(password)
  })

  test('an e-mail address is trimmed and lower-cased, at signup and at login', async () => {
    const email = newEmail()
    const sent = ` \t${email.toUpperCase()}\n`
    expect((await read(trySignUp({ email: sent, password }), 201, User)).email).toBe(email)
    await problem(trySignUp({ email, password }), 409)
    await read(tryLogIn({ email: `${email.toUpperCase()} `, password }), 200, AccessToken)
  })

  test('a second signup with an e-mail address is a 409, and changes no password', async () => {
    const { email } = await newUser()
    await problem(trySignUp({ email, password: newPassword }), 409)
    await read(tryLogIn({ email, password }), 200, AccessToken)
    await problem(tryLogIn({ email, password: newPassword }), 401)
  })

  test('twenty signups at once with one e-mail address create one user', async () => {
    const email = newEmail()
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => trySignUp({ email, password }))
    )
    const statuses = responses.map(({ status }) => status).sort()
    expect(statuses).toEqual([201, ...Array(19).fill(409)])
    const [row] = await sql`select count(*)::int as users from users where email = ${email}`
    expect(row?.users).toBe(1)
  })

  /** An address with the longest local part, 64 characters, and labels of 60 as its domain. */
  const emailOfLength = (length: number) => {
    const start = `${'a'.repeat(64 - 36)}${crypto.randomUUID()}@`
    const labels = 'b'
      .repeat(length - start.length - 4)
      .replace(/.{60}(?=.)/g, (label) => `${label.slice(1)}.`)
    return `${start}${labels}.com`
  }

  test('an e-mail address of 254 characters is accepted, and one of 255 is a 422', async () => {
    const longest = emailOfLength(254)
    expect(longest).toHaveLength(254)
    await read(trySignUp({ email: ` ${longest} `, password }), 201, User)
    expect(await pointers(trySignUp({ email: emailOfLength(255), password }))).toEqual(['/email'])
  })

  const badEmails: unknown[] = [
    '',
    ' ',
    'ada',
    'ada@',
    '@example.com',
    'ada@example',
    'ada@@example.com',
    'a da@example.com',
    'ada@exam ple.com',
    'ada@example.com, eve@example.com',
    'ada@example.com\nbcc: eve@example.com',
    'ada\0@example.com',
    'ada\ud800@example.com',
    null,
    1,
    ['ada@example.com'],
    { toString: 'ada@example.com' },
  ]
  // In rows of one, because vitest would print an array without its brackets.
  const rows = badEmails.map((email) => [email])
  test.each(rows)('the e-mail address %j is a 422', async (email) => {
    expect(await pointers(trySignUp({ email, password }))).toEqual(['/email'])
  })

  test.each([
    ['8 characters', '12345678'],
    ['8 characters outside the BMP', '😀'.repeat(8)],
    ['72 bytes', 'x'.repeat(72)],
    ['72 bytes in 36 characters', 'é'.repeat(36)],
    ['108 bytes that are 72 once composed', 'e\u0301'.repeat(36)],
    ['blanks alone', '        '],
    ['a control character', 'line\nbreak\u0001'],
  ])('a password of %s is accepted, and no other password logs in', async (_, password) => {
    const email = newEmail()
    await read(trySignUp({ email, password }), 201, User)
    await read(tryLogIn({ email, password }), 200, AccessToken)
    const other = [...password.normalize()].with(0, '#').join('')
    await problem(tryLogIn({ email, password: other }), 401)
  })

  test('a password is not trimmed', async () => {
    const email = newEmail()
    await read(trySignUp({ email, password: ` ${password} ` }), 201, User)
    await problem(tryLogIn({ email, password }), 401)
    await read(tryLogIn({ email, password: ` ${password} ` }), 200, AccessToken)
  })

  test.each([
    ['7 characters', '1234567'],
    ['7 characters outside the BMP', '😀'.repeat(7)],
    ['8 UTF-16 units that are 7 characters once composed', 'e\u0301234567'],
    ['73 bytes', 'x'.repeat(73)],
    ['74 bytes in 37 characters', 'é'.repeat(37)],
    ['U+0000', 'correct\0horse'],
    ['a lone surrogate', 'correct\udc00horse'],
    ['a number', 12345678],
    ['null', null],
  ])('a password of %s is a 422', async (_, password) => {
    expect(await pointers(trySignUp({ email: newEmail(), password }))).toEqual(['/password'])
  })

  test('a password logs in whichever Unicode normal form it is typed in', async () => {
    const email = newEmail()
    await read(trySignUp({ email, password: 'cafe\u0301 creme' }), 201, User)
    await read(tryLogIn({ email, password: 'caf\u00e9 creme' }), 200, AccessToken)
  })

  test('all faults of a signup are reported at once, unknown fields too', async () => {
    const json = { email: 'ada', password: 'short', role: 'admin', id: 1, hashed_password: 'x' }
    expect(await pointers(trySignUp(json))).toEqual([
      '/email',
      '/hashed_password',
      '/id',
      '/password',
      '/role',
    ])
    expect(await pointers(trySignUp({}))).toEqual(['/email', '/password'])
  })
})

describe('POST /auth/login', () => {
  test('a login answers with an access token and its type, and nothing more', async () => {
    const { email } = await newUser()
    const response = await tryLogIn({ email, password })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const body = await read(response, 200, AccessToken)
    expect(Object.keys(body)).toEqual(['access_token', 'token_type'])
  })

  test('an access token is an HS256 JWT of the user for seven days', async () => {
    const { id, email, accessToken } = await newUser()
    expect(decode(accessToken).header).toEqual({
      alg: 'HS256',
      typ: 'JWT',
      kid: expect.stringMatching(/^[\w-]{8}$/),
    })
    const payload = await verify(accessToken, env.JWT_SECRET, 'HS256')
    expect(Object.keys(payload).sort()).toEqual(['email', 'exp', 'iat', 'sid', 'sub'])
    expect(payload).toMatchObject({ sub: id, email })
    expect(Number(payload.exp) - Number(payload.iat)).toBe(week)
    expect(Math.abs(Number(payload.iat) - now())).toBeLessThan(60)
  })

  test('an unknown e-mail address gets the same answer as a wrong password', async () => {
    const { email } = await newUser()
    const [known, unknown] = await Promise.all(
      [email, newEmail()].map((email) => visible(tryLogIn({ email, password: wrongPassword }), 401))
    )
    expect(known).toEqual(unknown)
    expect(known?.headers).toMatchObject({ 'www-authenticate': 'Bearer realm="tasks"' })
  })

  // A hash of cost 7 is one from before the cost was raised.
  test.each(isRemote ? ['the same'] : ['10', '7'])(
    'an unknown e-mail address takes as long as a wrong password with a hash of cost %s',
    async (cost) => {
      // At the default cost bcrypt takes far longer than the rest of a login.
      const sendAtDefault = isRemote ? send : sendWith({ BCRYPT_COST: '10' })
      const email = newEmail()
      await trySignUp({ email, password }, isRemote ? send : sendWith({ BCRYPT_COST: cost }))
      const milliseconds = async (email: string) => {
        const start = performance.now()
        await problem(tryLogIn({ email, password: wrongPassword }, sendAtDefault), 401)
        return performance.now() - start
      }
      const known: number[] = []
      const unknown: number[] = []
      for (let round = 0; round < 9; round++) {
        known.push(await milliseconds(email))
        unknown.push(await milliseconds(newEmail()))
      }
      const median = (times: number[]) => times.sort((a, b) => a - b)[4] ?? 0
      const ratio = median(known) / median(unknown)
      expect(ratio).toBeGreaterThan(0.5)
      expect(ratio).toBeLessThan(2)
    }
  )

  test('a password with more behind what bcrypt reads does not log in', async () => {
    const email = newEmail()
    const longest = 'x'.repeat(72)
    await trySignUp({ email, password: longest })
    expect(await pointers(tryLogIn({ email, password: `${longest}y` }))).toEqual(['/password'])
    await problem(tryLogIn({ email, password: `${longest.slice(1)}y` }), 401)
    const repeated = `${'x'.repeat(8)}\0${'x'.repeat(8)}`
    expect(await pointers(tryLogIn({ email, password: repeated }))).toEqual(['/password'])
  })
})

describe('GET /auth/me', () => {
  test('the reply is the user of the access token', async () => {
    const user = await newUser()
    const response = await user.send('GET', '/auth/me')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await read(response, 200, User)).toMatchObject({ id: user.id, email: user.email })
  })

  test('a query, header or cookie that names another user has no effect', async () => {
    const [user, other] = [await newUser(), await newUser()]
    const headers = { 'X-User-Id': other.id, Cookie: `access_token=${other.accessToken}` }
    const path = `/auth/me?sub=${other.id}&access_token=${other.accessToken}`
    expect((await read(user.send('GET', path, { headers }), 200, User)).id).toBe(user.id)
  })
})
