import { and, eq, gt, isNotNull, isNull, type SQL, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import * as z from 'zod/mini'
import { forUser, isLive, type Owner } from '../access/for-user.ts'
import { requireUser } from '../access/guard.ts'
import { postgresError, prepared } from '../database/neon.ts'
import { refreshTokens, rfc3339, saltOf, sessions, users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { newToken, sha256Hex } from '../http/encoding.ts'
import { instant, text, uuid } from '../http/format.ts'
import { databaseTrouble, problem, unauthorized } from '../http/problem.ts'
import { clientAddress, rateLimit } from '../http/rate-limit.ts'
import { pathId, validate } from '../http/validation.ts'
import { hasPasswordOf, strongerHash, verifyPassword } from './password.ts'
import {
  accessTokenReply,
  addRefreshToken,
  clearRefreshCookie,
  readRefreshCookie,
  requireSameSite,
  sessionDays,
  setRefreshCookie,
} from './tokens.ts'
import { Credentials } from './user.ts'
import { countTry, forgetTries, tooManyTries } from './wrong-passwords.ts'

export const wrongCredentials = 'The e-mail address or the password is wrong.'
export const noRefreshCookie = 'There is no refresh cookie. POST /auth/login sets one.'
export const sessionOver = 'The session is over. POST /auth/login begins another.'
export const noSuchSession = 'There is no such session.'

/** How long a session lives at most, however often it is refreshed, in days. */
export const longestSessionDays = 180

/** For how long a spent refresh token still gives an access token, in seconds: a second tab may send it too. */
export const refreshGrace = 10

/** What a session tells of its user agent, in characters. */
const userAgentLength = 200

export const Session = z
  .strictObject({
    id: uuid,
    created_at: instant,
    last_used_at: instant,
    expires_at: instant,
    user_agent: z.nullable(text(0, userAgentLength)),
    current: z.boolean().check(z.meta({ description: 'Whether this request belongs to it.' })),
  })
  .check(z.meta({ id: 'Session' }))
export type Session = z.infer<typeof Session>

const { placeholder } = sql
const days = (count: number) => sql.raw(`interval '${count} days'`)
const grace = sql.raw(`interval '${refreshGrace} seconds'`)

/** Counts the login as a try at the password, and finds the user if there is one. */
const countLogin = prepared((db) => {
  const tried = db.$with('tried').as(countTry(db, sql`select ${placeholder('email')}::text`))
  return db
    .with(tried)
    .select({
      admitted: tried.admitted,
      wait: tried.wait,
      id: users.id,
      hashed_password: users.hashed_password,
    })
    .from(tried)
    .leftJoin(users, eq(users.email, placeholder('email')))
    .prepare('count_login')
})

/**
 * Begins a session, if the user still has the password that was verified. Also deletes the count of
 * wrong passwords, and stores a stronger hash where there is one.
 */
const beginSession = prepared((db) => {
  const verified = sql`${placeholder('hashed_password')}::text`
  const stronger = sql`${placeholder('stronger_hash')}::text`
  const isUser = and(eq(users.id, placeholder('id')), hasPasswordOf(verified))
  const session = db.$with('session').as(
    db
      .insert(sessions)
      .select(
        db
          .select({
            id: sql<string>`gen_random_uuid()`.as('id'),
            user_id: users.id,
            salt: saltOf(users.hashed_password).as('salt'),
            user_agent: sql<string | null>`${placeholder('user_agent')}::text`.as('user_agent'),
            created_at: sql<string>`now()`.as('created_at'),
            last_used_at: sql<string>`now()`.as('last_used_at'),
            expires_at: sql<string>`now() + ${days(sessionDays)}`.as('expires_at'),
          })
          .from(users)
          .where(isUser)
          // The lock makes a password change wait for this statement, or this statement for it.
          .for('no key update')
      )
      .returning({ id: sessions.id })
  )
  const token = db.$with('token').as(addRefreshToken(db, sql`select id from ${session}`))
  const forgotten = forgetTries(db, sql`select ${placeholder('email')}::text from ${session}`)
  const rehashed = db.$with('rehashed').as(
    db
      .update(users)
      .set({ hashed_password: stronger })
      .where(and(isUser, eq(users.hashed_password, verified), isNotNull(stronger)))
      .returning({ id: users.id })
  )
  return db
    .with(session, token, forgotten, rehashed)
    .select({ sid: session.id })
    .from(session)
    .prepare('begin_session')
})

/**
 * Spends a refresh token and puts a new one in its place. Of several requests at once, one does so;
 * the others come within the grace period and get no new token.
 *
 * A token that is shown after the grace period is judged by its successor. If that was never used,
 * the reply with it was lost: the successor is spent, and the token is replaced once more. If it was
 * used, somebody else has the token: the session ends. A lost successor has no successor of its own,
 * so that showing it later ends the session too.
 */
const renewSession = prepared((db) => {
  const shown = db.$with('shown').as(
    db
      .select({
        hash: refreshTokens.hash,
        session_id: refreshTokens.session_id,
        successor: refreshTokens.successor,
        is_unspent: sql<boolean>`${refreshTokens.spent_at} is null`.as('is_unspent'),
        is_late: sql<boolean>`coalesce(${refreshTokens.spent_at} < now() - ${grace}, false)`.as(
          'is_late'
        ),
        id: users.id,
        email: users.email,
      })
      .from(refreshTokens)
      .innerJoin(sessions, eq(sessions.id, refreshTokens.session_id))
      .innerJoin(users, isLive)
      .where(eq(refreshTokens.hash, placeholder('hash')))
      // Whoever comes second waits here, and then reads the rows as the first has left them. The
      // order is that of every other statement, so no two wait for each other.
      .for('no key update', { of: [users, sessions, refreshTokens] })
  )
  const lost = db.$with('lost').as(
    db
      .update(refreshTokens)
      .set({ spent_at: sql`now()` })
      .where(
        and(
          eq(refreshTokens.hash, sql`(select successor from ${shown} where is_late)`),
          isNull(refreshTokens.spent_at)
        )
      )
      .returning({ hash: refreshTokens.hash })
  )
  const isLost = sql`exists (select 1 from ${lost})`
  const renewed = db.$with('renewed').as(
    db
      .update(refreshTokens)
      .set({ spent_at: sql`now()`, successor: sql`${placeholder('new_hash')}` })
      .where(eq(refreshTokens.hash, sql`(select hash from ${shown} where is_unspent or ${isLost})`))
      .returning({ session_id: refreshTokens.session_id })
  )
  const added = db.$with('added').as(addRefreshToken(db, sql`select session_id from ${renewed}`))
  const prolonged = db.$with('prolonged').as(
    db
      .update(sessions)
      .set({
        last_used_at: sql`now()`,
        expires_at: sql`least(now() + ${days(sessionDays)}, ${sessions.created_at} + ${days(longestSessionDays)})`,
      })
      .where(eq(sessions.id, sql`(select session_id from ${renewed})`))
      .returning({ id: sessions.id })
  )
  const ended = db.$with('ended').as(
    db
      .delete(sessions)
      .where(
        eq(sessions.id, sql`(select session_id from ${shown} where is_late and not ${isLost})`)
      )
      .returning({ id: sessions.id })
  )
  return db
    .with(shown, lost, renewed, added, prolonged, ended)
    .select({
      id: shown.id,
      email: shown.email,
      sid: shown.session_id,
      is_renewed: sql<boolean>`exists (select 1 from ${renewed})`,
      is_over: sql<boolean>`${shown.is_late} and not ${isLost}`,
    })
    .from(shown)
    .prepare('renew_session')
})

export const listSessions = forUser(({ db, me, session }) =>
  db
    .select({
      id: sessions.id,
      created_at: rfc3339(sessions.created_at).as('created_at'),
      last_used_at: rfc3339(sessions.last_used_at).as('last_used_at'),
      expires_at: rfc3339(sessions.expires_at).as('expires_at'),
      user_agent: sessions.user_agent,
      current: sql<boolean>`coalesce(${sessions.id} = ${session}, false)`.as('current'),
    })
    .from(sessions)
    .innerJoin(users, isLive)
    .where(eq(users.id, me))
    .orderBy(sessions.created_at, sessions.id)
)

const endSession = forUser(({ db, me }) =>
  db
    .delete(sessions)
    .where(
      and(
        eq(sessions.id, placeholder('id')),
        eq(sessions.user_id, me),
        gt(sessions.expires_at, sql`now()`)
      )
    )
    .returning({ id: sessions.id })
)

const endSessions = forUser(({ db, me }) => {
  // The user is locked before the sessions, as in a password change, so the two cannot deadlock.
  const locked = db.select({ id: users.id }).from(users).where(eq(users.id, me))
  return db
    .delete(sessions)
    .where(eq(sessions.user_id, sql`(${locked.for('no key update')})`))
    .returning({ id: sessions.id })
})

/**
 * The CTEs that end all sessions of the user but the present one, which goes on under the salt of
 * the new password. `salt` is null where the password was not changed; nothing happens then.
 */
export const endOtherSessions = ({ db, me, session }: Owner, salt: SQL) => {
  const isChanged = isNotNull(salt)
  const others = sql`${sessions.id} is distinct from ${session}`
  return [
    db.$with('kept').as(
      db
        .update(sessions)
        .set({ salt })
        .where(and(eq(sessions.id, session), isChanged))
        .returning({ id: sessions.id })
    ),
    db.$with('ended').as(
      db
        .delete(sessions)
        .where(and(eq(sessions.user_id, me), others, isChanged))
        .returning({ id: sessions.id })
    ),
  ]
}

const userAgent = (c: Context) => {
  // Cut by code points: a cut by UTF-16 units may leave half a character, which Postgres refuses.
  const characters = [...(c.req.header('User-Agent')?.toWellFormed() ?? '')]
  return characters.slice(0, userAgentLength).join('') || null
}

export default new Hono<Env>()
  .post(
    '/login',
    rateLimit('AUTH_LIMIT', clientAddress),
    validate('json', Credentials),
    async (c) => {
      const { db, bcryptCost } = c.var.configuration
      const { email, password } = c.req.valid('json')
      const [login] = await countLogin(db).execute({ email })
      if (!login) throw databaseTrouble()
      const { admitted, wait, id, hashed_password } = login
      if (!admitted) return tooManyTries(c, wait)
      const matches = await verifyPassword(password, hashed_password, bcryptCost)
      if (!matches || !id || !hashed_password) return unauthorized(c, wrongCredentials)

      const { token, hash: new_hash } = await newToken()
      const user_agent = userAgent(c)
      const begin = (stronger_hash: string | null) =>
        beginSession(db).execute({
          id,
          email,
          hashed_password,
          stronger_hash,
          new_hash,
          user_agent,
        })
      const stronger = await strongerHash(password, hashed_password, bcryptCost)
      const [session] = await begin(stronger).catch((error) => {
        // The login does not fail because the stronger hash could not be stored.
        if (stronger && postgresError(error)) return begin(null)
        throw error
      })
      // The password was changed while it was being verified.
      if (!session) return unauthorized(c, wrongCredentials)
      setRefreshCookie(c, token)
      return accessTokenReply(c, { id, email, sid: session.sid })
    }
  )
  .post('/refresh', rateLimit('REFRESH_LIMIT', clientAddress), requireSameSite, async (c) => {
    const shown = readRefreshCookie(c)
    if (!shown) {
      clearRefreshCookie(c)
      return unauthorized(c, noRefreshCookie)
    }
    const { token, hash: new_hash } = await newToken()
    const hash = await sha256Hex(shown)
    const [session] = await renewSession(c.var.configuration.db).execute({ hash, new_hash })
    if (!session || session.is_over) {
      clearRefreshCookie(c)
      return unauthorized(c, sessionOver)
    }
    if (session.is_renewed) setRefreshCookie(c, token)
    return accessTokenReply(c, session)
  })
  .use('/logout', ...requireUser)
  .post('/logout', async (c) => {
    await endSession(c, { id: c.var.claims.sid ?? null })
    clearRefreshCookie(c)
    return c.body(null, 204)
  })
  .use('/sessions/*', ...requireUser)
  .get('/sessions', async (c) => c.json(await listSessions(c), 200))
  .delete('/sessions', async (c) => {
    await endSessions(c)
    clearRefreshCookie(c)
    return c.body(null, 204)
  })
  .delete('/sessions/:id', async (c) => {
    const [ended] = await endSession(c, { id: pathId(c) })
    return ended ? c.body(null, 204) : problem(c, 404, noSuchSession)
  })
