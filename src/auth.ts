import { compare, getRounds, getSalt, hash } from 'bcryptjs'
import { and, eq, isNotNull, type SQL, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import * as z from 'zod/mini'
import { type Env, postgresError, prepared } from './env.ts'
import { emailHash, guess, tooManyGuesses, verdict } from './guess.ts'
import { databaseTrouble, problem, validate } from './problem.ts'
import { rateLimit } from './rate-limit.ts'
import { guesses, rfc3339, saltOf, sessions, users } from './schema.ts'
import { addRefreshToken, expiry, newRefreshToken, tokenReply } from './session.ts'
import { challenge } from './user.ts'

const email = z
  .string('must be an e-mail address')
  .check(
    z.trim(),
    z.toLowerCase(),
    z.email('must be an e-mail address'),
    z.maxLength(254, 'must be at most 254 characters long')
  )

export const password = z.string('must be a string').check(
  z.refine((text) => text.isWellFormed() && !text.includes('\0'), {
    error: 'must be valid Unicode without U+0000',
    abort: true,
  }),
  z.normalize('NFC'),
  z.refine((text) => [...text].length >= 8, 'must be at least 8 characters long'),
  z.refine(
    // bcrypt reads no more.
    (text) => new TextEncoder().encode(text).length <= 72,
    'must be at most 72 bytes long in UTF-8'
  ),
  z.meta({ format: 'password', minLength: 8, maxLength: 72 })
)

export const Credentials = z.strictObject({ email, password }, 'must be an object').check(
  z.meta({
    id: 'Credentials',
    examples: [{ email: 'ada@example.com', password: 'correct horse battery' }],
  })
)

export const User = z
  .strictObject({
    id: z.uuid(),
    email: z.string(),
    created_at: z.iso.datetime({ precision: 3 }),
  })
  .check(z.meta({ id: 'User' }))
export type User = z.infer<typeof User>

export const Token = z
  .strictObject({ access_token: z.jwt({ alg: 'HS256' }), token_type: z.literal('bearer') })
  .check(z.meta({ id: 'Token' }))

export const userColumns = {
  id: users.id,
  email: users.email,
  created_at: rfc3339(users.created_at).as('created_at'),
}

const { placeholder } = sql

const createUser = prepared((db) =>
  db
    .insert(users)
    .values({ email: placeholder('email'), hashed_password: placeholder('hash') })
    .onConflictDoNothing({ target: users.email })
    .returning(userColumns)
    .prepare('create_user')
)

/** Counts a guess, and finds the user if there is one. */
const findUser = prepared((db) => {
  const counted = db
    .$with('counted')
    .as(guess(db, sql`${placeholder('email')}::text`).returning(verdict))
  return db
    .with(counted)
    .select({
      admitted: counted.admitted,
      wait: counted.wait,
      id: users.id,
      hashed_password: users.hashed_password,
    })
    .from(counted)
    .leftJoin(users, eq(users.email, placeholder('email')))
    .prepare('find_user')
})

/**
 * Whether a user's password is that of this hash: by its salt, for a login may have replaced the hash
 * by one of another cost meanwhile.
 */
export const hasPasswordOf = (hash: SQL) => eq(saltOf(users.hashed_password), saltOf(hash))

/**
 * Begins a session of a user who still has the password of this hash, takes the count of guesses
 * away, and replaces the hash if there is another.
 */
const beginSession = prepared((db) => {
  const hash = sql`${placeholder('hash')}::text`
  const isUser = and(eq(users.id, placeholder('id')), hasPasswordOf(hash))
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
            created_at: sql<Date>`now()`.as('created_at'),
            last_used_at: sql<Date>`now()`.as('last_used_at'),
            expires_at: sql<Date>`${expiry}`.as('expires_at'),
          })
          .from(users)
          .where(isUser)
          // A change of the password waits, or is waited for.
          .for('no key update')
      )
      .returning({ id: sessions.id })
  )
  const token = db.$with('token').as(addRefreshToken(db, sql`select id from ${session}`))
  const reset = db.$with('reset').as(
    db
      .delete(guesses)
      .where(eq(guesses.email_hash, emailHash(sql`${placeholder('email')}::text`)))
      .returning({ email_hash: guesses.email_hash })
  )
  const newHash = sql`${placeholder('new_hash')}::text`
  const rehashed = db.$with('rehashed').as(
    db
      .update(users)
      .set({ hashed_password: newHash })
      .where(and(isUser, eq(users.hashed_password, hash), isNotNull(newHash)))
      .returning({ id: users.id })
  )
  return db
    .with(session, token, reset, rehashed)
    .select({ sid: session.id })
    .from(session)
    .prepare('begin_session')
})

const withCost = (cost: number, rest: string) => `$2b$${String(cost).padStart(2, '0')}$${rest}`

/** Stands in for the hash of a user who does not exist, so that a wrong e-mail costs the same. */
const noHash = (cost: number) =>
  withCost(cost, 'abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234')

/**
 * A hash of today's cost, for a password whose hash has a lower one. The salt stays, for the
 * password does, and its sessions.
 */
const rehash = async (password: string, old: string, cost: number): Promise<string | null> =>
  getRounds(old) < cost
    ? hash(password, withCost(cost, getSalt(old).slice(7))).catch(() => null)
    : null

const perAddress = rateLimit('AUTH_LIMIT', (c) => c.req.header('CF-Connecting-IP') ?? '')

export default new Hono<Env>()
  .post('/signup', perAddress, validate('json', Credentials), async (c) => {
    const { db, bcryptCost } = c.var.configuration
    const { email, password } = c.req.valid('json')
    const [user] = await createUser(db).execute({ email, hash: await hash(password, bcryptCost) })
    if (!user) return problem(c, 409, 'This e-mail address is already registered.')
    return c.json(user, 201)
  })
  .post('/login', perAddress, validate('json', Credentials), async (c) => {
    const { db, bcryptCost } = c.var.configuration
    const { email, password } = c.req.valid('json')
    const wrong = () =>
      problem(c, 401, 'The e-mail address or the password is wrong.', { headers: challenge(c) })
    const [user] = await findUser(db).execute({ email })
    if (!user) throw databaseTrouble()
    if (!user.admitted) return tooManyGuesses(c, user.wait)
    const old = user.hashed_password ?? noHash(bcryptCost)
    const matches = await compare(password, old)
    if (!user.id || !matches) {
      // The work of today's cost, however old the hash: 2^c + 2^c + 2^(c+1) + … = 2^cost.
      for (let cost = getRounds(old); cost < bcryptCost; cost++)
        await compare(password, noHash(cost))
      return wrong()
    }

    const refresh = await newRefreshToken()
    const begin = (new_hash: string | null) =>
      beginSession(db).execute({
        id: user.id,
        hash: old,
        new_hash,
        email,
        refresh_hash: refresh.hash,
        // Cut where it may be half a character, which Postgres would not take.
        user_agent: c.req.header('User-Agent')?.slice(0, 200).toWellFormed() ?? null,
      })
    const new_hash = await rehash(password, old, bcryptCost)
    const [session] = await begin(new_hash).catch((error) => {
      // The new hash is a favour: a login does not fail for it.
      if (new_hash && postgresError(error)) return begin(null)
      throw error
    })
    // The password was changed meanwhile.
    if (!session) return wrong()
    return tokenReply(c, { id: user.id, email, sid: session.sid }, refresh.token)
  })
