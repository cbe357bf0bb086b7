import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { isAllowedOrigin } from './origin.ts'
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
  /** 0 takes any port that is free */
  port: number
  /** The folder that PGlite keeps its data in, or `memory` to keep none */
  dataDir?: string | undefined
  /** The connection string of a PostgreSQL server to use instead of PGlite */
  postgresUrl?: string | undefined
}

export interface Neon {
  /** The connection string for the Neon driver */
  url: string
  port: number
  close(): Promise<void>
}

/** The largest request that Neon's proxy accepts, in bytes */
const REQUEST_LIMIT = 10 * 1024 * 1024

/** How long a request that is running may still take when the server closes, in milliseconds */
const GRACE = 5000

/**
 * Starts an HTTP server at `http://127.0.0.1:PORT/sql` that runs queries on PGlite or PostgreSQL.
 * It speaks the protocol of Neon's proxy: see `proxy/src/serverless` in neondatabase/neon.
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
  // Neon's proxy keeps at most 20 connections to one endpoint.
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
    const { method, url, headers } = request
    if (!isAllowedOrigin(headers.origin)) {
      const { status, body } = encodeError(
        refusal(403, 'only web pages on localhost may use the local Neon')
      )
      return send(response, status, JSON_HEADERS, body)
    }
    const isSql = url?.split('?')[0] === '/sql'
    if (!isSql || (method !== 'POST' && method !== 'OPTIONS')) {
      return send(response, 400, JSON_HEADERS, '"query is not supported"')
    }
    response.setHeader('access-control-allow-origin', headers.origin ?? '*')
    if (headers.origin) response.setHeader('vary', 'Origin')
    if (method === 'OPTIONS') return send(response, 200, PREFLIGHT, '')
    try {
      await answer(request, response, database, authenticate)
    } catch (error) {
      const { status, body } = encodeError(error)
      if (!response.headersSent) send(response, status, JSON_HEADERS, body)
    }
  })
}

const JSON_HEADERS = { 'content-type': 'application/json' }
const PREFLIGHT = {
  allow: 'OPTIONS, POST',
  'access-control-allow-headers':
    'Authorization, Neon-Connection-String, Neon-Raw-Text-Output, Neon-Array-Mode, Neon-Pool-Opt-In, Neon-Batch-Read-Only, Neon-Batch-Isolation-Level',
  'access-control-max-age': '86400',
}

// With a content-length, Node sends head and body in one write instead of in chunks.
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
    // Sent before the session is reset, so that the client does not wait for that.
    if (Array.isArray(payload)) {
      const reply = await runBatch(query, payload, options, database.arrays)
      send(response, 200, { ...JSON_HEADERS, ...echo(options) }, reply)
    } else {
      const reply = await run(query, payload, options, database.arrays)
      checkSize(Buffer.byteLength(reply))
      send(response, 200, JSON_HEADERS, reply)
    }
  })
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      // A body that is too large is read to its end: a client that still sends may miss the reply.
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
  // The Bind message counts parameters in 16 bits, so that a larger number would wrap round.
  if (params.length > 65535) {
    throw refusal(400, 'error encoding message to server: value too large to transmit')
  }
  const result = await query(text, params)
  return encodeResult(result, options.rawText, arrayMode ?? options.arrayMode, arrays)
}

/** Runs the statements in one transaction. When one fails, resetting the session rolls it back. */
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

/** Answers the requests that are running, and waits no longer than GRACE for them */
async function shutDown(server: Server, database: Postgres): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), GRACE)
  // A connection that is busy now is idle after its reply, and would stay open.
  const sweep = setInterval(() => server.closeIdleConnections(), 20)
  await new Promise((resolve) => server.close(resolve))
  clearInterval(sweep)
  clearTimeout(timer)
  await database.close()
}
