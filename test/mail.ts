import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { Bindings } from '../src/env.ts'
import {
  logIn,
  newEmail,
  newPassword,
  type Overrides,
  password,
  read,
  type Send,
  sendWith,
  trySignUp,
  User,
} from './api.ts'

export type Mail = Parameters<NonNullable<Bindings['EMAIL']>['send']>[0]

/** The purposes of links. */
export const purposes = ['reset', 'confirm', 'change'] as const
export type Purpose = (typeof purposes)[number]

/** The links in a text, wherever they lead. */
const linksIn = (text: string) => text.match(/\w+:\/\/[^\s"<>]+/g) ?? []

/** The token in the link of a mail, which must be the only link and the same in text and HTML. */
export const tokenOf = (mail: Mail | undefined, name: 'reset' | 'confirm') => {
  const [link = '', ...others] = linksIn(mail?.text ?? '')
  expect(others).toEqual([])
  // Once to click on, and once to read.
  expect(linksIn(mail?.html ?? '')).toEqual([link, link])
  const prefix = `${env.APP_URL}/app/#${name}=`
  expect(link.slice(0, prefix.length)).toBe(prefix)
  const token = link.slice(prefix.length)
  expect(token).toMatch(/^[\w-]{43}$/)
  return token
}

/** A mail that only tells something has no link. */
export const expectNoLink = ({ text, html }: Mail) => {
  expect(linksIn(text)).toEqual([])
  expect(linksIn(html)).toEqual([])
  expect(html).not.toContain('href')
}

/** What a user needs to ask for links. */
type Asker = {
  email: string
  resend: () => Promise<Response>
  changeTo: (email: string) => Promise<Response>
}

/** A Worker whose mails stay in this process. */
export const mailbox = (overrides: Overrides = {}) => {
  const mails: Mail[] = []
  const contexts: ExecutionContext[] = []
  let done: Promise<unknown> = Promise.resolve()
  const EMAIL = {
    send: async (mail: Mail) => {
      mails.push(mail)
    },
  }
  const send = sendWith({ EMAIL, ...overrides }, () => {
    const context = createExecutionContext()
    contexts.push(context)
    return context
  })

  /** Waits for all that the Worker does after its replies. */
  const settled = () => {
    done = Promise.all([done, ...contexts.splice(0).map(waitOnExecutionContext)])
    return done
  }

  /** Takes the mails to this address out of the box, the first one first. */
  const take = async (address: string) => {
    await settled()
    const taken = mails.filter(({ to }) => to === address)
    for (const mail of taken) mails.splice(mails.indexOf(mail), 1)
    return taken
  }

  /** Takes the only mail to this address. */
  const takeOne = async (address: string): Promise<Mail> => {
    const taken = await take(address)
    expect(taken.map(({ subject }) => subject)).toHaveLength(1)
    return taken[0] as Mail
  }

  const forgot = (email: string) => send('POST', '/auth/password/forgot', { json: { email } })
  const reset = (token: string, new_password = newPassword) =>
    send('POST', '/auth/password/reset', { json: { token, new_password } })
  const confirm = (token: string) => send('POST', '/auth/email/confirm', { json: { token } })

  /** Signs up a user and logs in, with the token of the mail that the signup sends. */
  const newUser = async () => {
    const email = newEmail()
    const { id } = await read(trySignUp({ email, password }, send), 201, User)
    const confirmToken = tokenOf(await takeOne(email), 'confirm')
    const { accessToken, cookie } = await logIn(email, { through: send })
    const sendAsUser: Send = (method, path, options) =>
      send(method, path, { accessToken, ...options })
    return {
      id,
      email,
      accessToken,
      cookie,
      confirmToken,
      send: sendAsUser,
      resend: () => sendAsUser('POST', '/auth/email/resend'),
      changeTo: (email: string, current_password = password) =>
        sendAsUser('PUT', '/auth/email', { json: { email, current_password } }),
      me: () => read(sendAsUser('GET', '/auth/me'), 200, User),
    }
  }

  /** Asks for a link of this purpose, for a change to `newAddress`, and gives the token in its mail. */
  const newToken = async (purpose: Purpose, user: Asker, newAddress = newEmail()) => {
    const requests: Record<Purpose, () => Promise<Response>> = {
      reset: () => forgot(user.email),
      confirm: user.resend,
      change: () => user.changeTo(newAddress),
    }
    expect((await requests[purpose]()).status).toBe(202)
    const mail = await takeOne(purpose === 'change' ? newAddress : user.email)
    return tokenOf(mail, purpose === 'reset' ? 'reset' : 'confirm')
  }

  /** Spends a token for this purpose. */
  const spend = (purpose: Purpose, token: string) =>
    purpose === 'reset' ? reset(token) : confirm(token)

  return { send, settled, take, takeOne, forgot, reset, confirm, newUser, newToken, spend }
}
export type MailUser = Awaited<ReturnType<ReturnType<typeof mailbox>['newUser']>>
