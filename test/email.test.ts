import { describe, expect, test } from 'vitest'
import {
  changePassword,
  isRemote,
  logIn,
  newEmail,
  newPassword,
  password,
  pointers,
  problem,
  read,
  statusWith,
  tryLogIn,
  trySignUp,
  User,
  wrongPassword,
} from './api.ts'
import { expectNoLink, mailbox, tokenOf } from './mail.ts'
import { blockFor, guessesAt, hashedPasswordOf, sql } from './rows.ts'
import { isEmbedded } from './writers.ts'

const box = mailbox()
const { newUser, newToken, confirm, take, takeOne } = box

describe.runIf(!isRemote)('confirming an address', () => {
  test('a signup sends a link, and the address is confirmed with it', async () => {
    const email = newEmail()
    const user = await read(trySignUp({ email, password }, box.send), 201, User)
    expect(user.email_verified).toBe(false)
    const mail = await takeOne(email)
    expect(mail.subject).toBe('Confirm your e-mail address')
    const { accessToken } = await logIn(email)
    const me = () => read(box.send('GET', '/auth/me', { accessToken }), 200, User)
    expect((await me()).email_verified).toBe(false)
    const response = await confirm(tokenOf(mail, 'confirm'))
    expect(response.status).toBe(204)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect((await me()).email_verified).toBe(true)
    expect(await take(email)).toEqual([])
  })

  test('an account works fully before its address is confirmed', async () => {
    const user = await newUser()
    const task = await user.send('POST', '/tasks', { json: { title: 'x' } })
    expect(task.status).toBe(201)
    expect((await changePassword(user.accessToken)).status).toBe(204)
  })

  test('a confirmation leaves password, address and sessions as they are', async () => {
    const user = await newUser()
    await confirm(user.confirmToken)
    expect(await statusWith(user.accessToken)).toBe(200)
    expect((await tryLogIn({ email: user.email, password })).status).toBe(200)
  })

  test('a signup with a taken address sends no mail', async () => {
    const { email } = await newUser()
    await problem(trySignUp({ email, password }, box.send), 409)
    expect(await take(email)).toEqual([])
  })

  test('an account that is made and deleted again and again sends three mails an hour', async () => {
    const email = newEmail()
    for (let account = 1; account <= 5; account++) {
      expect((await trySignUp({ email, password }, box.send)).status).toBe(201)
      const { accessToken } = await logIn(email)
      expect((await box.send('DELETE', '/auth/me', { accessToken })).status).toBe(204)
    }
    expect(await take(email)).toHaveLength(3)
  })

  test('the reply of a signup is the same when the limit of mails is reached', async () => {
    const email = newEmail()
    await sql`insert into mail_counts (hash, sent_at)
      values (encode(sha256(convert_to(${`confirm ${email}`}, 'UTF8')), 'hex'), array_fill(now(), array[3]))`
    const user = await read(trySignUp({ email, password }, box.send), 201, User)
    expect(user).toMatchObject({ email, email_verified: false })
    expect(await take(email)).toEqual([])
    expect(await sql`select hash from mail_tokens where user_id = ${user.id}`).toEqual([])
  })
})

describe.runIf(!isRemote)('POST /auth/email/resend', () => {
  test('a new link is sent as long as the address is not confirmed', async () => {
    const user = await newUser()
    const response = await user.resend()
    expect(response.status).toBe(202)
    expect(await response.text()).toBe('')
    const token = tokenOf(await takeOne(user.email), 'confirm')
    await confirm(token)
    expect((await user.resend()).status).toBe(204)
    expect(await take(user.email)).toEqual([])
  })

  test('the mail of the signup counts for the limit of three an hour', async () => {
    const user = await newUser()
    const tokens: string[] = []
    for (let request = 1; request <= 5; request++) {
      expect((await user.resend()).status).toBe(202)
      for (const mail of await take(user.email)) tokens.push(tokenOf(mail, 'confirm'))
    }
    expect(tokens).toHaveLength(2)
    expect((await confirm(String(tokens.at(-1)))).status).toBe(204)
  })
})

