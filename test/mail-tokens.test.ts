import { describe, expect, test } from 'vitest'
import {
  changePassword,
  isRemote,
  newEmail,
  newPassword,
  password,
  problem,
  tryLogIn,
  visible,
} from './api.ts'
import { type MailUser, mailbox, type Purpose, purposes } from './mail.ts'
import { hashedPasswordOf, sha256, sql } from './rows.ts'
import { atOnce } from './writers.ts'

const box = mailbox()
const { newUser, newToken, spend, confirm, reset, take, takeOne } = box

/** All of a user that a token could change. */
const stateOf = async ({ id }: MailUser) => {
  const [row] = await sql`select id, email, email_verified, hashed_password,
      (select count(*)::int from sessions where user_id = users.id) as sessions
    from users where id = ${id}`
  return row
}

/** Expects that a token is refused for this purpose, and that nothing changes for the user. */
const expectDead = async (user: MailUser, purpose: Purpose, token: string) => {
  const before = await stateOf(user)
  const { errors } = await problem(spend(purpose, token), 422)
  expect(errors).toEqual([
    { pointer: '/token', detail: 'is not valid any more. Ask for another link.' },
  ])
  expect(await stateOf(user)).toEqual(before)
}

/** Changes the user's address with a link. */
const moveTo = async (user: MailUser, address: string) => {
  const token = await newToken('change', user, address)
  expect((await confirm(token)).status).toBe(204)
  // The old address was told.
  await takeOne(user.email)
}

const tokenRow = async (user: MailUser, purpose: Purpose) => {
  const [row] = await sql`select to_jsonb(t) as token from mail_tokens t
    where user_id = ${user.id} and purpose = ${purpose}::mail_purpose`
  return row?.token as Record<string, string> | undefined
}

