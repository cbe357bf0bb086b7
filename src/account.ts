import { compare, hash } from 'bcryptjs'
import { and, eq, gt, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import * as z from 'zod/mini'
import { password, type User, userColumns } from './auth.ts'
import type { Env } from './env.ts'
import { emailHash, guess, tooManyGuesses, verdict } from './guess.ts'
import { reason } from './log.ts'
import { problem, validate } from './problem.ts'
import { guesses, sessions, users } from './schema.ts'
import { clearRefreshCookie, listSessions } from './session.ts'
import { lists, unfiltered, withUrl } from './tasks.ts'
import { forUser, type Parts, requireUser, type UserEnv } from './user.ts'

export const PasswordChange = z
  .strictObject({ current_password: password, new_password: password }, 'must be an object')
  .check(z.meta({ id: 'PasswordChange' }))

const { placeholder } = sql

const readMe = forUser(({ db, me }) => db.select(userColumns).from(users).where(eq(users.id, me)))

const emailOf = (me: Parts['me']) => sql`(select email from users where id = ${me})`
const done = sql`exists (select 1 from work)`

const forgetGuesses = ({ db, me }: Parts) =>
  db.$with('forgotten').as(
    db
      .delete(guesses)
      .where(and(eq(guesses.email_hash, emailHash(emailOf(me))), done))
      .returning({ email_hash: guesses.email_hash })
  )

const guessMyPassword = forUser(({ db, me }) =>
  guess(db, emailOf(me)).returning({
    ...verdict,
    hashed_password: sql<string>`(select hashed_password from users where id = ${me})`.as(
      'hashed_password'
    ),
  })
)

const changePassword = forUser(
  ({ db, me }) =>
    db
      .update(users)
      .set({ hashed_password: sql`${placeholder('new_hash')}` })
      .where(and(eq(users.id, me), eq(users.hashed_password, placeholder('hash'))))
      .returning({ id: users.id }),
  {
    after: (parts) => {
      const { db, me, session } = parts
      const others = and(eq(sessions.user_id, me), sql`${sessions.id} is distinct from ${session}`)
      return [
        db
          .$with('ended')
          .as(db.delete(sessions).where(and(others, done)).returning({ id: sessions.id })),
        forgetGuesses(parts),
      ]
    },
  }
)

/** How long after a login its user may be deleted. */
const fresh = sql`now() - interval '5 minutes'`

const deleteMe = forUser(
  ({ db, me, session }) =>
    db
      .delete(users)
      .where(
        and(
          eq(users.id, me),
          sql`exists (${db
            .select({ id: sessions.id })
            .from(sessions)
            .where(and(eq(sessions.id, session), gt(sessions.created_at, fresh)))})`
        )
      )
      .returning({ id: users.id }),
  { after: (parts) => [forgetGuesses(parts)] }
)

/** So many that a page of the largest tasks stays below the 10 MiB that Neon replies with at most. */
const pageSize = 100

/** All that is held about a user as JSON, a page at a time. */
async function* exported(c: Context<UserEnv>, user: User) {
  const sessions = await listSessions(c)
  yield `{"user":${JSON.stringify(user)},"sessions":${JSON.stringify(sessions)},"tasks":[`
  let last: { created_at: string | null; id: string | null } = { created_at: null, id: null }
  for (;;) {
    const page = await lists.created_at(c, {
      ...unfiltered,
      after: last.created_at,
      after_id: last.id,
      limit: pageSize,
    })
    const text = page
      .map(withUrl(c))
      .map((task) => JSON.stringify(task))
      .join()
    yield last.id && text ? `,${text}` : text
    if (page.length < pageSize) break
    last = page.at(-1) ?? last
  }
  yield ']}'
}

export default new Hono<Env>()
  .use('/me/*', requireUser)
  .get('/me', async (c) => {
    const [user] = (await readMe(c)) as [User]
    return c.json(user, 200)
  })
  .get('/me/export', async (c) => {
    const [user] = (await readMe(c)) as [User]
    const parts = exported(c, user)
    const encoder = new TextEncoder()
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { value, done } = await parts.next()
          if (done) controller.close()
          else controller.enqueue(encoder.encode(value))
        } catch (error) {
          console.error(
            JSON.stringify({ level: 'error', request_id: c.get('requestId'), ...reason(error) })
          )
          // Cut off, and so not taken for all there is.
          controller.error(new Error('The export broke off'))
        }
      },
    })
    return c.body(stream, 200, {
      'Content-Type': 'application/json',
      'Content-Disposition': 'attachment; filename="edge-todo.json"',
    })
  })
  .delete('/me', async (c) => {
    const [deleted] = await deleteMe(c)
    if (!deleted) return problem(c, 403, 'To delete your account, log in again: within 5 minutes.')
    clearRefreshCookie(c)
    return c.body(null, 204)
  })
  .use('/password', requireUser)
  .put('/password', validate('json', PasswordChange), async (c) => {
    const { current_password, new_password } = c.req.valid('json')
    const [mine] = (await guessMyPassword(c)) as [
      Awaited<ReturnType<typeof guessMyPassword>>[number],
    ]
    if (!mine.admitted) return tooManyGuesses(c, mine.wait)
    const matches = await compare(current_password, mine.hashed_password)
    const [changed] = matches
      ? await changePassword(c, {
          hash: mine.hashed_password,
          new_hash: await hash(new_password, c.var.configuration.bcryptCost),
        })
      : []
    if (!changed) return problem(c, 403, 'The current password is wrong.')
    return c.body(null, 204)
  })
