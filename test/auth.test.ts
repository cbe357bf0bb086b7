import { env } from 'cloudflare:workers'
import { decode, verify } from 'hono/jwt'
import { describe, expect, test } from 'vitest'
import { AccessToken } from '../src/auth/tokens.ts'
import { User } from '../src/auth/user.ts'
import { isRemote, newUser, password, pointers, problem, read, send, sendWith, sql } from './api.ts'
import { now, week } from './tokens.ts'

const newEmail = () => `${crypto.randomUUID()}@example.com`
const signUp = (json: unknown) => send('POST', '/auth/signup', { json })
const logIn = (json: unknown) => send('POST', '/auth/login', { json })

describe('POST /auth/signup', () => {
  test('creates a user and shows neither password nor hash', async () => {
    const email = newEmail()
    const response = await signUp({ email, password })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const user = await read(response, 201, User)
    expect(user.email).toBe(email)
    expect(Math.abs(Date.parse(user.created_at) - Date.now())).toBeLessThan(60_000)
  })

  test('stores a bcrypt hash, and no password', async () => {
    const { id } = await newUser()
    const [row] = await sql`select * from users where id = ${id}`
    expect(row?.hashed_password).toMatch(/^\$2[aby]\$\d\d\$.{53}$/)
    expect(Object.keys(row ?? {}).sort()).toEqual(['created_at', 'email', 'hashed_password', 'id'])
    expect(JSON.stringify(row)).not.toContain(password)
  })

  test('trims and lower-cases the e-mail address', async () => {
    const email = newEmail()
    const user = await read(signUp({ email: ` \t${email.toUpperCase()}\n`, password }), 201, User)
    expect(user.email).toBe(email)
    await problem(signUp({ email, password }), 409)
    await read(logIn({ email: `${email.toUpperCase()} `, password }), 200, AccessToken)
  })

  test('refuses an address that is taken, and keeps the first password', async () => {
    const { email } = await newUser()
    await problem(signUp({ email, password: 'another password' }), 409)
    await read(logIn({ email, password }), 200, AccessToken)
    await problem(logIn({ email, password: 'another password' }), 401)
  })

  test('makes one user of twenty sign-ups at once', async () => {
    const email = newEmail()
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => signUp({ email, password }))
    )
    const statuses = responses.map(({ status }) => status).sort()
    expect(statuses).toEqual([201, ...Array(19).fill(409)])
    const [row] = await sql`select count(*)::int as users from users where email = ${email}`
    expect(row?.users).toBe(1)
  })

  const local = 'a'.repeat(64 - 36)
  const ofLength = (length: number) => {
    const start = `${local}${crypto.randomUUID()}@`
    const labels = 'b'
      .repeat(length - start.length - 4)
      .replace(/.{60}(?=.)/g, (label) => `${label.slice(1)}.`)
    return `${start}${labels}.com`
  }

  test('takes an address of 254 characters and not of 255', async () => {
    expect(ofLength(254)).toHaveLength(254)
    await read(signUp({ email: ofLength(254), password }), 201, User)
    expect(await pointers(signUp({ email: ofLength(255), password }))).toEqual(['/email'])
  })

  test.each([
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
  ])('refuses the e-mail address %j', async (email) => {
    expect(await pointers(signUp({ email, password }))).toEqual(['/email'])
  })

  test.each([
    ['8 characters', '12345678'],
    ['8 characters outside the BMP', '😀'.repeat(8)],
    ['72 bytes', 'x'.repeat(72)],
    ['72 bytes in 36 characters', 'é'.repeat(36)],
    ['blanks alone', '        '],
    ['a control character', 'line\nbreak\u0001'],
  ])('takes a password of %s, exactly as it is', async (_, password) => {
    const email = newEmail()
    await read(signUp({ email, password }), 201, User)
    await read(logIn({ email, password }), 200, AccessToken)
    const other = [...password].with(0, '#').join('')
    await problem(logIn({ email, password: other }), 401)
  })

  test.each([
    ['7 characters', '1234567'],
    ['7 characters outside the BMP', '😀'.repeat(7)],
    ['8 UTF-16 units that are 7 characters once composed', 'e\u0301234567'],
    ['73 bytes', 'x'.repeat(73)],
    ['74 bytes in 37 characters', 'é'.repeat(37)],
    ['U+0000', 'correct\0horse'],
    ['a lone surrogate', 'correct\udc00horse'],
    ['no string', 12345678],
    ['null', null],
  ])('refuses a password of %s', async (_, password) => {
    expect(await pointers(signUp({ email: newEmail(), password }))).toEqual(['/password'])
  })

  test('knows a password in either Unicode normal form', async () => {
    const email = newEmail()
    await read(signUp({ email, password: 'cafe\u0301 creme' }), 201, User)
    await read(logIn({ email, password: 'caf\u00e9 creme' }), 200, AccessToken)
  })

  test('names both faults at once, and every field it does not know', async () => {
    const json = { email: 'ada', password: 'short', role: 'admin', id: 1, hashed_password: 'x' }
    expect((await pointers(signUp(json)))?.sort()).toEqual([
      '/email',
      '/hashed_password',
      '/id',
      '/password',
      '/role',
    ])
    expect(await pointers(signUp({}))).toEqual(['/email', '/password'])
    expect(await pointers(signUp([]))).toEqual([''])
  })
})

