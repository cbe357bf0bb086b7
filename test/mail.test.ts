import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  isRemote,
  newEmail,
  type Overrides,
  password,
  problem,
  read,
  type Send,
  sendWith,
  trySignUp,
  User,
  visible,
} from './api.ts'
import { type Mail, mailbox, tokenOf } from './mail.ts'
import { sql } from './rows.ts'

const box = mailbox()
const { newUser, newToken, forgot, reset, confirm, takeOne } = box

/** One mail of each kind, with the address that it went to. */
const oneOfEach = async () => {
  const mails: Record<string, { address: string; mail: Mail }> = {}
  const note = async (name: string, address: string) => {
    mails[name] = { address, mail: await takeOne(address) }
  }
  const email = newEmail()
  await trySignUp({ email, password }, box.send)
  await note('confirm', email)
  const [user, other] = [await newUser(), await newUser()]
  await forgot(user.email)
  await note('reset', user.email)
  await user.changeTo(other.email)
  await note('taken', other.email)
  await user.changeTo(user.email)
  await note('present', user.email)
  const address = newEmail()
  await user.changeTo(address)
  await note('change', address)
  await confirm(tokenOf(mails.change?.mail, 'confirm'))
  await note('changed', user.email)
  await reset(await newToken('reset', other))
  await note('was reset', other.email)
  return mails
}

describe.runIf(!isRemote)('what a mail says', () => {
  const unescaped = (html: string) =>
    html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))

  test('every mail tells its address, the time of the request, and what to do', async () => {
    const day = new Date().toISOString().slice(0, 4)
    for (const [name, { address, mail }] of Object.entries(await oneOfEach())) {
      expect(mail.text, name).toContain(address)
      expect(mail.text, name).toMatch(/\d{1,2} [A-Z][a-z]+ \d{4} at \d\d:\d\d UTC/)
      expect(mail.text, name).toContain(day)
      expect(mail.text, name).toMatch(/If it was not you, /)
      expect(mail.text, name).not.toMatch(/undefined|null|\[object/)
      expect(mail.from, name).toEqual({ email: env.EMAIL_FROM, name: 'edge-todo' })
    }
  })

  test('a mail with a link says for how long it works', async () => {
    const { reset, confirm, change } = await oneOfEach()
    expect(reset?.mail.text).toContain('within 30 minutes. It works once')
    expect(confirm?.mail.text).toContain('within 7 days. It works once')
    expect(change?.mail.text).toContain('within 24 hours. It works once')
  })

  test('the HTML of every mail says what its text says, and loads nothing', async () => {
    for (const [name, { mail }] of Object.entries(await oneOfEach())) {
      const [, body = ''] = mail.html.split(/<body[^>]*>/)
      const words = unescaped(body.replace(/<[^>]+>/g, ' '))
      expect(words.split(/\s+/).join(' ').trim(), name).toBe(
        mail.text.split(/\s+/).join(' ').trim()
      )
      expect(mail.html, name).not.toMatch(/<(img|script|link|iframe|form|input)|\bsrc=|url\(/i)
      expect(mail.html, name).toContain('<html lang="en">')
    }
  })

  test('no mail has a password, a hash or an access token', async () => {
    for (const [name, { mail }] of Object.entries(await oneOfEach()))
      expect(JSON.stringify(mail), name).not.toMatch(
        /correct horse|another password|\$2[aby]\$|eyJ[\w-]+\.eyJ|[\da-f]{64}/
      )
  })

  test("an address cannot break out of a mail's HTML", async () => {
    const email = `o'brien+${crypto.randomUUID()}@example.com`
    await read(trySignUp({ email, password }, box.send), 201, User)
    const { text, html } = await takeOne(email)
    expect(text).toContain(email)
    expect(html).toContain(email.replace("'", '&#39;'))
    expect(html).not.toContain(email)
  })
})

describe.runIf(!isRemote)('the link of a mail', () => {
  test('the link never follows the host of the request', async () => {
    const headers = {
      Host: 'evil.example',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'http',
      'X-Original-Host': 'evil.example',
      Forwarded: 'host=evil.example;proto=http',
      Origin: 'https://evil.example',
      Referer: 'https://evil.example/',
    }
    const user = await newUser()
    const origin = 'https://evil.example'
    const { accessToken } = user
    const requests: [
      address: string,
      name: 'reset' | 'confirm',
      request: () => Promise<unknown>,
    ][] = []
    const add = (
      address: string,
      name: 'reset' | 'confirm',
      [method, path, json]: [string, string, unknown?]
    ) =>
      requests.push([
        address,
        name,
        () => box.send(method, `${origin}${path}`, { headers, json, accessToken }),
      ])
    const [signedUp, changed] = [newEmail(), newEmail()]
    add(signedUp, 'confirm', ['POST', '/auth/signup', { email: signedUp, password }])
    add(user.email, 'reset', ['POST', '/auth/password/forgot', { email: user.email }])
    add(user.email, 'confirm', ['POST', '/auth/email/resend'])
    add(changed, 'confirm', ['PUT', '/auth/email', { email: changed, current_password: password }])
    for (const [address, name, request] of requests) {
      await request()
      const mail = await takeOne(address)
      // Also checks that the link is on APP_URL.
      tokenOf(mail, name)
      expect(JSON.stringify(mail)).not.toContain('evil')
    }
  })

  test('a mail cannot be spent by opening its link', async () => {
    const user = await newUser()
    for (const path of ['/auth/email/confirm', '/auth/password/reset'])
      await problem(box.send('GET', `${path}?token=${user.confirmToken}`), 405)
    expect((await user.me()).email_verified).toBe(false)
  })
})

