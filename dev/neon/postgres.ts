import type { Writable } from 'node:stream'
import pg from 'pg'
import { refusal } from './refusal.ts'

export type Param = string | null

/** The result of one statement, with every value as the text that Postgres sent */
export interface Result {
  fields: pg.FieldDef[]
  rows: (string | null)[][]
  /** The command tag, such as `INSERT 0 3`; empty for an empty query */
  tag: string
  /** Whether rows are missing because the reply would be too large anyway */
  truncated: boolean
}

export type Query = (text: string, params?: Param[]) => Promise<Result>

export interface Postgres {
  /** From the OID of each built-in array type to the OID of its elements */
  arrays: ReadonlyMap<number, number>
  /**
   * Runs `work` on a connection that nobody else uses meanwhile, and resets the session afterwards.
   * When `caller` closes before the end, the running query is cancelled.
   */
  session(caller: Writable, work: (query: Query) => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** The largest reply that Neon's proxy sends, in bytes */
export const REPLY_LIMIT = 10 * 1024 * 1024

// A reply is at least a quarter as long as what Postgres sent for it, so past this it is too large.
const WIRE_LIMIT = 4 * REPLY_LIMIT

// CopyFail ends a COPY FROM STDIN, which would wait for ever; other statements ignore it.
const COPY_FAIL = Buffer.from('f\0\0\0\u0014no data to copy\0', 'latin1')

const ARRAY_TYPES =
  "select oid, typelem from pg_type where typcategory = 'A' and typelem <> 0 and oid < 10000"

export async function openPostgres(config: pg.PoolConfig): Promise<Postgres> {
  const pool = new pg.Pool(config)
  // Without these listeners a broken connection would end the process. Its query fails anyway, and
  // the pool opens another connection.
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
      // Not waiting for it could cancel the next query on this connection instead.
      await cancelled
      await reset(client).then(
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

// A host with several addresses gives an AggregateError, whose own message is empty.
function connectError(error: Error): Error {
  if (error instanceof pg.DatabaseError) return Object.assign(error, { status: 500 })
  const causes: Error[] = error instanceof AggregateError ? error.errors : [error]
  return refusal(500, causes.map(({ message }) => message).join(', '))
}

/**
 * Runs one statement by the extended query protocol, unnamed, with text parameters and text
 * results: see "Message Flow", "Extended Query" in the PostgreSQL docs.
 */
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

/** Ends the transaction, and undoes SET, LISTEN, temporary tables, locks and the like */
async function reset(client: pg.PoolClient): Promise<void> {
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
    // The query is not cancelled, and runs to its end.
  }
  await other.end()
}
