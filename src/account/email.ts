import { and, eq, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { hasPasswordOf, password } from '../auth/password.ts'
import { email } from '../auth/user.ts'
import { forgetTries } from '../auth/wrong-passwords.ts'
import { postgresError, prepared } from '../database/neon.ts'
import { mailTokens, users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { newToken, sha256Hex } from '../http/encoding.ts'
import { invalid } from '../http/problem.ts'
import { clientAddress, rateLimit } from '../http/rate-limit.ts'
import { validate } from '../http/validation.ts'
import { countChangeOfAddress, countMail } from '../mail/counts.ts'
import { requireMail, sendMail } from '../mail/send.ts'
import {
  addMailToken,
  deadLink,
  mailToken,
  shownMailToken,
  tokenOwner,
  voidMailTokens,
} from '../mail/tokens.ts'
import { refuseCurrentPassword, verifyCurrentPassword } from './current-password.ts'

export const EmailChange = z
  .strictObject({ email, current_password: password }, 'must be an object')
  .check(z.meta({ id: 'EmailChange' }))

export const Confirmation = z
  .strictObject({ token: mailToken }, 'must be an object')
  .check(z.meta({ id: 'Confirmation' }))

const { placeholder } = sql

/**
 * Counts the change for the user and its mail for the address. Where both are admitted, makes a token
 * for the address, in the place of an older one. Where an account has the address, the older one goes
 * all the same: if it still worked, it would tell that the account exists.
 */
const makeChangeToken = forUser(({ db, me }) => {
  const address = sql<string>`${placeholder('new_email')}::text`
  const owner = db.$with('owner').as(
    db
      .select(tokenOwner)
      .from(users)
      .where(and(eq(users.id, me), hasPasswordOf(sql`${placeholder('verified_hash')}::text`)))
      .for('no key update')
  )
  const change = db.$with('change').as(countChangeOfAddress(db, sql`select id from ${owner}`))
  const counted = db
    .$with('counted')
    .as(countMail(db, 'change', sql`select ${address} from ${change} where admitted`))
  const isAdmitted = sql<boolean>`exists (select 1 from ${counted} where admitted)`
  const isTaken = sql<boolean>`exists (select 1 from ${users} where email = ${address})`
  const made = db
    .$with('made')
    .as(
      addMailToken(
        db,
        'change',
        sql`select *, ${address} as new_email from ${owner} where ${isAdmitted} and not ${isTaken}`
      )
    )
  const voided = voidMailTokens(
    db,
    sql`select id from ${owner} where ${isAdmitted} and ${isTaken}`,
    eq(mailTokens.purpose, 'change')
  )
  return {
    first: [owner, change, counted, made, voided, forgetTries(db, sql`select email from ${owner}`)],
    rows: db
      .select({
        email: owner.email,
        is_admitted: isAdmitted.as('is_admitted'),
        is_made: sql<boolean>`exists (select 1 from ${made})`.as('is_made'),
      })
      .from(owner),
  }
})

/** Counts the mail and, where it is admitted and the address is not confirmed yet, makes a token for it. */
const makeConfirmToken = forUser(({ db, me }) => {
  const owner = db.$with('owner').as(
    db
      .select({ ...tokenOwner, email_verified: users.email_verified })
      .from(users)
      .where(eq(users.id, me))
      .for('no key update')
  )
  const unconfirmed = sql`select email from ${owner} where not email_verified`
  const counted = db.$with('counted').as(countMail(db, 'confirm', unconfirmed))
  const made = db
    .$with('made')
    .as(
      addMailToken(db, 'confirm', sql`select ${owner}.* from ${owner}, ${counted} where admitted`)
    )
  return {
    first: [owner, counted, made],
    rows: db
      .select({
        email: owner.email,
        email_verified: owner.email_verified,
        is_made: sql<boolean>`exists (select 1 from ${made})`.as('is_made'),
      })
      .from(owner),
    user: sql`${owner}`,
  }
})

/**
 * Spends the token. A confirmation confirms the address; a change puts the new one in its place, and
 * counts the mail to the old one.
 */
const confirmAddress = prepared((db) => {
  const shown = shownMailToken(db, 'confirm', 'change')
  const changed = db.$with('changed').as(
    db
      .update(users)
      .set({
        email: sql`coalesce((select new_email from ${shown}), ${users.email})`,
        email_verified: true,
      })
      .where(eq(users.id, sql`(select user_id from ${shown})`))
      .returning({ id: users.id })
  )
  const isSpent = sql`exists (select 1 from ${shown} where new_email is not null or purpose = ${mailTokens.purpose})`
  const counted = db
    .$with('counted')
    .as(
      countMail(
        db,
        'changed',
        sql`select ${shown.email} from ${shown}, ${changed} where ${shown.new_email} is not null`
      )
    )
  return db
    .with(shown, changed, voidMailTokens(db, sql`select id from ${changed}`, isSpent), counted)
    .select({
      old_email: shown.email,
      is_told: sql<boolean>`exists (select 1 from ${counted} where admitted)`.as('is_told'),
    })
    .from(changed)
    .innerJoin(shown, eq(shown.user_id, changed.id))
    .prepare('confirm_address')
})

/** Postgres refused a second account with the address. The token is good again if that account goes. */
const isTaken = (error: unknown) => postgresError(error)?.constraint === 'users_email_unique'

export default new Hono<Env>()
  .post(
    '/confirm',
    rateLimit('AUTH_LIMIT', clientAddress),
    validate('json', Confirmation),
    async (c) => {
      const { token } = c.req.valid('json')
      const token_hash = await sha256Hex(token)
      const [user] = await confirmAddress(c.var.configuration.db)
        .execute({ token_hash })
        .catch((error) => {
          if (isTaken(error)) return []
          throw error
        })
      if (!user) return invalid(c, [{ pointer: '/token', detail: deadLink }])
      if (user.is_told) sendMail(c, 'changed', user.old_email)
      return c.body(null, 204)
    }
  )
  .use('/', ...requireUser)
  .use('/resend', ...requireUser)
  .post('/resend', requireMail, async (c) => {
    const { token, hash: token_hash } = await newToken()
    const [user] = (await makeConfirmToken(c, { token_hash })) as [
      Awaited<ReturnType<typeof makeConfirmToken>>[number],
    ]
    if (user.is_made) sendMail(c, 'confirm', user.email, token)
    return c.body(null, user.email_verified ? 204 : 202)
  })
  .put('/', requireMail, validate('json', EmailChange), async (c) => {
    const { email: new_email, current_password } = c.req.valid('json')
    const { refused, verified_hash } = await verifyCurrentPassword(c, current_password)
    if (refused) return refused
    const { token, hash: token_hash } = await newToken()
    const [change] = await makeChangeToken(c, { new_email, verified_hash, token_hash })
    // Another request changed the password while this one verified it.
    if (!change) return refuseCurrentPassword(c)
    if (change.is_made) sendMail(c, 'change', new_email, token)
    else if (change.is_admitted)
      sendMail(c, change.email === new_email ? 'present' : 'taken', new_email)
    return c.body(null, 202)
  })
