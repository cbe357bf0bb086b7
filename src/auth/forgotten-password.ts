import { and, eq, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import * as z from 'zod/mini'
import { prepared } from '../database/neon.ts'
import { sessions, users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { newToken, sha256Hex } from '../http/encoding.ts'
import { databaseTrouble, invalid } from '../http/problem.ts'
import { clientAddress, rateLimit } from '../http/rate-limit.ts'
import { validate } from '../http/validation.ts'
import { countMail } from '../mail/counts.ts'
import { requireMail, sendMail } from '../mail/send.ts'
import {
  addMailToken,
  deadLink,
  mailToken,
  shownMailToken,
  tokenOwner,
  voidMailTokens,
} from '../mail/tokens.ts'
import { hashPassword, password } from './password.ts'
import { email } from './user.ts'
import { forgetTries } from './wrong-passwords.ts'

export const ForgottenPassword = z
  .strictObject({ email }, 'must be an object')
  .check(z.meta({ id: 'ForgottenPassword' }))

export const PasswordReset = z
  .strictObject({ token: mailToken, new_password: password }, 'must be an object')
  .check(z.meta({ id: 'PasswordReset' }))

const { placeholder } = sql

/** Counts the mail and, where it is admitted and the address has an account, makes a token for it. */
const makeResetToken = prepared((db) => {
  const address = sql`${placeholder('email')}::text`
  const counted = db.$with('counted').as(countMail(db, 'reset', sql`select ${address}`))
  const owner = db.$with('owner').as(
    db
      .select(tokenOwner)
      .from(users)
      .where(and(eq(users.email, address), sql`(select admitted from ${counted})`))
      .for('no key update')
  )
  const made = db.$with('made').as(addMailToken(db, 'reset', sql`select * from ${owner}`))
  return db
    .with(counted, owner, made)
    .select({ admitted: counted.admitted, is_made: sql<boolean>`exists (select 1 from ${made})` })
    .from(counted)
    .prepare('make_reset_token')
})

/** Spends the token, changes the password, and ends all sessions of the user. */
const resetPassword = prepared((db) => {
  const shown = shownMailToken(db, 'reset')
  const changed = db.$with('changed').as(
    db
      .update(users)
      .set({ hashed_password: sql`${placeholder('new_hash')}`, email_verified: true })
      .where(eq(users.id, sql`(select user_id from ${shown})`))
      .returning({ id: users.id, email: users.email })
  )
  const user = sql`select id from ${changed}`
  const ended = db
    .$with('ended')
    .as(
      db
        .delete(sessions)
        .where(sql`${sessions.user_id} in (${user})`)
        .returning({ id: sessions.id })
    )
  return db
    .with(
      shown,
      changed,
      ended,
      voidMailTokens(db, user),
      forgetTries(db, sql`select email from ${changed}`)
    )
    .select({ email: changed.email })
    .from(changed)
    .prepare('reset_password')
})

export default new Hono<Env>()
  .post(
    '/forgot',
    rateLimit('AUTH_LIMIT', clientAddress),
    requireMail,
    validate('json', ForgottenPassword),
    async (c) => {
      const { email } = c.req.valid('json')
      const { token, hash: token_hash } = await newToken()
      const [mail] = await makeResetToken(c.var.configuration.db).execute({ email, token_hash })
      if (!mail) throw databaseTrouble()
      if (mail.is_made) sendMail(c, 'reset', email, token)
      return c.body(null, 202)
    }
  )
  .post(
    '/reset',
    rateLimit('AUTH_LIMIT', clientAddress),
    validate('json', PasswordReset),
    async (c) => {
      const { db, bcryptCost } = c.var.configuration
      const { token, new_password } = c.req.valid('json')
      const [user] = await resetPassword(db).execute({
        token_hash: await sha256Hex(token),
        new_hash: await hashPassword(new_password, bcryptCost),
      })
      if (!user) return invalid(c, [{ pointer: '/token', detail: deadLink }])
      sendMail(c, 'was_reset', user.email)
      return c.body(null, 204)
    }
  )