describe.runIf(!isRemote)('PUT /auth/email', () => {
  test('the new address takes the place of the old one when its link is confirmed', async () => {
    const user = await newUser()
    const address = newEmail()
    const response = await user.changeTo(` ${address.toUpperCase()} `)
    expect(response.status).toBe(202)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(await response.text()).toBe('')
    expect(await user.me()).toMatchObject({ email: user.email, email_verified: false })
    expect((await tryLogIn({ email: address, password })).status).toBe(401)
    const mail = await takeOne(address)
    expect(mail.subject).toBe('Confirm your new e-mail address')
    // Whoever owns a mistyped address learns nothing of the account.
    expect(JSON.stringify(mail)).not.toContain(user.email)
    expect(await take(user.email)).toEqual([])

    expect((await confirm(tokenOf(mail, 'confirm'))).status).toBe(204)
    expect(await user.me()).toMatchObject({ id: user.id, email: address, email_verified: true })
    expect((await tryLogIn({ email: address, password })).status).toBe(200)
    expect((await tryLogIn({ email: user.email, password })).status).toBe(401)
  })

  test('the old address is told by a mail without a link', async () => {
    const user = await newUser()
    const address = newEmail()
    await confirm(await newToken('change', user, address))
    const mail = await takeOne(user.email)
    expect(mail.subject).toBe('Your e-mail address was changed')
    expectNoLink(mail)
    // The old address may have been a stranger's.
    expect(JSON.stringify(mail)).not.toContain(address)
    expect(await take(address)).toEqual([])
  })

  test('an old address is told three times an hour, however often accounts with it are made', async () => {
    const email = newEmail()
    for (let account = 1; account <= 5; account++) {
      expect((await trySignUp({ email, password }, box.send)).status).toBe(201)
      const { accessToken } = await logIn(email)
      const address = newEmail()
      const json = { email: address, current_password: password }
      expect((await box.send('PUT', '/auth/email', { json, accessToken })).status).toBe(202)
      expect((await confirm(tokenOf(await takeOne(address), 'confirm'))).status).toBe(204)
    }
    const subjects = (await take(email)).map(({ subject }) => subject)
    expect(
      subjects.filter((subject) => subject === 'Your e-mail address was changed')
    ).toHaveLength(3)
    expect(subjects).toHaveLength(6)
  })

  test.each(['of another account', 'of their own'])(
    'asking for an address %s voids the link before, as asking for a free one does',
    async (whose) => {
      const user = await newUser()
      const token = await newToken('change', user)
      const address = whose === 'of their own' ? user.email : (await newUser()).email
      expect((await user.changeTo(address)).status).toBe(202)
      expect(await pointers(confirm(token))).toEqual(['/token'])
      expect(await user.me()).toMatchObject({ email: user.email })
    }
  )

  test('an address of another account gets the same reply, and a mail that says so', async () => {
    const [user, other] = [await newUser(), await newUser()]
    const seen = async (address: string) => {
      const response = await user.changeTo(address)
      const { 'x-request-id': _, date: __, ...headers } = Object.fromEntries(response.headers)
      return { status: response.status, headers, body: await response.text() }
    }
    expect(await seen(other.email)).toEqual(await seen(newEmail()))
    const mail = await takeOne(other.email)
    expect(mail.subject).toBe('This e-mail address has an account already')
    expectNoLink(mail)
    expect(await take(user.email)).toEqual([])
  })

  test('the present address gets the same reply, and a mail that says so', async () => {
    const user = await newUser()
    expect((await user.changeTo(user.email)).status).toBe(202)
    const mail = await takeOne(user.email)
    expect(mail.subject).toBe('This is your e-mail address already')
    expectNoLink(mail)
  })

  test('a wrong current password is a 403 that sends nothing, and is counted', async () => {
    const user = await newUser()
    const address = newEmail()
    await problem(user.changeTo(address, wrongPassword), 403)
    expect(await take(address)).toEqual([])
    expect(await guessesAt(user.email)).toMatchObject({ failures: 1 })
    expect((await user.changeTo(address)).status).toBe(202)
    expect(await guessesAt(user.email)).toBeUndefined()
  })

  test('a change whose password is replaced while it is verified is refused and sends nothing', async () => {
    const [user, other] = [await newUser(), await newUser()]
    await changePassword(other.accessToken)
    const address = newEmail()
    // The statement holds the user's row for a while, so that the change reads the old hash and then
    // waits for the new one. With its one connection, the embedded Postgres has replaced the password
    // before the change comes, so that the session is over.
    const replacement = sql`with replaced as (
        update users set hashed_password = ${await hashedPasswordOf(other.id)}
        where id = ${user.id} returning id)
      select id, pg_sleep(0.5)::text from replaced`.then((rows) => rows)
    const isFree = async () =>
      (await sql`select id from users where id = ${user.id} for no key update skip locked`).length
    if (!isEmbedded) await expect.poll(isFree).toBe(0)
    await problem(user.changeTo(address), isEmbedded ? 401 : 403)
    expect(await replacement).toHaveLength(1)
    expect(await take(address)).toEqual([])
  })

  test('after ten wrong passwords the right one is a 429 too', async () => {
    const user = await newUser()
    for (let guess = 1; guess <= 10; guess++)
      await problem(user.changeTo(newEmail(), wrongPassword), 403)
    await blockFor(user.email, 60)
    const response = await user.changeTo(newEmail())
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThanOrEqual(1)
    await problem(response, 429)
  })

  test('a user may ask for five changes an hour, and the last link stays good', async () => {
    const user = await newUser()
    const tokens: string[] = []
    for (let request = 1; request <= 8; request++) {
      const address = newEmail()
      expect((await user.changeTo(address)).status).toBe(202)
      for (const mail of await take(address)) tokens.push(tokenOf(mail, 'confirm'))
    }
    expect(tokens).toHaveLength(5)
    expect((await confirm(String(tokens.at(-1)))).status).toBe(204)
  })

  test('an address gets three mails an hour about changes, whoever asks', async () => {
    const address = newEmail()
    for (let user = 1; user <= 5; user++)
      expect((await (await newUser()).changeTo(address)).status).toBe(202)
    expect(await take(address)).toHaveLength(3)
  })

  test('of ten changes at once for one user five send a mail', async () => {
    const user = await newUser()
    const addresses = Array.from({ length: 10 }, newEmail)
    // Each counts as a try at the password until it has succeeded, so that some may have to wait.
    const replies = await Promise.all(addresses.map((address) => user.changeTo(address)))
    const accepted = replies.filter(({ status }) => status === 202).length
    for (const { status } of replies) expect([202, 429]).toContain(status)
    const mails = await Promise.all(addresses.map(take))
    expect(mails.flat()).toHaveLength(Math.min(accepted, 5))
  })

  test('an address that was taken meanwhile makes the link a 422, and changes nothing', async () => {
    const user = await newUser()
    const address = newEmail()
    const token = await newToken('change', user, address)
    await read(trySignUp({ email: address, password: newPassword }, box.send), 201, User)
    await take(address)
    expect(await pointers(confirm(token))).toEqual(['/token'])
    expect(await user.me()).toMatchObject({ email: user.email, email_verified: false })
    expect(await take(user.email)).toEqual([])
    expect((await tryLogIn({ email: address, password: newPassword })).status).toBe(200)
  })

  test.each([
    [{}, ['/current_password', '/email']],
    [{ email: 'ada', current_password: password }, ['/email']],
    [{ email: 'ada@example.com', current_password: 'short' }, ['/current_password']],
    [
      { email: 'ada@example.com', current_password: password, email_verified: true },
      ['/email_verified'],
    ],
  ])('the body %j is a 422', async (json, faults) => {
    const user = await newUser()
    expect(await pointers(user.send('PUT', '/auth/email', { json }))).toEqual(faults)
  })
})
