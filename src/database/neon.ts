import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import { DrizzleQueryError } from 'drizzle-orm'
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http'

export type Database = NeonHttpDatabase

/** Prepares queries for the database at `url`. Nothing is sent before the first query. */
export const connect = (url: string): Database => drizzle(neon(url))

/** The longest that one request to Neon may take, with its reply, in milliseconds. */
const deadline = 4000

/** Whether `host` is this machine, where the local Neon stands in for the real one. */
export const isLoopback = (host: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)

const neonEndpoint = neonConfig.fetchEndpoint
neonConfig.fetchEndpoint = (host, port, options) => {
  if (isLoopback(host)) return `http://${host}:${port}/sql`
  return typeof neonEndpoint === 'function' ? neonEndpoint(host, port, options) : neonEndpoint
}

/**
 * Parses a reply of Neon and refuses rows that lack columns. Every query of this service selects a
 * column that is never null, such as an id, first: a row that begins with null is damaged, and must
 * not pass for a user.
 */
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
    // A redirect is not followed, because the request carries the database password.
    const response = await fetch(url, { ...init, redirect: 'manual', signal: abort.signal })
    const { ok, status } = response
    const body = await response.text()
    return { ok, status, text: async () => body, json: async () => parseReply(ok, body) }
  } finally {
    clearTimeout(timer)
  }
}

/** Whether the request is one query that writes nothing. User input travels beside the SQL, so the SQL can be trusted. */
const isRead = ({ body }: RequestInit) => {
  const { query } = JSON.parse(String(body))
  return typeof query === 'string' && !/\b(insert|update|delete)\b/i.test(query)
}

const isTimeout = (error: unknown) => error instanceof Error && error.name === 'AbortError'

/**
 * Adds to the driver's fetch what it lacks: a deadline that covers the body, a check of every row,
 * and a second try for a read after a connection failure or a 5xx. A write is not tried again,
 * because the first try may have succeeded.
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

/** Builds a query once for each database. To build it for each request would cost more than the rest of the request. */
export const prepared = <Query>(build: (db: Database) => Query) => {
  const queries = new WeakMap<Database, Query>()
  return (db: Database): Query => {
    const query = queries.get(db) ?? build(db)
    queries.set(db, query)
    return query
  }
}

/** Postgres' own error, when `error` comes from a query that Postgres refused. */
export const postgresError = (error: unknown): NeonDbError | undefined =>
  error instanceof DrizzleQueryError && error.cause instanceof NeonDbError && error.cause.code
    ? error.cause
    : undefined

/**
 * Why Neon gave no answer: the name of what fetch threw (`AbortError` after the deadline), or the
 * status of the reply. Undefined for any other error. The text of a reply is never repeated.
 */
export const neonFailure = (error: unknown): string | undefined => {
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  if (!(cause instanceof NeonDbError)) return undefined
  return cause.sourceError?.name ?? /HTTP status \d+/.exec(cause.message)?.[0]
}