describe('POST /auth/login', () => {
  test('answers exactly the two fields', async () => {
    const { email } = await newUser()
    const response = await logIn({ email, password })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const body = await read(response, 200, AccessToken)
    expect(Object.keys(body)).toEqual(['access_token', 'token_type'])
    expect(body.token_type).toBe('bearer')
  })

  test('gives an HS256 token for seven days, of the user', async () => {
    const { id, email, token } = await newUser()
    expect(decode(token).header).toEqual({
      alg: 'HS256',
      typ: 'JWT',
      kid: expect.stringMatching(/^[\w-]{8}$/),
    })
    const payload = await verify(token, env.JWT_SECRET, 'HS256')
    expect(Object.keys(payload).sort()).toEqual(['email', 'exp', 'iat', 'sid', 'sub'])
    expect(payload).toMatchObject({ sub: id, email })
    expect(Number(payload.exp) - Number(payload.iat)).toBe(week)
    expect(Math.abs(Number(payload.iat) - now())).toBeLessThan(60)
  })

  test('does not tell an unknown e-mail address from a wrong password', async () => {
    const { email } = await newUser()
    const replies = await Promise.all(
      [email, newEmail()].map(async (email) => {
        const response = await logIn({ email, password: 'wrong password' })
        const { request_id: _, ...body } = await problem(response, 401)
        const headers = Object.fromEntries(response.headers)
        return { body, headers: { ...headers, 'x-request-id': '' } }
      })
    )
    expect(replies[0]).toEqual(replies[1])
  })

  // The latter from before the cost was raised.
  test.each(isRemote ? ['the same'] : ['10', '7'])(
    'takes as long for an unknown e-mail address as for a wrong password with a hash of cost %s',
    async (cost) => {
      // At the default cost, where bcrypt takes far longer than the rest of a login.
      const sendAtCost = isRemote ? send : sendWith({ BCRYPT_COST: '10' })
      const email = newEmail()
      const signUpAtCost = isRemote ? send : sendWith({ BCRYPT_COST: cost })
      await signUpAtCost('POST', '/auth/signup', { json: { email, password } })
      const milliseconds = async (email: string) => {
        const start = performance.now()
        const json = { email, password: 'wrong password' }
        await problem(sendAtCost('POST', '/auth/login', { json }), 401)
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

  test('does not let a password match with something added behind what bcrypt reads', async () => {
    const email = newEmail()
    const long = 'x'.repeat(72)
    await signUp({ email, password: long })
    expect(await pointers(logIn({ email, password: `${long}y` }))).toEqual(['/password'])
    await problem(logIn({ email, password: `${long.slice(1)}y` }), 401)
    expect(
      await pointers(logIn({ email, password: 'x'.repeat(8).concat('\0', 'x'.repeat(8)) }))
    ).toEqual(['/password'])
  })
})

describe('GET /auth/me', () => {
  test('shows the user of the token', async () => {
    const user = await newUser()
    const response = await user.send('GET', '/auth/me')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await read(response, 200, User)).toMatchObject({ id: user.id, email: user.email })
  })

  test('takes the user from the token alone', async () => {
    const [user, other] = [await newUser(), await newUser()]
    const headers = { 'X-User-Id': other.id, Cookie: `access_token=${other.token}` }
    const response = user.send('GET', `/auth/me?sub=${other.id}&access_token=${other.token}`, {
      headers,
    })
    expect((await read(response, 200, User)).id).toBe(user.id)
  })
})
