import { describe, expect, test } from 'vitest'
import { isRemote, logIn, newUser, password, problem, send, sendWith, sql } from './api.ts'

type Send = typeof send

const newEmail = () => `${crypto.randomUUID()}@example.com`
const tryWith = (email: string, password: string, sendIt: Send = send) =>
  sendIt('POST', '/auth/login', { json: { email, password } })
const wrong = (email: string) => tryWith(email, 'wrong password')
const inTurn = async (email: string, count: number) => {
  const statuses: number[] = []
  while (statuses.length < count) statuses.push((await wrong(email)).status)
  return statuses
}

const guessesAt = async (email: string) => {
  const [row] = await sql`select failures, extract(epoch from since)::float8 as since,
      extract(epoch from blocked_until)::float8 as blocked_until
    from guesses where email_hash = encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`
  return row as { failures: number; since: number; blocked_until: number | null } | undefined
}
/** Moves the end of the wait to so many seconds from now, and before now if negative. */
const waitFor = (email: string, seconds: number) =>
  sql`update guesses set blocked_until = now() + make_interval(secs => ${seconds})
    where email_hash = encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`
const beganBefore = (email: string, seconds: number) =>
  sql`update guesses set since = since - make_interval(secs => ${seconds})
    where email_hash = encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`
const databaseTime = async () => {
  const [row] = await sql`select extract(epoch from clock_timestamp())::float8 as seconds`
  return Number(row?.seconds)
}

