import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { migrate } from '../dev/migrate.ts'
import type { Statement } from './bare.ts'
import { bundle, profileStartUp } from './bundle.ts'
import { measureExport } from './export.ts'
import { compare } from './load.ts'
import { type Query, record, startNeon } from './neon.ts'
import { operations } from './operations.ts'
import { explain } from './plans.ts'
import { type Cookies, refreshCookies } from './refresh.ts'
import { describeReply, send } from './reply.ts'
import { type BareFigures, progress, reportBare } from './report.ts'
import { signUp, type User } from './user.ts'
import { startWorker } from './workerd.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Marks the parameters of a recorded query that differ from request to request. Each is recognized
 * by its value alone, so that its position does not matter.
 */
const statement = ({ query, params }: Query, users: User[], cookies: Cookies): Statement => {
  const spentToken = cookies.last().replace(/^.*?=/, '')
  const slots = params.flatMap((param, index) => {
    const text = String(param)
    for (const { id, email, tasks } of users) {
      if (text === id) return { index, name: 'user_id' as const }
      if (tasks.includes(text)) return { index, name: 'id' as const }
      if (text === email) return { index, name: 'email' as const }
    }
    if (text === sha256(spentToken)) return { index, name: 'hash' as const }
    if (/^[\da-f]{64}$/.test(text)) return { index, name: 'new_hash' as const }
    return text.startsWith('{"') ? { index, name: 'body' as const } : []
  })
  return { query, params, slots }
}

/** Queries as text in which the hashes of tokens are masked, so that two recordings can be compared. */
const describeQueries = (queries: Query[]) =>
  JSON.stringify(queries).replace(/[\da-f]{64}/g, 'HASH')

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

  const reader = await signUp(worker, 'reader@example.com', 60)
  const writer = await signUp(worker, 'writer@example.com', 1)
  const cookies = await refreshCookies(worker, reader)
  const recordings = []
  for (const operation of operations(reader, writer, cookies)) {
    const reply = await describeReply(recordedWorker, await send(recordedWorker, operation))
    const queries = recorder.take()
    const statements = queries.map((query) => statement(query, [reader, writer], cookies))
    recordings.push({ operation, reply, queries, statements })
  }

  const STATEMENTS = JSON.stringify(
    Object.fromEntries(recordings.map(({ operation, statements }) => [operation.name, statements]))
  )
  const recordedBare = await startWorker(bareBuild, { ...recorded, STATEMENTS })
  for (const { operation, reply, queries } of recordings) {
    const bareReply = await describeReply(recordedBare, await send(recordedBare, operation))
    const ours = `${reply}\n${describeQueries(queries)}`
    const bares = `${bareReply}\n${describeQueries(recorder.take())}`
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