/** What a caller sees of a reply, without the request id and the date, which always differ. */
const seenOf = async (response: Response) => {
  const { 'x-request-id': _, date: __, ...headers } = Object.fromEntries(response.headers)
  return { status: response.status, headers, body: await response.text() }
}

describe.runIf(!isRemote)('a binding that does not send', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** An error as Cloudflare's binding throws it, with the mail in its message. */
  const quoting = (mail: Mail) =>
    Object.assign(new Error(`550 ${mail.to}: ${mail.text}`), { code: 'E_SENDER_NOT_VERIFIED' })

  /** Sends through a binding that acts so, and gives the mails that it saw and the errors in the log. */
  const forgotThrough = async (act: (mail: Mail, tries: number) => Promise<unknown>) => {
    const { email } = await newUser()
    const expected = await seenOf(await forgot(email))
    const tried: Mail[] = []
    const failing = mailbox({ EMAIL: { send: (mail) => act(mail, tried.push(mail)) } })
    const error = vi.spyOn(console, 'error')
    const response = await failing.forgot(email)
    expect(await seenOf(response)).toEqual(expected)
    await failing.settled()
    const lines = error.mock.calls.map(([line]) => String(line))
    for (const line of lines) expect(line).not.toMatch(/@|#reset|550 /)
    return { tried, lines: lines.map((line) => JSON.parse(line)), response }
  }

  test('a mail that fails is tried once more, and then has one line in the log', async () => {
    const { tried, lines, response } = await forgotThrough(async (mail) => {
      throw quoting(mail)
    })
    expect(tried).toHaveLength(2)
    expect(tried[1]).toEqual(tried[0])
    expect(lines).toEqual([
      {
        level: 'error',
        mail: 'reset',
        request_id: response.headers.get('X-Request-Id'),
        error: 'Error',
        code: 'E_SENDER_NOT_VERIFIED',
      },
    ])
  })

  test('a mail that fails once is sent by the second try, without a line in the log', async () => {
    const { tried, lines } = await forgotThrough(async (mail, tries) => {
      if (tries === 1) throw quoting(mail)
    })
    expect(tried).toHaveLength(2)
    expect(lines).toEqual([])
  })

  test('a binding that throws something of its own before it sends anything is a failure too', async () => {
    const { tried, lines } = await forgotThrough((mail) => {
      throw { code: mail.to }
    })
    expect(tried).toHaveLength(2)
    expect(lines).toMatchObject([{ mail: 'reset', error: 'object' }])
  })

  test('a binding that hangs is tried once more after 5 seconds, and then has one line in the log', async () => {
    const start = Date.now()
    const { tried, lines } = await forgotThrough(() => new Promise(() => {}))
    expect(Date.now() - start).toBeGreaterThan(9900)
    expect(Date.now() - start).toBeLessThan(15_000)
    expect(tried).toHaveLength(2)
    expect(lines).toMatchObject([{ mail: 'reset', error: 'TimeoutError' }])
  })

  test('a signup, a reset and a change succeed when no mail can be delivered', async () => {
    const user = await newUser()
    const resetToken = await newToken('reset', await newUser())
    const changeToken = await newToken('change', user)
    const failing = mailbox({ EMAIL: { send: () => Promise.reject(new Error('down')) } })
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const email = newEmail()
    await read(trySignUp({ email, password }, failing.send), 201, User)
    expect((await failing.reset(resetToken)).status).toBe(204)
    expect((await failing.confirm(changeToken)).status).toBe(204)
    await failing.settled()
  })
})

describe.runIf(!isRemote)('a service that is not set up for mail', () => {
  const names = ['EMAIL', 'EMAIL_FROM', 'APP_URL'] as const

  const detailsOf = async (send: Send) => {
    const { email, accessToken } = await newUser()
    const json = { email: newEmail(), current_password: password }
    const replies = await Promise.all([
      visible(send('POST', '/auth/password/forgot', { json: { email } }), 503),
      visible(send('POST', '/auth/email/resend', { accessToken }), 503),
      visible(send('PUT', '/auth/email', { json, accessToken }), 503),
    ])
    return new Set(replies.map(({ body }) => body.detail))
  }

  test.each<[missing: (typeof names)[number][]]>([
    [['EMAIL']],
    [['EMAIL_FROM']],
    [['APP_URL']],
    [[...names]],
  ])('requests for a mail are a 503 that names what is missing: %j', async (missing) => {
    const overrides = Object.fromEntries(missing.map((name) => [name, undefined])) as Overrides
    const details = await detailsOf(sendWith(overrides))
    expect(details).toEqual(new Set([`Mail is not set up. Missing: ${missing.join(', ')}.`]))
  })

  test.each(names)('without %s a signup works, sends nothing and makes no token', async (name) => {
    const bare = mailbox({ [name]: undefined })
    const email = newEmail()
    const { id } = await read(trySignUp({ email, password }, bare.send), 201, User)
    expect(await bare.take(email)).toEqual([])
    expect(await sql`select hash from mail_tokens where user_id = ${id}`).toEqual([])
  })

  test('without the binding a link that was sent before still works', async () => {
    const user = await newUser()
    const bare = mailbox({ EMAIL: undefined })
    expect((await bare.confirm(user.confirmToken)).status).toBe(204)
    const token = await newToken('reset', user)
    expect((await bare.reset(token)).status).toBe(204)
  })

  test('a stranger gets a 401 and not the 503', async () => {
    const bare = sendWith({ EMAIL: undefined })
    await problem(bare('POST', '/auth/email/resend'), 401)
    await problem(bare('PUT', '/auth/email', { json: {} }), 401)
  })
})
