import { describe, expect, test } from 'vitest'
import {
  isRemote,
  logIn,
  newEmail,
  newPassword,
  password,
  pointers,
  problem,
  refresh,
  statusWith,
  throughProxy,
  tryLogIn,
  wrongPassword,
} from './api.ts'
import { expectNoLink, mailbox } from './mail.ts'
import { blockFor, guessesAt, hashedPasswordOf, sql } from './rows.ts'
import { claims, forge, sidOf } from './tokens.ts'

const box = mailbox()
const { newUser, newToken, forgot, reset, take, takeOne } = box

/** Uses up the mails to this address that an hour allows. */
const reachLimit = async (email: string) => {
  for (let mail = 1; mail <= 3; mail++) expect((await forgot(email)).status).toBe(202)
  await take(email)
}

/** All that a caller can see of a reply but its request id and date. */
const seenOf = async (response: Response) => {
  const { 'x-request-id': _, date: __, ...headers } = Object.fromEntries(response.headers)
  return { status: response.status, headers, body: await response.text() }
}

describe.runIf(!isRemote)('POST /auth/password/forgot', () => {
  test('a mail with a link goes to the address of an account', async () => {
    const user = await newUser()
    const response = await forgot(` ${user.email.toUpperCase()}\n`)
    expect(response.status).toBe(202)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await response.text()).toBe('')
    expect(await takeOne(user.email)).toMatchObject({
      subject: 'Set a new password',
      from: { email: 'todo@example.com', name: 'edge-todo' },
    })
  })

  test('no mail goes to an address without an account', async () => {
    const email = newEmail()
    expect((await forgot(email)).status).toBe(202)
    expect(await take(email)).toEqual([])
  })

  test('a known and an unknown address get the same reply, also at the limit of mails', async () => {
    const { email } = await newUser()
    const unknown = newEmail()
    for (let request = 1; request <= 6; request++)
      expect(await seenOf(await forgot(email)), `request ${request}`).toEqual(
        await seenOf(await forgot(unknown))
      )
    expect(await take(email)).toHaveLength(3)
  })

  test('a known and an unknown address make one request to the database each, also at the limit', async () => {
    const { email } = await newUser()
    for (const address of [email, newEmail()])
      for (let request = 1; request <= 5; request++) {
        const { send, requests } = throughProxy()
        const json = { email: address }
        expect((await send('POST', '/auth/password/forgot', { json })).status).toBe(202)
        expect(await requests()).toBe(1)
      }
  })

  test.each(['within', 'beyond'])(
    'a known and an unknown address take the same time, %s the limit of mails',
    async (side) => {
      const rounds = 15
      const milliseconds = async (email: string) => {
        if (side === 'beyond') await reachLimit(email)
        const start = performance.now()
        expect((await forgot(email)).status).toBe(202)
        const time = performance.now() - start
        await box.settled()
        return time
      }
      const [template] = [await newUser()]
      const known: number[] = []
      const unknown: number[] = []
      for (let round = 0; round < rounds; round++) {
        const email = newEmail()
        await sql`insert into users (email, hashed_password)
          values (${email}, ${await hashedPasswordOf(template.id)})`
        known.push(await milliseconds(email))
        unknown.push(await milliseconds(newEmail()))
      }
      const median = (times: number[]) => times.sort((a, b) => a - b)[rounds >> 1] ?? 0
      const ratio = median(known) / median(unknown)
      console.log(`known / unknown, ${side} the limit of mails: ${ratio.toFixed(2)}`)
      expect(ratio).toBeGreaterThan(0.5)
      expect(ratio).toBeLessThan(2)
    }
  )

  test('the reply does not wait for the mail', async () => {
    const { email } = await newUser()
    let sent = () => {}
    const accepted = new Promise<void>((resolve) => {
      sent = resolve
    })
    const slow = mailbox({ EMAIL: { send: () => accepted } })
    expect((await slow.forgot(email)).status).toBe(202)
    sent()
    await slow.settled()
  })

  test('twenty requests at once send three mails', async () => {
    const { email } = await newUser()
    await Promise.all(Array.from({ length: 20 }, () => forgot(email)))
    expect(await take(email)).toHaveLength(3)
  })

  test('mails are counted within any hour, and those of other purposes and addresses do not count', async () => {
    const [user, other] = [await newUser(), await newUser()]
    await reachLimit(user.email)
    await newToken('reset', other)
    await newToken('confirm', user)
    await newToken('change', user)
    const count = await sql`select hash from mail_counts
      where hash = encode(sha256(convert_to(${`reset ${user.email}`}, 'UTF8')), 'hex')`
    const hash = count[0]?.hash
    /** Moves the mails so many minutes into the past, the last one first. */
    const sentBefore = (minutes: number[]) =>
      sql`update mail_counts set sent_at = (select array_agg(now() - make_interval(secs => m * 60) order by n)
        from unnest(${minutes}::float8[]) with ordinality as sent (m, n)) where hash = ${hash}`
    await sentBefore([1, 30, 59])
    await forgot(user.email)
    expect(await take(user.email)).toEqual([])
    await sentBefore([1, 30, 61])
    await forgot(user.email)
    await forgot(user.email)
    expect(await take(user.email)).toHaveLength(1)
  })

  test.each([
    [{}, ['/email']],
    [{ email: 'ada' }, ['/email']],
    [{ email: null }, ['/email']],
    [{ email: 'ada@example.com', password }, ['/password']],
  ])('the body %j is a 422', async (json, faults) => {
    expect(await pointers(box.send('POST', '/auth/password/forgot', { json }))).toEqual(faults)
  })
})

