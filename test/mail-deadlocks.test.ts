import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import worker from '../src/index.ts'
import {
  accessTokenOf,
  isRemote,
  logIn,
  newEmail,
  password,
  type Send,
  statusWith,
  tryLogIn,
  trySignUp,
} from './api.ts'
import { type Mail, mailbox } from './mail.ts'
import { sql } from './rows.ts'
import { isEmbedded } from './writers.ts'

test.runIf(!isRemote)(
  'no statement deadlocks while links of mails are asked for, spent and voided',
  async () => {
    const end = Date.now() + (isEmbedded ? 2 : 6) * 1000
    const counts: Record<string, number> = {}
    /** The last token of each mail, by its address and purpose. */
    const tokens = new Map<string, string>()
    const EMAIL = {
      send: async ({ to, text }: Mail) => {
        const [, name, token = ''] = /#(reset|confirm)=([\w-]+)/.exec(text) ?? []
        if (name) tokens.set(`${name} ${to}`, token)
      },
    }
    const { send: unlimited, settled } = mailbox({ EMAIL, USER_LIMIT: undefined })
    const send: Send = async (method, path, options) => {
      const response = await unlimited(method, path, options)
      const name = `${method} ${path} ${response.status}`
      counts[name] = (counts[name] ?? 0) + 1
      expect(response.status, name).toBeLessThan(500)
      return response
    }

    /** Forgets the counts of mails, so that there are always more. Skips what others hold, as the cleaning does. */
    const uncount = () =>
      sql`delete from mail_counts where hash in (select hash from mail_counts for update skip locked)`

    /** An account between two addresses, in which everything happens at once until it is deleted. */
    const live = async () => {
      const addresses = [newEmail(), newEmail()]
      const either = () => String(addresses[Math.random() < 0.5 ? 0 : 1])
      await trySignUp({ email: addresses[0], password }, send)
      let { accessToken } = await logIn(String(addresses[0]))
      let isGone = false
      const asUser: Send = (method, path, options) =>
        send(method, path, { accessToken, ...options })
      const begin = async () => {
        const response = await tryLogIn({ email: either(), password }, send)
        if (response.status === 200) accessToken = await accessTokenOf(response)
      }
      const confirm = async () => {
        const token = tokens.get(`confirm ${either()}`)
        if (token) await send('POST', '/auth/email/confirm', { json: { token } })
      }
      const forgetAndReset = async () => {
        const email = either()
        await send('POST', '/auth/password/forgot', { json: { email } })
        await settled()
        const token = tokens.get(`reset ${email}`)
        if (!token) return
        await send('POST', '/auth/password/reset', { json: { token, new_password: password } })
      }
      const change = { current_password: password }
      const acts: (() => Promise<unknown>)[] = [
        forgetAndReset,
        () => asUser('POST', '/auth/email/resend'),
        () => asUser('PUT', '/auth/email', { json: { ...change, email: either() } }),
        confirm,
        confirm,
        () =>
          // Now and then, because it voids all links.
          Math.random() < 0.1
            ? asUser('PUT', '/auth/password', { json: { ...change, new_password: password } })
            : asUser('GET', '/auth/me'),
        () => asUser('POST', '/tasks', { json: { title: 'x' } }),
        async () => {
          if ((await statusWith(accessToken, send)) === 401) await begin()
        },
      ]
      const lifetime = Math.min(end, Date.now() + 1500)
      await Promise.all(
        acts.map(async (act) => {
          while (Date.now() < lifetime) await act()
          while (!isGone) {
            const { status } = await asUser('DELETE', '/auth/me')
            isGone ||= status === 204
            if (!isGone) await begin()
          }
        })
      )
    }

    const clean = () => worker.scheduled({}, env)
    await Promise.all(
      [live, live, live, clean, uncount].map(async (act) => {
        while (Date.now() < end) await act()
      })
    )
    // Nothing is proven where everything is refused. The embedded Postgres does too little in its time.
    if (isEmbedded) return
    for (const done of [
      'POST /auth/password/forgot 202',
      'POST /auth/password/reset 204',
      'POST /auth/email/confirm 204',
      'POST /auth/email/resend 202',
      'PUT /auth/email 202',
      'PUT /auth/password 204',
      'DELETE /auth/me 204',
    ])
      expect(counts).toHaveProperty([done])
  }
)
