import assert from 'node:assert/strict'
import { after } from 'node:test'
import { type NeonDbError, neon, neonConfig } from '@neondatabase/serverless'
import pg from 'pg'
import { startNeon } from '../neon.ts'

// The tests run on PGlite, or on PostgreSQL when POSTGRES_URL is set. There they create a database,
// with a name that a URL has to encode.
const server = process.env.POSTGRES_URL
const database = `neon 100% ${process.pid}`
export const postgresUrl = server && new URL(encodeURIComponent(database), server).href
export const onPGlite = { skip: postgresUrl ? 'PGlite only' : false }
export const onPostgreSQL = { skip: postgresUrl ? false : 'PostgreSQL only' }

neonConfig.fetchEndpoint = (host, port) => `http://${host}:${port}/sql`

await administer(`create database "${database}"`)

/** The local Neon that all tests share */
export const local = await startNeon({ port: 0, dataDir: 'memory', postgresUrl })
export const sql = neon(local.url, { fullResults: true })

after(async () => {
  await local.close()
  await administer(`drop database "${database}" with (force)`)
})

async function administer(statement: string) {
  if (!server) return
  const client = new pg.Client(server)
  await client.connect()
  await client.query(statement)
  await client.end()
}

export interface Reply {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: each test asserts the JSON that it expects
  body: any
}

export const RAW = { 'Neon-Raw-Text-Output': 'true', 'Neon-Array-Mode': 'true' }

/** Sends a request with the headers that the driver sends, or with others */
export async function post(
  body: unknown,
  headers: { [name: string]: string } = RAW
): Promise<Reply> {
  const response = await fetch(`http://127.0.0.1:${local.port}/sql`, {
    method: 'POST',
    headers: { 'Neon-Connection-String': local.url, ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  })
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(await response.text()),
  }
}

/** Runs a query and returns the first value of its first row, as text */
export async function value(query: string, params: unknown[] = []): Promise<string | null> {
  const { status, body } = await post({ query, params })
  assert.equal(status, 200, JSON.stringify(body))
  return body.rows[0][0]
}

export async function failure(promise: Promise<unknown>): Promise<NeonDbError> {
  return promise.then(
    () => assert.fail('did not fail'),
    (error) => error
  )
}
