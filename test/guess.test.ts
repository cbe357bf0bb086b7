import { describe, expect, test } from 'vitest'
import {
  isRemote,
  logIn,
  newEmail,
  newUser,
  password,
  problem,
  sendWith,
  statusWith,
  tryLogIn,
  trySignUp,
  visible,
  wrongPassword,
} from './api.ts'
import { blockFor, guessesAt, sha256, sql } from './rows.ts'

/** A try to log in with a wrong password. */
const guess = (email: string) => tryLogIn({ email, password: wrongPassword })

/** The statuses of so many guesses, one after the other. */
const guesses = async (email: string, count: number) => {
  const statuses: number[] = []
  while (statuses.length < count) statuses.push((await guess(email)).status)
  return statuses
}

/** Moves the time of the first failure into the past. */
const beganEarlier = (email: string, seconds: number) =>
  sql`update guesses set since = since - make_interval(secs => ${seconds})
    where email_hash = ${sha256(email)}`

const databaseTime = async () => {
  const [row] = await sql`select extract(epoch from clock_timestamp())::float8 as seconds`
  return Number(row?.seconds)
}

const emailOf = async (who: string) =>
  who === 'an unknown address' ? newEmail() : (await newUser()).email

describe('wrong passwords', () => {
  test.each(['a user', 'an unknown address'])(
    'fifty guesses at once for %s are counted exactly',
    async (who) => {
      const email = await emailOf(who)
      const start = Date.now()
      const replies = await Promise.all(Array.from({ length: 50 }, () => guess(email)))
      const seconds = Math.floor((Date.now() - start) / 1000)
      const wrong = replies.filter(({ status }) => status === 401)
      const early = replies.filter(({ status }) => status === 429)
      expect(wrong.length + early.length).toBe(50)
      expect((await guessesAt(email))?.failures).toBe(wrong.length)
      expect(wrong.length).toBeGreaterThanOrEqual(10)
      // The first wait lasts one second, and fifty requests may take longer on a busy machine.
      expect(wrong.length).toBeLessThanOrEqual(10 + seconds)
      for (const reply of early) {
        expect(Number(reply.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
        await problem(reply, 429)
      }
    }
  )

  test('after ten guesses the right password has to wait, and then clears the count', async () => {
    const { email, accessToken } = await newUser()
    expect(await guesses(email, 10)).toEqual(Array(10).fill(401))
    await blockFor(email, 100)
    const response = await tryLogIn({ email, password })
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(50)
    expect(response.headers.get('Set-Cookie')).toBeNull()
    await problem(response, 429)
    expect(await statusWith(accessToken)).toBe(200)
    await blockFor(email, -0.001)
    expect((await tryLogIn({ email, password })).status).toBe(200)
    expect(await guessesAt(email)).toBeUndefined()
    expect(await guesses(email, 10)).toEqual(Array(10).fill(401))
  })

  test('a guess during the wait is not counted, and does not prolong the wait', async () => {
    const { email } = await newUser()
    await guesses(email, 10)
    await blockFor(email, 100)
    const before = await guessesAt(email)
    expect(await guesses(email, 5)).toEqual(Array(5).fill(429))
    expect(await guessesAt(email)).toEqual(before)
  })

  test.runIf(!isRemote)('a login during the wait is refused without any bcrypt work', async () => {
    const atCost10 = sendWith({ BCRYPT_COST: '10' })
    const email = newEmail()
    expect((await trySignUp({ email, password }, atCost10)).status).toBe(201)
    const fastest = async (status: number) => {
      const times: number[] = []
      for (let round = 0; round < 5; round++) {
        const start = performance.now()
        expect((await tryLogIn({ email, password }, atCost10)).status).toBe(status)
        times.push(performance.now() - start)
      }
      return Math.min(...times)
    }
    const accepted = await fastest(200)
    await guess(email)
    await blockFor(email, 100)
    expect(await fastest(429)).toBeLessThan(accepted / 3)
  })

  test.each(['a user', 'an unknown address'])(
    'guesses for %s make the wait double, from 1 second to 15 minutes',
    async (who) => {
      const email = await emailOf(who)
      expect(await guesses(email, 9)).toEqual(Array(9).fill(401))
      expect(await guessesAt(email)).toMatchObject({ failures: 9, blocked_until: null })
      for (const [index, wait] of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].entries()) {
        if (index) await blockFor(email, -0.001)
        const before = await databaseTime()
        await problem(guess(email), 401)
        const after = await databaseTime()
        const row = await guessesAt(email)
        expect(row?.failures).toBe(10 + index)
        // The database rounds to milliseconds.
        expect(row?.blocked_until).toBeGreaterThan(before + wait - 0.002)
        expect(row?.blocked_until).toBeLessThan(after + wait + 0.002)
        // On a slow machine a short wait may be over before the next request.
        if (wait < 16) continue
        const early = await guess(email)
        await problem(early, 429)
        const retryAfter = Number(early.headers.get('Retry-After'))
        expect(retryAfter).toBeLessThanOrEqual(wait)
        expect(retryAfter).toBeGreaterThan(wait - 8)
      }
    }
  )

  test('an unknown address gets the same answers as a known one, at any time', async () => {
    const answers = async (email: string) => {
      const seen: unknown[] = []
      const note = async () => {
        const response = await guess(email)
        seen.push({ status: response.status, ...(await visible(response, response.status)) })
      }
      for (let guess = 0; guess < 10; guess++) await note()
      for (const wait of [1.9, 59.9, 899.9]) {
        await blockFor(email, wait)
        await note()
      }
      await blockFor(email, -1)
      await note()
      return seen
    }
    const { email } = await newUser()
    expect(await answers(newEmail())).toEqual(await answers(email))
  })

  test('guesses at different spellings of an address are counted together', async () => {
    const { email } = await newUser()
    for (const spelling of [email, email.toUpperCase(), ` ${email}\n`]) await guess(spelling)
    expect((await guessesAt(email))?.failures).toBe(3)
  })

  test('guesses at one address leave other addresses alone', async () => {
    const [user, other] = [await newUser(), await newUser()]
    await guess(other.email)
    await guesses(user.email, 10)
    await blockFor(user.email, 100)
    expect(await guessesAt(other.email)).toMatchObject({ failures: 1, blocked_until: null })
    await logIn(other.email)
    expect((await guess(user.email)).status).toBe(429)
  })

  test('a count starts anew 15 minutes after the first failure, and not sooner', async () => {
    const { email } = await newUser()
    await guesses(email, 9)
    await beganEarlier(email, 14 * 60)
    const before = await guessesAt(email)
    await guess(email)
    expect(await guessesAt(email)).toMatchObject({ failures: 10, since: before?.since })

    const { email: another } = await newUser()
    await guesses(another, 9)
    await beganEarlier(another, 15 * 60 + 1)
    await guess(another)
    expect(await guessesAt(another)).toMatchObject({ failures: 1, blocked_until: null })
    expect(await guesses(another, 9)).toEqual(Array(9).fill(401))
  })

  test('a count starts anew 15 minutes after the last wait, and not sooner', async () => {
    const { email } = await newUser()
    await guesses(email, 10)
    await blockFor(email, -14 * 60)
    await beganEarlier(email, 60 * 60)
    await guess(email)
    expect((await guessesAt(email))?.failures).toBe(11)
    await blockFor(email, -15 * 60 - 1)
    await guess(email)
    expect(await guessesAt(email)).toMatchObject({ failures: 1, blocked_until: null })
  })

  test('the count of an address is stored without the address', async () => {
    const email = newEmail()
    await guess(email)
    const rows = await sql`select to_jsonb(g) as guess from guesses g
      where email_hash = ${sha256(email)}`
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(email.split('@')[0])
  })

  test('a login with a faulty body is not counted', async () => {
    const { email } = await newUser()
    for (const json of [
      { email, password: 'short' },
      { email },
      { email, password, role: 'admin' },
    ])
      await problem(tryLogIn(json), 422)
    expect(await guessesAt(email)).toBeUndefined()
  })
})