describe.runIf(!isRemote)('the token of a mail', () => {
  test.each(purposes)('a token to %s works once', async (purpose) => {
    const user = await newUser()
    const token = await newToken(purpose, user)
    expect((await spend(purpose, token)).status).toBe(204)
    await expectDead(user, purpose, token)
  })

  test.each(purposes)(
    'of ten requests at once with a token to %s one succeeds',
    async (purpose) => {
      for (let round = 0; round < 3; round++) {
        const user = await newUser()
        const token = await newToken(purpose, user)
        const replies = await atOnce(10, () => spend(purpose, token))
        const statuses = replies.map(({ status }) => status).sort()
        expect(statuses).toEqual([204, ...Array(9).fill(422)])
        expect(await tokenRow(user, purpose)).toBeUndefined()
      }
    }
  )

  test.each<[Purpose, string, number]>([
    ['reset', '30 minutes', 30 * 60],
    ['confirm', '7 days', 7 * 24 * 60 * 60],
    ['change', '24 hours', 24 * 60 * 60],
  ])('a token to %s works for %s, and not after', async (purpose, _, seconds) => {
    const spendAfter = async (age: number) => {
      const user = await newUser()
      const token = await newToken(purpose, user)
      await sql`update mail_tokens set expires_at = expires_at - make_interval(secs => ${age})
        where user_id = ${user.id}`
      return { user, token }
    }
    const late = await spendAfter(seconds)
    await expectDead(late.user, purpose, late.token)
    const intime = await spendAfter(seconds - 20)
    expect((await spend(purpose, intime.token)).status).toBe(204)
  })

  test.each(purposes)('a newer token to %s replaces the older one', async (purpose) => {
    const user = await newUser()
    const [older, newer] = [await newToken(purpose, user), await newToken(purpose, user)]
    await expectDead(user, purpose, older)
    expect((await spend(purpose, newer)).status).toBe(204)
  })

  test('the link of a signup dies with the next link to confirm', async () => {
    const user = await newUser()
    const token = await newToken('confirm', user)
    await expectDead(user, 'confirm', user.confirmToken)
    expect((await confirm(token)).status).toBe(204)
  })

  test('a new token leaves the tokens for other purposes alone', async () => {
    const user = await newUser()
    const token = await newToken('change', user)
    await newToken('confirm', user)
    await newToken('reset', user)
    expect((await confirm(token)).status).toBe(204)
  })

  test('a confirmed address leaves links to reset the password and to change the address alone', async () => {
    for (const purpose of ['reset', 'change'] as const) {
      const user = await newUser()
      const token = await newToken(purpose, user)
      expect((await confirm(user.confirmToken)).status).toBe(204)
      expect((await spend(purpose, token)).status).toBe(204)
    }
  })

  test.each<[token: Purpose, route: Purpose]>([
    ['confirm', 'reset'],
    ['change', 'reset'],
    ['reset', 'confirm'],
  ])('a token to %s does not %s, and is not spent by that', async (purpose, route) => {
    const user = await newUser()
    const token = await newToken(purpose, user)
    await expectDead(user, route, token)
    expect((await spend(purpose, token)).status).toBe(204)
  })

  test('a token is good for its own user alone', async () => {
    const [user, other] = [await newUser(), await newUser()]
    const before = await stateOf(other)
    expect((await reset(await newToken('reset', user))).status).toBe(204)
    expect(await stateOf(other)).toEqual(before)
    expect((await confirm(await newToken('change', other))).status).toBe(204)
    expect((await user.send('GET', '/auth/me')).status).toBe(401)
    expect((await stateOf(user))?.email).toBe(user.email)
  })

  test('the database has the SHA-256 of a token, and not the token', async () => {
    const user = await newUser()
    for (const purpose of purposes) {
      const token = await newToken(purpose, user)
      const [row] = await sql`select to_jsonb(t) as token from mail_tokens t
        where hash = ${sha256(token)}`
      expect(row?.token).toMatchObject({ user_id: user.id, purpose })
      expect(JSON.stringify(row)).not.toContain(token)
    }
  })

  test('an unknown, a malformed and a spent token are one answer', async () => {
    const user = await newUser()
    const spent = await newToken('reset', user)
    expect((await reset(spent)).status).toBe(204)
    for (const purpose of ['reset', 'confirm'] as const) {
      const answers = await Promise.all(
        [
          'x'.repeat(43),
          '',
          'x',
          'x'.repeat(44),
          `${'x'.repeat(42)}\0`,
          spent,
          7,
          null,
          [spent],
        ].map((token) => visible(spend(purpose, token as string), 422))
      )
      for (const answer of answers) expect(answer).toEqual(answers[0])
    }
  })

  test('a token goes with its account', async () => {
    const user = await newUser()
    const tokens: [Purpose, string][] = []
    for (const purpose of purposes) tokens.push([purpose, await newToken(purpose, user)])
    expect((await user.send('DELETE', '/auth/me')).status).toBe(204)
    for (const [purpose, token] of tokens) await problem(spend(purpose, token), 422)
    expect(await sql`select hash from mail_tokens where user_id = ${user.id}`).toEqual([])
  })
})

/** Every way in which a password or an address changes. */
const changes: Record<string, (user: MailUser) => Promise<unknown>> = {
  'the password was reset': async (user) => {
    const token = await newToken('reset', user)
    expect((await reset(token)).status).toBe(204)
  },
  'the password was changed': async ({ accessToken }) => {
    expect((await changePassword(accessToken)).status).toBe(204)
  },
  'somebody changed the password in the database': async ({ id }) => {
    const other = await newUser()
    await sql`update users set hashed_password = ${await hashedPasswordOf(other.id)}
      where id = ${id}`
  },
  'the address was changed': (user) => moveTo(user, newEmail()),
  'the address was changed and changed back': async (user) => {
    const between = newEmail()
    await moveTo(user, between)
    await moveTo({ ...user, email: between }, user.email)
  },
  'somebody changed the address in the database': ({ id }) =>
    sql`update users set email = ${newEmail()} where id = ${id}`,
}

describe.runIf(!isRemote).each(Object.entries(changes))('after %s', (what, change) => {
  test.each(purposes)(`after ${what}, a token to %s is dead`, async (purpose) => {
    const user = await newUser()
    // The signup sent it. Once the address is confirmed, no other is sent.
    const token = purpose === 'confirm' ? user.confirmToken : await newToken(purpose, user)
    await change(user)
    await expectDead(user, purpose, token)
  })
})

