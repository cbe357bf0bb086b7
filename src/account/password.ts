import { and, eq, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { hashPassword, hasPasswordOf, password, verifyPassword } from '../auth/password.ts'
import { endOtherSessions } from '../auth/sessions.ts'
import { countTry, forgetTries, tooManyTries } from '../auth/wrong-passwords.ts'
import { saltOf, users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { problem } from '../http/problem.ts'
import { validate } from '../http/validation.ts'

export const wrongCurrentPassword = 'The current password is wrong.'

export const PasswordChange = z
  .strictObject({ current_password: password, new_password: password }, 'must be an object')
  .check(z.meta({ id: 'PasswordChange' }))

const { placeholder } = sql

/** Counts the change as a try at the password, and gives the hash to verify it with. */
const countChange = forUser(({ db, me }) => {
  const tried = db.$with('tried').as(countTry(db, sql`select email from ${users} where id = ${me}`))
  return {
    first: [tried],
    rows: db
      .select({
        admitted: tried.admitted,
        wait: tried.wait,
        hashed_password: users.hashed_password,
      })
      .from(tried)
      .innerJoin(users, eq(users.id, me)),
  }
})

const changePassword = forUser((owner) => {
  const { db, me } = owner
  const changed = db.$with('changed').as(
    db
      .update(users)
      .set({ hashed_password: sql`${placeholder('new_hash')}` })
      .where(and(eq(users.id, me), hasPasswordOf(sql`${placeholder('verified_hash')}::text`)))
      .returning({
        email: users.email,
        salt: saltOf(users.hashed_password).as('salt'),
      })
  )
  return {
    first: [
      changed,
      ...endOtherSessions(owner, sql`(select salt from ${changed})`),
      forgetTries(db, sql`select email from ${changed}`),
    ],
    rows: db.select({ salt: changed.salt }).from(changed),
  }
})

export default new Hono<Env>()
  .use(...requireUser)
  .put('/', validate('json', PasswordChange), async (c) => {
    const { bcryptCost } = c.var.configuration
    const { current_password, new_password } = c.req.valid('json')
    const [user] = (await countChange(c)) as [Awaited<ReturnType<typeof countChange>>[number]]
    const { admitted, wait, hashed_password: verified_hash } = user
    if (!admitted) return tooManyTries(c, wait)
    if (!(await verifyPassword(current_password, verified_hash, bcryptCost)))
      return problem(c, 403, wrongCurrentPassword)
    const new_hash = await hashPassword(new_password, bcryptCost)
    const [changed] = await changePassword(c, { verified_hash, new_hash })
    // Another request changed the password while this one verified it.
    return changed ? c.body(null, 204) : problem(c, 403, wrongCurrentPassword)
  })
