import { compare, hash } from 'bcryptjs'
import { and, eq, exists, gt, isNull, or, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import * as z from 'zod/mini'
import { hasPasswordOf, password, type User, userColumns } from './auth.ts'
import type { Env } from './env.ts'
import { emailHash, guess, tooManyGuesses, verdict } from './guess.ts'
import { reason } from './log.ts'
import { problem, validate } from './problem.ts'
import { guesses, saltOf, sessions, tasks, users } from './schema.ts'
import { clearRefreshCookie, listSessions } from './session.ts'
import { taskColumns, withUrl } from './tasks.ts'
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
      .where(and(eq(users.id, me), hasPasswordOf(sql`${placeholder('hash')}::text`)))
      .returning({ salt: saltOf(users.hashed_password).as('salt') }),
  {
    after: (parts) => {
      const { db, me, session } = parts
      const others = and(eq(sessions.user_id, me), sql`${sessions.id} is distinct from ${session}`)
      return [
        db.$with('kept').as(
          db
            .update(sessions)
            .set({ salt: sql`(select salt from work)` })
            .where(and(eq(sessions.id, session), done))
            .returning({ id: sessions.id })
        ),
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
          exists(
            db
              .select({ id: sessions.id })
              .from(sessions)
              .where(and(eq(sessions.id, session), gt(sessions.created_at, fresh)))
          )
        )
      )
      .returning({ id: users.id }),
  { after: (parts) => [forgetGuesses(parts)] }
)

/**
 * How many tasks a page of the export holds at most, and how many bytes of them: Neon replies with
 * 10 MiB at most, and a Worker, whose memory holds a page several times, may not ask without end.
 */
const pageSize = 500
const pageBytes = sql`1024 * 1024`

const place = sql`${tasks.created_at}, ${tasks.id}`

const exportTasks = forUser(
  ({ db, me }) =>
    db
      .select({
        ...taskColumns,
        bytes: sql<number>`sum(octet_length(${tasks}::text)) over (order by ${place})`.as('bytes'),
      })
      .from(tasks)
      .where(
        and(
          eq(tasks.user_id, me),
          or(
            isNull(sql`${placeholder('id')}::uuid`),
            sql`(${place}) > (${placeholder('created_at')}, ${placeholder('id')}::uuid)`
          )
        )
      )
      .orderBy(tasks.created_at, tasks.id)
      .limit(pageSize),
  {
    rows: sql`(select coalesce(json_agg(work), '[]') from work where bytes <= ${pageBytes})`,
  }
)

/** All that is held about a user as JSON, a page at a time. */
async function* exported(c: Context<UserEnv>, user: User) {
  const sessions = await listSessions(c)
  yield `{"user":${JSON.stringify(user)},"sessions":${JSON.stringify(sessions)},"tasks":[`
  const toTask = withUrl(c)
  let page: Awaited<ReturnType<typeof exportTasks>> = []
  do {
    const { created_at = null, id = null } = page.at(-1) ?? {}
    page = await exportTasks(c, { created_at, id })
    const text = page.map(({ bytes: _, ...task }) => JSON.stringify(toTask(task))).join()
    yield id && text ? `,${text}` : text
  } while (page.length)
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
    if (!deleted)
      return problem(
        c,
        403,
        'This login is more than 5 minutes old. Log in again, then delete your account.'
      )
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
