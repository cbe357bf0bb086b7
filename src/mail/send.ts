import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Env, With } from '../env.ts'
import { problemException } from '../http/problem.ts'
import { type Letter, type LetterName, letters, write } from './letters.ts'

/** The most times that a mail is tried. */
const tries = 2
/** The longest that one try may take, in milliseconds. The platform ends a Worker 30 s after its reply. */
const deadline = 5000

export const noMail = (missing: string[]) => `Mail is not set up. Missing: ${missing.join(', ')}.`

/** Refuses a request that is about a mail where none can be sent. */
export const requireMail = createMiddleware<Env>(async (c, next) => {
  const { mail } = c.var.configuration
  if ('missing' in mail) throw problemException(503, noMail(mail.missing))
  await next()
})

const inTime = async (work: () => Promise<unknown>) => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new DOMException('', 'TimeoutError')), deadline)
  try {
    await Promise.race([work(), late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** What the log says of a mail that was not sent: the binding's message is left out, because it may quote the address. */
const reasonOf = (error: unknown) => {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  const isCode = typeof code === 'string' && /^E_[A-Z_]+$/.test(code)
  return { error: error instanceof Error ? name : typeof error, ...(isCode && { code }) }
}

/**
 * Sends a mail after the reply, so that neither the time nor the status of the reply tells anything
 * of it. A mail with a link needs the token that is in it. Without the settings for mail, nothing
 * is sent.
 */
export const sendMail = (
  c: With<Env> & Pick<Context, 'executionCtx'>,
  name: LetterName,
  to: string,
  token?: string
): void => {
  const { configuration, requestId } = c.var
  if ('missing' in configuration.mail) return
  const { binding, from, appUrl } = configuration.mail
  const now = new Date()
  const deliver = async () => {
    // Timers run when the reply is on its way.
    await new Promise((resolve) => setTimeout(resolve))
    const { link }: Letter = letters[name]
    // The token is behind #, which browsers do not send: no server, log or `Referer` sees it.
    const mail = write(name, to, now, link && token && `${appUrl}/app/#${link}=${token}`)
    for (let left = tries; left > 0; left--) {
      try {
        await inTime(() => binding.send({ from: { email: from, name: 'edge-todo' }, to, ...mail }))
        return
      } catch (error) {
        if (left > 1) continue
        const line = { level: 'error', mail: name, request_id: requestId, ...reasonOf(error) }
        console.error(JSON.stringify(line))
      }
    }
  }
  c.executionCtx.waitUntil(deliver())
}
