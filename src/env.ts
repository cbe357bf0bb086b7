import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm'
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http'
import * as z from 'zod/mini'

type RateLimit = { limit(options: { key: string }): Promise<{ success: boolean }> }
type Assets = { fetch(request: Request): Promise<Response> }

/**
 * What wrangler.toml, the secrets and the variables give the Worker. In types of our own, for the
 * typed client brings this file into front ends that know nothing of Workers.
 */
export type Bindings = {
  DATABASE_URL?: string
  JWT_SECRET?: string
  JWT_SECRET_PREVIOUS?: string
  BCRYPT_COST?: string
  CORS_ORIGINS?: string
  AUTH_LIMIT?: RateLimit
  TASKS_LIMIT?: RateLimit
  ASSETS: Assets
}

export type Env = {
  Bindings: Bindings
  Variables: { requestId: string; configuration: Configuration }
}

export type Database = NeonHttpDatabase

/** The longest that one request to Neon may take, its body included, in milliseconds. */
const deadline = 4000

/** Whether `host` is this machine, where the local Neon stands in for the real one. */
export const isLoopback = (host: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)

const neonEndpoint = neonConfig.fetchEndpoint
neonConfig.fetchEndpoint = (host, port, options) => {
  if (isLoopback(host)) return `http://${host}:${port}/sql`
  return typeof neonEndpoint === 'function' ? neonEndpoint(host, port, options) : neonEndpoint
}

/** Every query of ours begins with a column that is never null, such as an id. */
const parseReply = (ok: boolean, body: string) => {
  const reply = JSON.parse(body)
  const isRow = (row: unknown[]) => row.length === reply.fields.length && (row[0] ?? null) !== null
  if (ok && !reply.rows.every(isRow))
    throw new TypeError('The database sent rows without their columns')
  return reply
}

/** The parts of a fetch Response that the driver reads. */
type Reply = Pick<Response, 'ok' | 'status' | 'text' | 'json'>

const fetchInTime = async (url: string, init: RequestInit): Promise<Reply> => {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), deadline)
  try {
    // No redirect is followed, for the request carries the password.
    const response = await fetch(url, { ...init, redirect: 'manual', signal: abort.signal })
    const { ok, status } = response
    const body = await response.text()
    return { ok, status, text: async () => body, json: async () => parseReply(ok, body) }
  } finally {
    clearTimeout(timer)
  }
}

/** Whether a request is a single query that writes nothing. Its SQL is ours: values travel beside it. */
const isRead = ({ body }: RequestInit) => {
  const { query } = JSON.parse(String(body))
  return typeof query === 'string' && !/\b(insert|update|delete)\b/i.test(query)
}

const isTimeout = (error: unknown) => error instanceof Error && error.name === 'AbortError'

/**
 * The driver's fetch with what it lacks: a deadline that covers the body, a check that every row
 * has a value for each column, and one more try for a read whose connection failed or that was
 * answered 5xx. A write may have happened, and is not tried again.
 */
neonConfig.fetchFunction = async (url: string, init: RequestInit): Promise<Reply> => {
  try {
    const reply = await fetchInTime(url, init)
    if (reply.status < 500 || !isRead(init)) return reply
  } catch (error) {
    if (isTimeout(error) || !isRead(init)) throw error
  }
  return fetchInTime(url, init)
}

/**
 * A query that is built once for each connection and not at each request, which would cost more
 * than all else that a request does.
 */
export const prepared = <Query>(build: (db: Database) => Query) => {
  const queries = new WeakMap<Database, Query>()
  return (db: Database): Query => {
    const query = queries.get(db) ?? build(db)
    queries.set(db, query)
    return query
  }
}

/** The error that Postgres itself answered a query with, if that is what `error` is. */
export const postgresError = (error: unknown): NeonDbError | undefined =>
  error instanceof DrizzleQueryError && error.cause instanceof NeonDbError && error.cause.code
    ? error.cause
    : undefined

/**
 * Why Neon gave no answer, if that is what `error` is: what fetch threw, an AbortError after our
 * deadline, or the status of the reply, of which no text is repeated.
 */
export const neonFailure = (error: unknown): string | undefined => {
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  if (!(cause instanceof NeonDbError)) return undefined
  return cause.sourceError?.name ?? /HTTP status \d+/.exec(cause.message)?.[0]
}

const databaseUrl = z.string('is missing').check(
  z.refine((url) => /^postgres(ql)?:\/\/[^/]+@[^/]+\/./.test(url) && URL.canParse(url), {
    error: 'must be a connection string, postgresql://user:password@host/database',
    abort: true,
  })
)

const jwtSecret = z.string('is missing').check(
  z.refine((secret) => new TextEncoder().encode(secret.trim()).length >= 32, {
    error: 'must be at least 32 bytes long',
    abort: true,
  }),
  z.refine(
    (secret) =>
      new Set(secret).size >= 8 &&
      !/(change|replace).?(me|this)|placeholder|example|your.?(jwt.?)?(secret|key)/i.test(secret),
    'must be random, and looks like a placeholder'
  ),
  z.refine(
    (secret) => !/PUBLIC|PRIVATE/.test(secret),
    'must not contain PUBLIC or PRIVATE, which mark a key in PEM'
  )
)

const isOrigin = (text: string) =>
  URL.canParse(text) && new URL(text).origin === text && !text.includes('*')
const corsOrigins = z
  .array(z.string())
  .check(
    z.refine(
      (list) => list.every(isOrigin),
      'must be origins such as https://app.example.com, separated by commas'
    )
  )
const list = (text = '') => text.split(',').flatMap((item) => item.trim() || [])

const Configuration = z.pipe(
  z
    .object({
      DATABASE_URL: databaseUrl,
      JWT_SECRET: jwtSecret,
      JWT_SECRET_PREVIOUS: z.optional(jwtSecret),
      BCRYPT_COST: z._default(z.coerce.number(), 10),
      CORS_ORIGINS: z.pipe(z.pipe(z.optional(z.string()), z.transform(list)), corsOrigins),
    })
    .check(
      z.refine(
        ({ DATABASE_URL: url, BCRYPT_COST: cost }) =>
          Number.isInteger(cost) &&
          cost <= 14 &&
          cost >= (isLoopback(new URL(url).hostname) ? 4 : 10),
        {
          path: ['BCRYPT_COST'],
          error: 'must be a whole number from 10 to 14, or from 4 on a local database',
        }
      )
    ),
  z.transform((env) => ({
    db: drizzle(neon(env.DATABASE_URL)),
    /** What tokens are signed with, and after it what they may have been signed with. */
    jwtSecrets: [env.JWT_SECRET, env.JWT_SECRET_PREVIOUS ?? []].flat(),
    bcryptCost: env.BCRYPT_COST,
    corsOrigins: env.CORS_ORIGINS,
  }))
)
export type Configuration = z.output<typeof Configuration>

const configurations = new WeakMap<Partial<Bindings>, Configuration | { fault: string }>()

/** The checked configuration, or a sentence on what is wrong with it that repeats no value. */
export const configurationOf = (env: Partial<Bindings>): Configuration | { fault: string } => {
  const known = configurations.get(env)
  if (known) return known
  const { data, error } = z.safeParse(Configuration, env)
  const result = data ?? {
    fault: error?.issues.map(({ path, message }) => `${path} ${message}`).join('; ') ?? '',
  }
  configurations.set(env, result)
  return result
}
