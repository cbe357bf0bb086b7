import type { IncomingHttpHeaders } from 'node:http'
import type pg from 'pg'
import { type Param, REPLY_LIMIT, type Result } from './postgres.ts'
import { refusal } from './refusal.ts'
import { decodeValue, encodeParam } from './values.ts'

/** The parts of a connection string that are checked */
export interface Credentials {
  user: string
  password: string
  database: string
}

export interface Statement {
  text: string
  params: Param[]
  arrayMode: boolean | undefined
}

export interface Options {
  rawText: boolean
  arrayMode: boolean
  isolation: string | undefined
  readOnly: boolean
  deferrable: boolean
}

const ISOLATION_LEVELS: { [header: string]: string } = {
  ReadUncommitted: 'READ UNCOMMITTED',
  ReadCommitted: 'READ COMMITTED',
  RepeatableRead: 'REPEATABLE READ',
  Serializable: 'SERIALIZABLE',
}

/** Reads the headers that set options; a flag is on only when its value is exactly `true` */
export function parseOptions(headers: IncomingHttpHeaders): Options {
  const isolation = headers['neon-batch-isolation-level']
  if (isolation !== undefined && !Object.hasOwn(ISOLATION_LEVELS, String(isolation))) {
    throw refusal(400, 'invalid isolation level')
  }
  return {
    rawText: headers['neon-raw-text-output'] === 'true',
    arrayMode: headers['neon-array-mode'] === 'true',
    isolation: isolation as string | undefined,
    readOnly: headers['neon-batch-read-only'] === 'true',
    deferrable: headers['neon-batch-deferrable'] === 'true',
  }
}

/** The statement that begins a batch: see "START TRANSACTION" in the PostgreSQL docs */
export function startTransaction({ isolation, readOnly, deferrable }: Options): string {
  const modes = [
    isolation && `ISOLATION LEVEL ${ISOLATION_LEVELS[isolation]}`,
    readOnly && 'READ ONLY',
    deferrable && 'DEFERRABLE',
  ]
  return `START TRANSACTION ${modes.filter(Boolean).join(', ')}`
}

/** The headers that repeat the options in the reply to a batch */
export function echo({ isolation, readOnly, deferrable }: Options): { [header: string]: string } {
  return {
    ...(readOnly && { 'neon-batch-read-only': 'true' }),
    ...(deferrable && { 'neon-batch-deferrable': 'true' }),
    ...(isolation && { 'neon-batch-isolation-level': isolation }),
  }
}

/** Reads a connection string, and refuses one that lacks a part, as Neon's proxy does */
export function parseConnectionString(connectionString: string): Credentials {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : undefined
  if (!url) throw refusal(400, 'invalid connection string: not a URL')
  if (!/^postgres(ql)?:$/.test(url.protocol)) throw refusal(400, 'incorrect scheme')
  if (!url.pathname) throw refusal(400, 'missing database name')
  if (!url.username) throw refusal(400, 'missing username')
  if (!url.password) throw missingPassword()
  return {
    user: decode(url.username),
    password: decode(url.password),
    database: decode(url.pathname.split('/')[1] ?? ''),
  }
}

export type Authenticate = (headers: IncomingHttpHeaders) => void

/** Returns a check of `Neon-Connection-String` against the credentials of this server */
export function authenticator(expected: Credentials): Authenticate {
  let accepted: string | undefined
  return (headers) => {
    const header = headers['neon-connection-string']
    if (typeof header !== 'string') throw refusal(400, 'invalid header: neon-connection-string')
    if (headers.authorization !== undefined) throw missingPassword()
    if (header === accepted) return
    const { user, password, database } = parseConnectionString(header)
    if (user !== expected.user || password !== expected.password) {
      throw refusal(400, `password authentication failed for user '${user}'`)
    }
    // In Neon it is Postgres that refuses an unknown database, and the proxy then answers 500.
    if (database !== expected.database) {
      const fields = { code: '3D000', severity: 'FATAL' }
      throw refusal(500, `database "${database}" does not exist`, fields)
    }
    accepted = header
  }
}

function missingPassword() {
  return refusal(400, 'missing authentication credentials: required password')
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Reads the body of a request: a single query, or the queries of a batch */
export function parsePayload(body: Buffer): Statement | Statement[] {
  let payload: unknown
  try {
    payload = parseJson(body)
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error))
  }
  const statement = parseStatement(payload)
  if (statement) return statement
  const queries =
    isObject(payload) && Array.isArray(payload.queries) ? payload.queries : [undefined]
  return queries.map((query) => {
    const statement = parseStatement(query)
    if (!statement) throw unreadable('data did not match any variant of untagged enum Payload')
    return statement
  })
}

function unreadable(reason: string) {
  return refusal(400, `could not parse the HTTP request body: ${reason}`)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// UTF-8 cannot hold a lone surrogate, but an escape in JSON can.
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/

function parseJson(body: Buffer): unknown {
  const text = UTF8.decode(body)
  if (!SURROGATE_ESCAPE.test(text)) return JSON.parse(text)
  return JSON.parse(text, (_key, value) => {
    if (typeof value === 'string' && !value.isWellFormed()) {
      throw new Error('lone surrogate in hex escape')
    }
    return value
  })
}

function parseStatement(value: unknown): Statement | undefined {
  if (!isObject(value) || typeof value.query !== 'string') return
  const { query, params = [], arrayMode = null } = value
  if (!Array.isArray(params) || (arrayMode !== null && typeof arrayMode !== 'boolean')) return
  return { text: query, params: params.map(encodeParam), arrayMode: arrayMode ?? undefined }
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null
}

/** Writes the result of one statement as JSON */
export function encodeResult(
  { fields, rows, tag, truncated }: Result,
  rawText: boolean,
  arrayMode: boolean,
  arrays: ReadonlyMap<number, number>
): string {
  if (truncated) throw tooLarge()
  const [command, ...counts] = tag.split(' ')
  // The tag of INSERT has an OID before the number of rows.
  const count = counts[command === 'INSERT' ? 1 : 0] ?? ''
  const rowCount = /^\d+$/.test(count) ? count : 'null'
  const encodedRows =
    rawText && arrayMode
      ? JSON.stringify(rows)
      : `[${rows.map((row) => encodeRow(row, fields, rawText, arrayMode, arrays)).join(',')}]`
  const head = `{"rowAsArray":${arrayMode},"fields":${JSON.stringify(fields)}`
  return `${head},"rows":${encodedRows},"command":"${command}","rowCount":${rowCount}}`
}

/** Refuses a reply that is too large for Neon's proxy, which holds it in memory */
export function checkSize(bytes: number): void {
  if (bytes > REPLY_LIMIT) throw tooLarge()
}

function tooLarge() {
  return refusal(507, `response is too large (max is ${REPLY_LIMIT} bytes)`)
}

// The JSON is written by hand, so that JSON columns stay as they are, and columns of the same name
// are all kept.
function encodeRow(
  row: (string | null)[],
  fields: pg.FieldDef[],
  rawText: boolean,
  arrayMode: boolean,
  arrays: ReadonlyMap<number, number>
): string {
  const values = row.map((text, index) => {
    if (text === null) return 'null'
    const type = fields[index]?.dataTypeID ?? 0
    return rawText ? JSON.stringify(text) : decodeValue(text, type, arrays)
  })
  if (arrayMode) return `[${values.join(',')}]`
  return `{${values.map((value, index) => `${JSON.stringify(fields[index]?.name)}:${value}`).join(',')}}`
}