describe.runIf(!isRemote)('a token that is made while the password or the address changes', () => {
  /** Puts a token back, as if it was committed too late for the change to see and delete it. */
  const putBack = (row: object | undefined) =>
    sql`insert into mail_tokens select * from
      jsonb_populate_record(null::mail_tokens, ${JSON.stringify(row)})`

  test.each(purposes)('a token to %s that overlaps with a reset is dead', async (purpose) => {
    const user = await newUser()
    const victim = await newToken('reset', user)
    const token = purpose === 'reset' ? victim : await newToken(purpose, user)
    const row = await tokenRow(user, purpose)
    expect((await reset(victim)).status).toBe(204)
    await putBack(row)
    await expectDead(user, purpose, token)
  })

  test.each(['reset', 'confirm'] as const)(
    'a token to %s that overlaps with a change of address is dead',
    async (purpose) => {
      const user = await newUser()
      const token = await newToken(purpose, user)
      const row = await tokenRow(user, purpose)
      await moveTo(user, newEmail())
      await putBack(row)
      await expectDead(user, purpose, token)
    }
  )
})

describe.runIf(!isRemote)('takeovers', () => {
  test('the owner of a mistyped address gets nothing once the address was changed', async () => {
    const user = await newUser()
    const mistyped = user.email
    const theirReset = await newToken('reset', user)
    const right = newEmail()
    await moveTo(user, right)
    await expectDead(user, 'confirm', user.confirmToken)
    await expectDead(user, 'reset', theirReset)
    await take(mistyped)
    expect((await box.forgot(mistyped)).status).toBe(202)
    expect(await take(mistyped)).toEqual([])
    expect(await user.me()).toMatchObject({ email: right, email_verified: true })
  })

  test('a change of address that a thief asked for dies when the victim resets the password', async () => {
    const user = await newUser()
    const victim = await newToken('reset', user)
    const thief = await newToken('change', user)
    expect((await reset(victim)).status).toBe(204)
    await expectDead(user, 'change', thief)
    expect((await user.send('GET', '/auth/me')).status).toBe(401)
    const login = await tryLogIn({ email: user.email, password: newPassword })
    expect(login.status).toBe(200)
  })

  test('a thief who asks for another address while the victim resets gets nothing', async () => {
    for (let round = 0; round < 5; round++) {
      const user = await newUser()
      const victim = await newToken('reset', user)
      const address = newEmail()
      const [done, asked] = await Promise.all([reset(victim), user.changeTo(address)])
      expect(done.status).toBe(204)
      // Too late with the session, with the password, or in time for a link that is dead by now.
      expect([401, 403, 202]).toContain(asked.status)
      for (const mail of await take(address)) {
        const [, token = ''] = /#confirm=([\w-]+)/.exec(mail.text) ?? []
        await expectDead(user, 'change', token)
      }
      expect((await stateOf(user))?.email).toBe(user.email)
    }
  })

  test("a flood of requests does not void the victim's last link", async () => {
    const user = await newUser()
    expect((await box.forgot(user.email)).status).toBe(202)
    const replies = await atOnce(20, () => box.forgot(user.email))
    for (const { status } of replies) expect(status).toBe(202)
    const mails = await take(user.email)
    expect(mails).toHaveLength(3)
    const tokens = mails.map(({ text }) => /#reset=([\w-]+)/.exec(text)?.[1] ?? '')
    const statuses: number[] = []
    for (const token of tokens) statuses.push((await reset(token)).status)
    // Mails of requests at the same moment may arrive in any order.
    expect(statuses.sort()).toEqual([204, 422, 422])
  })

  test('a flood after the victim has the last link leaves that link good', async () => {
    const user = await newUser()
    for (let mail = 1; mail <= 2; mail++) await box.forgot(user.email)
    await take(user.email)
    const last = await newToken('reset', user)
    for (let mail = 1; mail <= 10; mail++) await box.forgot(user.email)
    expect(await take(user.email)).toEqual([])
    expect((await reset(last)).status).toBe(204)
    await takeOne(user.email)
  })

  test('two accounts that ask for one address do not both get it', async () => {
    const users = [await newUser(), await newUser()]
    const address = newEmail()
    const tokens: string[] = []
    for (const user of users) tokens.push(await newToken('change', user, address))
    const replies = await Promise.all(tokens.map(confirm))
    expect(replies.map(({ status }) => status).sort()).toEqual([204, 422])
    const [row] = await sql`select count(*)::int as owners from users where email = ${address}`
    expect(row?.owners).toBe(1)
    expect((await tryLogIn({ email: address, password })).status).toBe(200)
  })
})
