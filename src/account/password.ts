import { and, eq, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { hashPassword, hasPasswordOf, password } from '../auth/password.ts'
import { endOtherSessions } from '../auth/sessions.ts'
import { forgetTries } from '../auth/wrong-passwords.ts'
import { saltOf, users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { validate } from '../http/validation.ts'
import { voidMailTokens } from '../mail/tokens.ts'
import { refuseCurrentPassword, verifyCurrentPassword } from './current-password.ts'

export const PasswordChange = z
  .strictObject({ current_password: password, new_password: password }, 'must be an object')
  .check(z.meta({ id: 'PasswordChange' }))

const { placeholder } = sql

const changePassword = forUser((owner) => {
  const { db, me } = owner
  const changed = db.$with('changed').as(
    db
      .update(users)
      .set({ hashed_password: sql`${placeholder('new_hash')}` })
      .where(and(eq(users.id, me), hasPasswordOf(sql`${placeholder('verified_hash')}::text`)))
      .returning({
        id: users.id,
        email: users.email,
        salt: saltOf(users.hashed_password).as('salt'),
      })
  )
  return {
    first: [
      changed,
      ...endOtherSessions(owner, sql`(select salt from ${changed})`),
      voidMailTokens(db, sql`select id from ${changed}`),
      forgetTries(db, sql`select email from ${changed}`),
    ],
    rows: db.select({ salt: changed.salt }).from(changed),
  }
})

export default new Hono<Env>()
  // This path alone: those of a forgotten password need no access token.
  .use('/', ...requireUser)
  .put('/', validate('json', PasswordChange), async (c) => {
    const { current_password, new_password } = c.req.valid('json')
    const { refused, verified_hash } = await verifyCurrentPassword(c, current_password)
    if (refused) return refused
    const new_hash = await hashPassword(new_password, c.var.configuration.bcryptCost)
    const [changed] = await changePassword(c, { verified_hash, new_hash })
    // Another request changed the password while this one verified it.
    return changed ? c.body(null, 204) : refuseCurrentPassword(c)
  })