describe.runIf(!isRemote)('POST /auth/password/reset', () => {
  test('the new password logs in, and the old one no longer does', async () => {
    const user = await newUser()
    const response = await reset(await newToken('reset', user))
    expect(response.status).toBe(204)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect((await tryLogIn({ email: user.email, password })).status).toBe(401)
    expect((await tryLogIn({ email: user.email, password: newPassword })).status).toBe(200)
    expect(await hashedPasswordOf(user.id)).toMatch(/^\$2[aby]\$\d\d\$.{53}$/)
  })

  test('every session of the user is over, and those of others live on', async () => {
    const [user, stranger] = [await newUser(), await newUser()]
    const other = await logIn(user.email)
    await reset(await newToken('reset', user))
    for (const session of [user, other]) {
      expect(await statusWith(session.accessToken)).toBe(401)
      await problem(refresh(session.cookie), 401)
    }
    expect(await sql`select id from sessions where user_id = ${user.id}`).toEqual([])
    expect(await statusWith(stranger.accessToken)).toBe(200)
  })

  test('the session of a login that overlaps with the reset is over', async () => {
    const user = await newUser()
    const [row] = await sql`select to_jsonb(s) as session from sessions s
      where id = ${sidOf(user.accessToken)}`
    await reset(await newToken('reset', user))
    // Puts the session back, as if it was committed too late for the reset to see and delete it.
    await sql`insert into sessions select * from
      jsonb_populate_record(null::sessions, ${JSON.stringify(row?.session)})`
    expect(await statusWith(user.accessToken)).toBe(401)
  })

  test('the count of wrong passwords is cleared', async () => {
    const user = await newUser()
    for (let guess = 1; guess <= 10; guess++)
      await tryLogIn({ email: user.email, password: wrongPassword })
    await blockFor(user.email, 900)
    expect((await tryLogIn({ email: user.email, password })).status).toBe(429)
    await reset(await newToken('reset', user))
    expect(await guessesAt(user.email)).toBeUndefined()
    expect((await tryLogIn({ email: user.email, password: newPassword })).status).toBe(200)
  })

  test('the address counts as confirmed', async () => {
    const user = await newUser()
    expect((await user.me()).email_verified).toBe(false)
    await reset(await newToken('reset', user))
    const accessToken = await forge(claims(user.id))
    expect(await (await box.send('GET', '/auth/me', { accessToken })).json()).toMatchObject({
      email: user.email,
      email_verified: true,
    })
  })

  test('a mail without a link tells the address that its password was changed', async () => {
    const user = await newUser()
    await reset(await newToken('reset', user))
    const mail = await takeOne(user.email)
    expect(mail.subject).toBe('Your password was changed')
    expectNoLink(mail)
  })

  test('a faulty new password is a 422, and does not spend the token', async () => {
    const user = await newUser()
    const token = await newToken('reset', user)
    for (const faulty of ['1234567', 'x'.repeat(73), 'correct\0horse'])
      expect(await pointers(reset(token, faulty))).toEqual(['/new_password'])
    expect((await reset(token)).status).toBe(204)
  })

  test('all faults of a reset are reported at once', async () => {
    const json = { token: 'x', new_password: 'short', email: 'ada@example.com' }
    const response = box.send('POST', '/auth/password/reset', { json })
    expect(await pointers(response)).toEqual(['/email', '/new_password', '/token'])
  })
})
