import { eq, sql } from 'drizzle-orm'
import type { Context } from 'hono'
import { forUser } from '../access/for-user.ts'
import type { UserEnv } from '../access/guard.ts'
import { verifyPassword } from '../auth/password.ts'
import { countTry, tooManyTries } from '../auth/wrong-passwords.ts'
import { users } from '../database/schema.ts'
import { problem } from '../http/problem.ts'

export const wrongCurrentPassword = 'The current password is wrong.'

/** The 403 for a wrong current password. */
export const refuseCurrentPassword = (c: Context) => problem(c, 403, wrongCurrentPassword)

/** Counts the request as a try at the user's password, and gives the hash to verify it with. */
const countCurrentPassword = forUser(({ db, me }) => {
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

/**
 * Verifies the password that the request's user gives as the current one. The result is the hash
 * that it was verified with, or the reply that refuses the request.
 */
export const verifyCurrentPassword = async (c: Context<UserEnv>, password: string) => {
  const [user] = (await countCurrentPassword(c)) as [
    Awaited<ReturnType<typeof countCurrentPassword>>[number],
  ]
  if (!user.admitted) return { refused: tooManyTries(c, user.wait) }
  const { bcryptCost } = c.var.configuration
  if (!(await verifyPassword(password, user.hashed_password, bcryptCost)))
    return { refused: refuseCurrentPassword(c) }
  return { verified_hash: user.hashed_password }
}
