import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { lockFolder, pgliteSockets } from './pglite.ts'
import { openPostgres, type Postgres, type Query } from './postgres.ts'
import {
  type Authenticate,
  authenticator,
  type Credentials,
  checkSize,
  echo,
  encodeResult,
  type Options,
  parseConnectionString,
  parseOptions,
  parsePayload,
  type Statement,
  startTransaction,
} from './protocol.ts'
import { encodeError, refusal } from './refusal.ts'
import { retry } from './retry.ts'

export interface NeonOptions {
  /** 0 for any that is free */
  port: number
  /** Where PGlite keeps its data; `memory` for nowhere */
  dataDir?: string | undefined
  /** A PostgreSQL to use in PGlite's place */
  postgresUrl?: string | undefined
}

export interface Neon {
  /** The DATABASE_URL for the Neon driver */
  url: string
  port: number
  close(): Promise<void>
}

/** The largest request of Neon's proxy, in bytes */
const REQUEST_LIMIT = 10 * 1024 * 1024

/** How long a request may go on after the server has been told to close, in milliseconds */
const GRACE = 5000

/**
 * Starts a local Neon: its SQL over HTTP at `http://127.0.0.1:PORT/sql`, in front of PGlite or
 * PostgreSQL. The protocol is that of Neon's proxy, in `proxy/src/serverless` of neondatabase/neon.
 */
export async function startNeon(options: NeonOptions): Promise<Neon> {
  const { port, dataDir = '.data', postgresUrl } = options
  const credentials = postgresUrl
    ? parseConnectionString(postgresUrl)
    : { user: 'postgres', password: 'postgres', database: 'postgres' }
  const server = createServer()
  await listen(server, port)
  try {
    const database = postgresUrl
      ? await openPostgreSQL(postgresUrl)
      : await openPGlite(dataDir, credentials)
    serve(server, database, authenticator(credentials))
    const { port } = server.address() as AddressInfo
    let closed: Promise<void> | undefined
    const close = () => (closed ??= shutDown(server, database))
    return { url: databaseUrl(credentials, port), port, close }
  } catch (error) {
    server.close()
    server.closeAllConnections()
    throw error
  }
}

function databaseUrl({ user, password, database }: Credentials, port: number): string {
  const [name, secret, path] = [user, password, database].map(encodeURIComponent)
  return `postgresql://${name}:${secret}@127.0.0.1:${port}/${path}`
}

async function listen(server: Server, port: number): Promise<void> {
  // Idle connections stay open: a driver that reuses one just as it closes would lose its query.
  server.keepAliveTimeout = 0
  const isListening = await retry(async () => {
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
      throw error
    }
  })
  if (!isListening) throw new Error(`port ${port} is already in use: set NEON_PORT to another one`)
}

async function openPostgreSQL(connectionString: string): Promise<Postgres> {
  // As many as Neon's proxy keeps for one endpoint.
  const pool = { connectionString, max: 20, connectionTimeoutMillis: 10_000 }
  return openPostgres(pool).catch((error: Error) => {
    const { host } = new URL(connectionString)
    throw new Error(`cannot connect to PostgreSQL at ${host}: ${error.message}`)
  })
}

async function openPGlite(dataDir: string, credentials: Credentials): Promise<Postgres> {
  const unlock = dataDir === 'memory' ? () => {} : await lockFolder(dataDir)
  try {
    const stream = pgliteSockets(dataDir)
    const pool = {
      ...credentials,
      host: 'pglite',
      ssl: false,
      max: 1,
      idleTimeoutMillis: 0,
      stream,
    }
    const database = await openPostgres(pool)
    return { ...database, close: () => database.close().finally(unlock) }
  } catch (error) {
    unlock()
    const reason = error instanceof Error ? error.message : error
    throw new Error(`cannot open the database in ${dataDir}: ${reason}`)
  }
}

function serve(server: Server, database: Postgres, authenticate: Authenticate) {
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.split('?')[0]
    if (path === '/sql' && request.method === 'OPTIONS') {
      return send(response, 200, PREFLIGHT, '')
    }
    if (path !== '/sql' || request.method !== 'POST') {
      return send(response, 400, JSON_HEADERS, '"query is not supported"')
    }
    try {
      await answer(request, response, database, authenticate)
    } catch (error) {
      const { status, body } = encodeError(error)
      if (!response.headersSent) send(response, status, CORS_HEADERS, body)
    }
  })
}

const JSON_HEADERS = { 'content-type': 'application/json' }
const CORS_HEADERS = { ...JSON_HEADERS, 'access-control-allow-origin': '*' }
const PREFLIGHT = {
  allow: 'OPTIONS, POST',
  'access-control-allow-origin': '*',
  'access-control-allow-headers':
    'Authorization, Neon-Connection-String, Neon-Raw-Text-Output, Neon-Array-Mode, Neon-Pool-Opt-In, Neon-Batch-Read-Only, Neon-Batch-Isolation-Level',
  'access-control-max-age': '86400',
}

// With its length, head and body are one write, and not chunked.
function send(
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string
) {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  database: Postgres,
  authenticate: Authenticate
): Promise<void> {
  const body = await readBody(request)
  authenticate(request.headers)
  const options = parseOptions(request.headers)
  const payload = parsePayload(body)
  await database.session(response, async (query) => {
    // Sent before the session is wiped, which the client need not wait for.
    if (Array.isArray(payload)) {
      const reply = await runBatch(query, payload, options, database.arrays)
      send(response, 200, { ...CORS_HEADERS, ...echo(options) }, reply)
    } else {
      const reply = await run(query, payload, options, database.arrays)
      checkSize(Buffer.byteLength(reply))
      send(response, 200, CORS_HEADERS, reply)
    }
  })
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      // Read to its end all the same: a reply to a client that is still sending may be lost.
      if (size <= REQUEST_LIMIT) chunks.push(chunk)
    })
    request.on('end', () => {
      if (size <= REQUEST_LIMIT) resolve(Buffer.concat(chunks, size))
      else reject(refusal(413, `request is too large (max is ${REQUEST_LIMIT} bytes)`))
    })
    request.on('error', reject)
  })
}

async function run(
  query: Query,
  { text, params, arrayMode }: Statement,
  options: Options,
  arrays: Postgres['arrays']
): Promise<string> {
  if (text.includes('\0')) {
    throw refusal(400, 'error encoding message to server: string contains embedded null')
  }
  // Their number is a 16-bit integer in the Bind message, and would wrap round.
  if (params.length > 65535) {
    throw refusal(400, 'error encoding message to server: value too large to transmit')
  }
  const result = await query(text, params)
  return encodeResult(result, options.rawText, arrayMode ?? options.arrayMode, arrays)
}

/** One transaction; when a statement fails, wiping the session rolls it back */
async function runBatch(
  query: Query,
  statements: Statement[],
  options: Options,
  arrays: Postgres['arrays']
): Promise<string> {
  await query(startTransaction(options))
  const results: string[] = []
  let size = 0
  for (const statement of statements) {
    const result = await run(query, statement, options, arrays)
    size += Buffer.byteLength(result)
    checkSize(size)
    results.push(result)
  }
  await query('COMMIT')
  return `{"results":[${results.join(',')}]}`
}

/** Requests under way are answered first, but not waited for for ever */
async function shutDown(server: Server, database: Postgres): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), GRACE)
  // A connection that was busy at first is kept alive after its reply.
  const sweep = setInterval(() => server.closeIdleConnections(), 20)
  await new Promise((resolve) => server.close(resolve))
  clearInterval(sweep)
  clearTimeout(timer)
  await database.close()
}
