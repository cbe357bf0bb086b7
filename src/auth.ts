import { compare, hash } from 'bcryptjs'
import { type ColumnsSelection, eq, type SQL, sql } from 'drizzle-orm'
import type { TypedQueryBuilder } from 'drizzle-orm/query-builders/query-builder'
import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { jwt, sign } from 'hono/jwt'
import * as z from 'zod/mini'
import { type Configuration, type Database, type Env, postgresError, prepared } from './env.ts'
import { problem, refusal, validate } from './problem.ts'
import { rateLimit } from './rate-limit.ts'
import { rfc3339, users } from './schema.ts'

const email = z
  .string('must be an e-mail address')
  .check(
    z.trim(),
    z.toLowerCase(),
    z.email('must be an e-mail address'),
    z.maxLength(254, 'must be at most 254 characters long')
  )

const password = z.string('must be a string').check(
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

const userColumns = {
  id: users.id,
  email: users.email,
  created_at: rfc3339(users.created_at).as('created_at'),
}

/** How long a token is good for: 7 days, in seconds. */
const lifetime = 7 * 24 * 60 * 60
/** By how much the clocks of two places may differ, in seconds. */
const leeway = 60

const now = () => Math.floor(Date.now() / 1000)
const notLaterThan = (seconds: number) => (time: number) => time <= now() + seconds

/** What a token must claim beyond what hono's jwt checks, which lets most of it be absent. */
const Claims = z.object({
  sub: z.string().check(z.regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)),
  exp: z.int().check(z.refine(notLaterThan(lifetime + leeway))),
  iat: z.optional(z.number().check(z.refine(notLaterThan(leeway)))),
  nbf: z.optional(z.number().check(z.refine(notLaterThan(leeway)))),
})

/** RFC 6750, section 3: the error is named only to those who sent a token. */
const challenge = (c: Context) => ({
  'WWW-Authenticate': /^bearer +\S/i.test(c.req.header('Authorization') ?? '')
    ? 'Bearer realm="tasks", error="invalid_token"'
    : 'Bearer realm="tasks"',
})

const needsToken = 'A valid access token is needed. POST /auth/login gives one.'

const keys = new WeakMap<Configuration, CryptoKey>()

/** The secret as a key, imported once: from text hono would import it at each request. */
const keyOf = async (configuration: Configuration): Promise<CryptoKey> => {
  const known = keys.get(configuration)
  if (known) return known
  const bytes = new TextEncoder().encode(configuration.jwtSecret)
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify'])
  keys.set(configuration, key)
  return key
}

export type UserEnv = Env & { Variables: { userId: string } }

/**
 * Lets a request pass with a token that is good in itself. That its user still exists is seen in
 * the same statement as the work: see forUser.
 */
export const requireUser = createMiddleware<UserEnv>(async (c, next) => {
  const verify = jwt({
    secret: await keyOf(c.var.configuration),
    alg: 'HS256',
    // Checked below: hono allows for no leeway between clocks.
    verification: { iat: false, nbf: false },
  })
  // What it refuses is left without a payload, and so without claims.
  await verify(c, async () => {}).catch(() => {})
  const claims = z.safeParse(Claims, c.get('jwtPayload'))
  if (!claims.success) return problem(c, 401, needsToken, { headers: challenge(c) })
  c.set('userId', claims.data.sub)
  await next()
})

/**
 * A query for the user of the token, in one statement with the check that this user exists: `me`
 * is the user's id, or null when there is no such user, and then nothing is found or written.
 * `input` is what a client sent, as jsonb.
 *
 * Running it takes the values of the query's placeholders, gives the rows, and throws the 401.
 */
export const forUser = <Row = never>(
  build: (db: Database, me: SQL<string>, input: SQL) => TypedQueryBuilder<ColumnsSelection, Row[]>,
  rows: SQL<Row[]> = sql`(select coalesce(json_agg(work), '[]') from work)`
) => {
  const statement = prepared((db) => {
    const me = db.$with('me').as(
      db
        .select({ id: users.id, input: sql`${sql.placeholder('input')}::jsonb`.as('input') })
        .from(users)
        .where(eq(users.id, sql.placeholder('user_id')))
    )
    const work = db
      .$with('work')
      .as(build(db, sql`(select id from ${me})`, sql`(select input from ${me})`))
    return db.with(me, work).select({ id: me.id, rows }).from(me).prepare('for_user')
  })
  return async (c: Context<UserEnv>, values: Record<string, unknown> = {}): Promise<Row[]> => {
    const gone = () => refusal(401, needsToken, challenge(c))
    const [user] = await statement(c.var.configuration.db)
      .execute({ input: null, ...values, user_id: c.var.userId })
      .catch((error) => {
        // A task without its user: the user went while the request came.
        throw postgresError(error)?.column === 'user_id' ? gone() : error
      })
    if (user?.id !== c.var.userId) throw gone()
    return user.rows
  }
}

const createUser = prepared((db) =>
  db
    .insert(users)
    .values({ email: sql.placeholder('email'), hashed_password: sql.placeholder('hash') })
    .onConflictDoNothing({ target: users.email })
    .returning(userColumns)
    .prepare('create_user')
)

const findUser = prepared((db) =>
  db
    .select({ id: users.id, email: users.email, hashed_password: users.hashed_password })
    .from(users)
    .where(eq(users.email, sql.placeholder('email')))
    .prepare('find_user')
)

const readMe = forUser((db, me) => db.select(userColumns).from(users).where(eq(users.id, me)))

/** Stands in for the hash of a user who does not exist, so that a wrong e-mail costs the same. */
const noHash = (cost: number) =>
  `$2b$${String(cost).padStart(2, '0')}$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234`

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
    const [user] = await findUser(db).execute({ email })
    const matches = await compare(password, user?.hashed_password ?? noHash(bcryptCost))
    if (!user || !matches)
      return problem(c, 401, 'The e-mail address or the password is wrong.', {
        headers: challenge(c),
      })
    const claims = { sub: user.id, email, iat: now(), exp: now() + lifetime }
    return c.json(
      {
        access_token: await sign(claims, await keyOf(c.var.configuration), 'HS256'),
        token_type: 'bearer' as const,
      },
      200
    )
  })
  .use('/me', requireUser)
  .get('/me', async (c) => {
    const [user] = (await readMe(c)) as [User]
    return c.json(user, 200)
  })
