import type { Writable } from 'node:stream'
import pg from 'pg'
import { refusal } from './refusal.ts'

export type Param = string | null

/** What one statement gave: every value as the text Postgres sent */
export interface Result {
  fields: pg.FieldDef[]
  rows: (string | null)[][]
  /** As in CommandComplete: `INSERT 0 3`; empty for an empty query */
  tag: string
  /** Rows were dropped, since the reply will be refused anyway */
  truncated: boolean
}

export type Query = (text: string, params?: Param[]) => Promise<Result>

export interface Postgres {
  /** The built-in array types with the type of their elements, by OID */
  arrays: ReadonlyMap<number, number>
  /**
   * Runs `work` on a connection that is its own from the first message to the last, and leaves
   * nothing of it in the session. When `caller` closes before the end, the query is cancelled.
   */
  session(caller: Writable, work: (query: Query) => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** The largest reply of Neon's proxy, in bytes */
export const REPLY_LIMIT = 10 * 1024 * 1024

// No value is more than four times as long on the wire as it is in the reply.
const WIRE_LIMIT = 4 * REPLY_LIMIT

// CopyFail, which is ignored unless the statement is COPY FROM STDIN: that would wait for ever.
const COPY_FAIL = Buffer.from('f\0\0\0\u0014no data to copy\0', 'latin1')

const ARRAY_TYPES =
  "select oid, typelem from pg_type where typcategory = 'A' and typelem <> 0 and oid < 10000"

export async function openPostgres(config: pg.PoolConfig): Promise<Postgres> {
  const pool = new pg.Pool(config)
  // A connection that breaks fails its query too, and is replaced at the next request.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))

  const connect = () => pool.connect().catch((error: Error) => Promise.reject(connectError(error)))

  async function session(caller: Writable, work: (query: Query) => Promise<void>) {
    const client = await connect()
    let cancelled: Promise<void> | undefined
    const cancel = () => {
      if (!config.stream) cancelled = cancelQuery(config, client)
    }
    caller.once('close', cancel)
    try {
      await work(async (text, params) => {
        if (caller.destroyed) throw refusal(400, 'the client has gone')
        return query(client, text, params)
      })
    } finally {
      caller.off('close', cancel)
      // Awaited, or it might hit whoever has the connection next.
      await cancelled
      await wipe(client).then(
        () => client.release(),
        () => client.release(true)
      )
    }
  }

  try {
    const client = await connect()
    const { rows } = await query(client, ARRAY_TYPES)
    client.release()
    const arrays = new Map(rows.map(([oid, element]) => [Number(oid), Number(element)]))
    return { arrays, session, close: () => pool.end() }
  } catch (error) {
    await pool.end()
    throw error
  }
}

// A host with several addresses fails with one error for each, and no message of its own.
function connectError(error: Error): Error {
  if (error instanceof pg.DatabaseError) return Object.assign(error, { status: 500 })
  const causes: Error[] = error instanceof AggregateError ? error.errors : [error]
  return refusal(500, causes.map(({ message }) => message).join(', '))
}

/** PostgreSQL docs, "Message Flow", "Extended Query": unnamed statement, text in, text out */
function query(client: pg.ClientBase, text: string, params: Param[] = []): Promise<Result> {
  return new Promise((resolve, reject) => {
    const result: Result = { fields: [], rows: [], tag: '', truncated: false }
    let size = 0
    const unexpected = () => reject(refusal(400, 'unexpected message from server'))
    client.query({
      submit(connection: pg.Connection) {
        const { stream } = connection
        stream.cork()
        connection.parse({ name: '', text, types: [] }, true)
        connection.bind({ portal: '', statement: '', binary: '', values: params }, true)
        connection.describe({ type: 'P', name: '' }, true)
        connection.execute(null, true)
        stream.write(COPY_FAIL)
        connection.sync()
        stream.uncork()
      },
      handleRowDescription: (message: { fields: pg.FieldDef[] }) => {
        result.fields = message.fields
      },
      handleDataRow: (message: { fields: (string | null)[]; length: number }) => {
        size += message.length
        if (size > WIRE_LIMIT) result.truncated = true
        else result.rows.push(message.fields)
      },
      handleCommandComplete: (message: { text: string }) => {
        result.tag = message.text
      },
      handleEmptyQuery: () => {},
      handlePortalSuspended: () => {},
      handleCopyInResponse: unexpected,
      handleCopyData: unexpected,
      handleReadyForQuery: () => resolve(result),
      handleError: (error: Error) => {
        reject(error instanceof pg.DatabaseError ? error : refusal(400, 'connection closed'))
      },
    })
  })
}

/** Nothing of a session is left to the next: transaction, SET, temporary table, LISTEN, lock */
async function wipe(client: pg.PoolClient): Promise<void> {
  if (client.getTransactionStatus() !== 'I') await client.query('ROLLBACK')
  await client.query('DISCARD ALL')
}

async function cancelQuery(config: pg.PoolConfig, client: pg.PoolClient): Promise<void> {
  const { processID } = client as pg.PoolClient & { processID: number }
  const other = new pg.Client(config)
  other.on('error', () => {})
  try {
    await other.connect()
    await other.query('select pg_cancel_backend($1)', [processID])
  } catch {
    // The query then runs to its end.
  }
  await other.end()
}
