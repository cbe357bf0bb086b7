import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { onTeardown, start } from './teardown.ts'

/** Creates an empty database on the server of `postgresUrl` and returns its connection string. */
const createDatabase = async (postgresUrl: string): Promise<string> => {
  const name = `edge_todo_bench_${randomUUID()}`
  const admin = async (statement: string) => {
    const client = new pg.Client(postgresUrl)
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  await admin(`create database "${name}"`)
  onTeardown(() => admin(`drop database "${name}" with (force)`))
  const url = new URL(postgresUrl)
  url.pathname = name
  return url.href
}

/**
 * Starts the local Neon with an empty database, in a process of its own, and returns its
 * DATABASE_URL. The database is on the server of POSTGRES_URL, or without that a PGlite in memory.
 */
export const startNeon = async (): Promise<string> => {
  const { POSTGRES_URL: postgresUrl } = process.env
  const main = fileURLToPath(new URL('../dev/neon/main.ts', import.meta.url))
  const neon = start(process.execPath, [main], {
    env: {
      ...process.env,
      NEON_PORT: '0',
      DATA_DIR: 'memory',
      ...(postgresUrl && { POSTGRES_URL: await createDatabase(postgresUrl) }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface(neon.stdout as Readable)) {
    const [, url] = /DATABASE_URL=(\S+)/.exec(line) ?? []
    if (url) return url
  }
  throw new Error('The local Neon did not start')
}

export type Query = { query: string; params: unknown[] }

/** Starts a proxy in front of the Neon of `databaseUrl` that records the queries it passes on. */
export const record = async (databaseUrl: string) => {
  const queries: Query[] = []
  const neon = new URL(databaseUrl)
  const proxy = createServer(async (request, response) => {
    try {
      const body = (await request.setEncoding('utf8').toArray()).join('')
      queries.push(JSON.parse(body))
      const headers = Object.entries(request.headers).filter(([name]) => name.startsWith('neon-'))
      const reply = await fetch(`http://${neon.host}/sql`, {
        method: 'POST',
        headers: Object.fromEntries(headers) as Record<string, string>,
        body,
      })
      response.writeHead(reply.status).end(await reply.text())
    } catch {
      response.destroy()
    }
  })
  await once(proxy.listen(0, '127.0.0.1').unref(), 'listening')
  const url = new URL(databaseUrl)
  url.port = String((proxy.address() as AddressInfo).port)
  return {
    databaseUrl: url.href,
    /** Returns the queries recorded since the last call. */
    take: () => queries.splice(0),
  }
}
export type Recorder = Awaited<ReturnType<typeof record>>
