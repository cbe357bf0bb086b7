import { and, eq, exists, gt, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { forUser } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { clearRefreshCookie } from '../auth/tokens.ts'
import { type User, userColumns } from '../auth/user.ts'
import { forgetTries } from '../auth/wrong-passwords.ts'
import { sessions, users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { problem } from '../http/problem.ts'
import { forgetChangesOfAddress } from '../mail/counts.ts'

/** How long after a login an account may be deleted, in minutes. */
export const freshLoginMinutes = 5
export const staleLogin = `This login is more than ${freshLoginMinutes} minutes old. Log in again, then delete your account.`

export const readMe = forUser(({ db, me }) =>
  db.select(userColumns).from(users).where(eq(users.id, me))
)

const deleteMe = forUser(({ db, me, session }) => {
  const earliest = sql.raw(`now() - interval '${freshLoginMinutes} minutes'`)
  const freshLogin = db
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.id, session), gt(sessions.created_at, earliest)))
  const deleted = db.$with('deleted').as(
    db
      .delete(users)
      .where(and(eq(users.id, me), exists(freshLogin)))
      .returning({ id: users.id, email: users.email })
  )
  return {
    first: [
      deleted,
      forgetTries(db, sql`select email from ${deleted}`),
      forgetChangesOfAddress(db, sql`select id from ${deleted}`),
    ],
    rows: db.select({ id: deleted.id }).from(deleted),
  }
})

export default new Hono<Env>()
  .use(...requireUser)
  .get('/', async (c) => {
    const [user] = (await readMe(c)) as [User]
    return c.json(user, 200)
  })
  .delete('/', async (c) => {
    const [deleted] = await deleteMe(c)
    if (!deleted) return problem(c, 403, staleLogin)
    clearRefreshCookie(c)
    return c.body(null, 204)
  })
