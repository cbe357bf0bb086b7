import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { migrate } from '../dev/migrate.ts'
import type { Statement } from './bare.ts'
import { bundle, profileStartUp } from './bundle.ts'
import { measureExport } from './export.ts'
import { compare } from './load.ts'
import { type Query, record, startNeon } from './neon.ts'
import { type Operation, prepare } from './operations.ts'
import { explain } from './plans.ts'
import { describeReply, send } from './reply.ts'
import { type BareFigures, progress, reportBare } from './report.ts'
import type { Own } from './stock.ts'
import type { User } from './user.ts'
import { startWorker } from './workerd.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

type Slot = Statement['slots'][number]['name']

/** Values that a request of the operation sends, by the slots that take them. */
const sentValues = ({ path }: Operation, own: Own, users: User[]): Map<string, Slot> => {
  const values = new Map<string, Slot>()
  for (const { id, email, tasks } of users) {
    values.set(id, 'user_id').set(email, 'email')
    for (const task of tasks) values.set(task, 'id')
  }
  const { Cookie, 'Idempotency-Key': key } = own.headers
  if (Cookie) values.set(sha256(Cookie.replace(/^.*?=/, '')), 'hash')
  if (key) values.set(key, 'key')
  const [, since] = /since=(.*)/.exec(path) ?? []
  if (since) {
    const [, , , time, id, ignored] = JSON.parse(Buffer.from(since, 'base64url').toString())
    values.set(time, 'time').set(id, 'id').set(ignored, 'ignored')
  }
  return values
}

/**
 * Marks the parameters of a recorded query that differ from request to request. Each is recognized
 * by its value alone, so that its position does not matter.
 */
const statement = ({ query, params }: Query, values: Map<string, Slot>): Statement => {
  const hasKey = params.some((param) => values.get(String(param)) === 'key')
  const slotOf = (text: string): Slot | undefined => {
    if (/^[\da-f]{64}$/.test(text)) return hasKey ? 'fingerprint' : 'new_hash'
    if (/^\{"?\d{4}-/.test(text)) return 'times'
    return /^(\[?\{")/.test(text) ? 'body' : undefined
  }
  const slots = params.flatMap((param, index) => {
    const text = String(param)
    const name = values.get(text) ?? slotOf(text)
    return name ? { index, name } : []
  })
  return { query, params, slots }
}

/** Slots whose values are good for one request, and the fingerprint, which each Worker writes its own way. */
const masked: Slot[] = ['hash', 'new_hash', 'key', 'fingerprint', 'times']

/** Queries as text in which these values are masked, so that two recordings can be compared. */
const describeQueries = (queries: Query[], statements: Statement[]) =>
  JSON.stringify(
    queries.map(({ query, params }, i) => {
      const values = [...params]
      for (const { index, name } of statements[i]?.slots ?? [])
        if (masked.includes(name)) values[index] = name
      return { query, params: values }
    })
  )

/** Shows where two texts begin to differ. */
const difference = (ours: string, bares: string): string => {
  let at = 0
  while (ours[at] === bares[at]) at++
  const excerpt = (text: string) => text.slice(Math.max(0, at - 200), at + 200)
  return `the bare Worker replies or queries differently.\nWorker: …${excerpt(ours)}…\nbare Worker: …${excerpt(bares)}…`
}

/**
 * Measures the Worker of the working tree beside a bare Worker, which sends the same queries and the
 * same replies without any framework. Returns the report.
 */
export const againstBare = async (folder: string): Promise<string> => {
  progress('bundle and start-up')
  const build = await bundle('.', join(folder, 'worker'))
  const bareBuild = await bundle('.', join(folder, 'bare'), 'bench/bare.ts')
  const startUp = await profileStartUp(folder)

  const DATABASE_URL = await startNeon()
  await migrate(DATABASE_URL)
  const recorder = await record(DATABASE_URL)

  const bindings = { DATABASE_URL, JWT_SECRET: randomBytes(32).toString('hex'), BCRYPT_COST: '10' }
  const recorded = { ...bindings, DATABASE_URL: recorder.databaseUrl }
  const worker = await startWorker(build, bindings)
  const recordedWorker = await startWorker(build, recorded)

  const { operations, users } = await prepare(worker)
  const recordings = []
  for (const operation of operations) {
    const own = operation.stock?.take() ?? { headers: {} }
    const reply = await describeReply(recordedWorker, await send(recordedWorker, operation, own))
    const queries = recorder.take()
    const values = sentValues(operation, own, users)
    const statements = queries.map((query) => statement(query, values))
    recordings.push({ operation, reply, queries, statements })
  }

  const STATEMENTS = JSON.stringify(
    Object.fromEntries(recordings.map(({ operation, statements }) => [operation.name, statements]))
  )
  const recordedBare = await startWorker(bareBuild, { ...recorded, STATEMENTS })
  for (const { operation, reply, queries, statements } of recordings) {
    const bareReply = await describeReply(recordedBare, await send(recordedBare, operation))
    const ours = `${reply}\n${describeQueries(queries, statements)}`
    const bares = `${bareReply}\n${describeQueries(recorder.take(), statements)}`
    if (ours !== bares) throw new Error(`${operation.name}: ${difference(ours, bares)}`)
  }

  const bare = await startWorker(bareBuild, { ...bindings, STATEMENTS })
  const rows: BareFigures['rows'] = []
  for (const { operation, queries } of recordings) {
    progress(operation.name)
    const comparison = await compare(
      { worker, operation },
      { worker: bare, operation },
      1.6,
      (ratios) => ratios.length >= 6
    )
    rows.push({ operation, comparison, neonRequests: queries.length })
  }

  progress('export')
  const memory = await measureExport(build, bindings, DATABASE_URL)

  progress('query plans')
  const plans = await explain(recordedWorker, recorder, DATABASE_URL)

  return reportBare({ rows, gzip: build.gzip, startUp, memory, plans })
}