describe('guessing at a password', () => {
  test.each(['a user', 'nobody'])('of %s fifty times at once is counted exactly', async (who) => {
    const email = who === 'nobody' ? newEmail() : (await newUser()).email
    const start = Date.now()
    const replies = await Promise.all(Array.from({ length: 50 }, () => wrong(email)))
    const seconds = Math.floor((Date.now() - start) / 1000)
    const [admitted, early] = [401, 429].map((is) => replies.filter(({ status }) => status === is))
    expect((admitted?.length ?? 0) + (early?.length ?? 0)).toBe(50)
    expect((await guessesAt(email))?.failures).toBe(admitted?.length)
    expect(admitted?.length).toBeGreaterThanOrEqual(10)
    // The first wait lasts one second, and fifty requests may take longer on a busy machine.
    expect(admitted?.length).toBeLessThanOrEqual(10 + seconds)
    for (const reply of early ?? []) {
      expect(Number(reply.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
      await problem(reply, 429)
    }
  })

  test('makes the right one wait, too, which then takes the count away', async () => {
    const { email, token } = await newUser()
    expect(await inTurn(email, 10)).toEqual(Array(10).fill(401))
    await waitFor(email, 100)
    const response = await tryWith(email, password)
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(50)
    expect(response.headers.get('Set-Cookie')).toBeNull()
    await problem(response, 429)
    expect((await send('GET', '/auth/me', { token })).status).toBe(200)
    await waitFor(email, -0.001)
    expect((await tryWith(email, password)).status).toBe(200)
    expect(await guessesAt(email)).toBeUndefined()
    expect(await inTurn(email, 10)).toEqual(Array(10).fill(401))
  })

  test('too early is not counted, and makes nobody wait longer', async () => {
    const { email } = await newUser()
    await inTurn(email, 10)
    await waitFor(email, 100)
    const before = await guessesAt(email)
    expect(await inTurn(email, 5)).toEqual(Array(5).fill(429))
    expect(await guessesAt(email)).toEqual(before)
  })

  test.runIf(!isRemote)('too early takes no work of bcrypt', async () => {
    const atCost = sendWith({ BCRYPT_COST: '10' })
    const email = newEmail()
    expect((await atCost('POST', '/auth/signup', { json: { email, password } })).status).toBe(201)
    const fastest = async (status: number) => {
      const times: number[] = []
      for (let round = 0; round < 5; round++) {
        const start = performance.now()
        expect((await tryWith(email, password, atCost)).status).toBe(status)
        times.push(performance.now() - start)
      }
      return Math.min(...times)
    }
    const admitted = await fastest(200)
    await wrong(email)
    await waitFor(email, 100)
    expect(await fastest(429)).toBeLessThan(admitted / 3)
  })

  test.each(['a user', 'nobody'])(
    'of %s makes the wait double, from a second to 15 minutes',
    async (who) => {
      const email = who === 'nobody' ? newEmail() : (await newUser()).email
      expect(await inTurn(email, 9)).toEqual(Array(9).fill(401))
      expect(await guessesAt(email)).toMatchObject({ failures: 9, blocked_until: null })
      for (const [index, wait] of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].entries()) {
        if (index) await waitFor(email, -0.001)
        const before = await databaseTime()
        await problem(wrong(email), 401)
        const after = await databaseTime()
        const row = await guessesAt(email)
        expect(row?.failures).toBe(10 + index)
        // The database keeps milliseconds.
        expect(row?.blocked_until).toBeGreaterThan(before + wait - 0.002)
        expect(row?.blocked_until).toBeLessThan(after + wait + 0.002)
        // What is over within the time of a slow request cannot be asked for.
        if (wait < 16) continue
        const early = await wrong(email)
        await problem(early, 429)
        const retryAfter = Number(early.headers.get('Retry-After'))
        expect(retryAfter).toBeLessThanOrEqual(wait)
        expect(retryAfter).toBeGreaterThan(wait - 8)
      }
    }
  )

  test('tells nobody whether the address is known', async () => {
    const answers = async (email: string) => {
      const seen: unknown[] = []
      const note = async (response: Response) => {
        const { request_id: _, ...body } = (await response.json()) as Record<string, unknown>
        const headers = { ...Object.fromEntries(response.headers), 'x-request-id': '' }
        seen.push({ status: response.status, headers, body })
      }
      for (let guess = 0; guess < 10; guess++) await note(await wrong(email))
      for (const wait of [1.9, 59.9, 899.9]) {
        await waitFor(email, wait)
        await note(await wrong(email))
      }
      await waitFor(email, -1)
      await note(await wrong(email))
      return seen
    }
    const { email } = await newUser()
    expect(await answers(newEmail())).toEqual(await answers(email))
  })

  test('counts the spellings of an address as one', async () => {
    const { email } = await newUser()
    for (const spelling of [email, email.toUpperCase(), ` ${email}\n`]) await wrong(spelling)
    expect((await guessesAt(email))?.failures).toBe(3)
  })

  test('touches nobody else', async () => {
    const [user, other] = [await newUser(), await newUser()]
    await wrong(other.email)
    await inTurn(user.email, 10)
    await waitFor(user.email, 100)
    expect(await guessesAt(other.email)).toMatchObject({ failures: 1, blocked_until: null })
    await logIn(other.email)
    expect((await wrong(user.email)).status).toBe(429)
  })

  test('is forgotten 15 minutes after the first failure, and not sooner', async () => {
    const { email } = await newUser()
    await inTurn(email, 9)
    await beganBefore(email, 14 * 60)
    const before = await guessesAt(email)
    await wrong(email)
    expect(await guessesAt(email)).toMatchObject({ failures: 10, since: before?.since })

    const { email: another } = await newUser()
    await inTurn(another, 9)
    await beganBefore(another, 15 * 60 + 1)
    await wrong(another)
    expect(await guessesAt(another)).toMatchObject({ failures: 1, blocked_until: null })
    expect(await inTurn(another, 9)).toEqual(Array(9).fill(401))
  })

  test('is forgotten 15 minutes after the last wait, and not sooner', async () => {
    const { email } = await newUser()
    await inTurn(email, 10)
    await waitFor(email, -14 * 60)
    await beganBefore(email, 60 * 60)
    await wrong(email)
    expect((await guessesAt(email))?.failures).toBe(11)
    await waitFor(email, -15 * 60 - 1)
    await wrong(email)
    expect(await guessesAt(email)).toMatchObject({ failures: 1, blocked_until: null })
  })

  test('leaves no address in the database', async () => {
    const email = newEmail()
    await wrong(email)
    const rows = await sql`select to_jsonb(g) as guess from guesses g
      where email_hash = encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(email.split('@')[0])
  })

  test('has nothing to do with a body that is wrong', async () => {
    const { email } = await newUser()
    for (const json of [
      { email, password: 'short' },
      { email },
      { email, password, role: 'admin' },
    ])
      await problem(send('POST', '/auth/login', { json }), 422)
    expect(await guessesAt(email)).toBeUndefined()
  })
})
