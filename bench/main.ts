import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '../dev/migrate.ts'
import { answer } from './answer.ts'
import type { Statement } from './bare.ts'
import { bundle, profileStartUp } from './bundle.ts'
import { atEnd, end } from './ending.ts'
import { measureExport } from './export.ts'
import { compare } from './load.ts'
import { type Query, record, startNeon } from './neon.ts'
import { operations } from './operations.ts'
import { explain } from './plans.ts'
import { addRefreshTokens, spentToken } from './refresh.ts'
import { type Figures, report } from './report.ts'
import { signUp, type User } from './user.ts'
import { startWorker } from './workerd.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** With the places of what is one user's or one request's, by the names that the bare Worker has. */
const statement = ({ query, params }: Query, users: User[]): Statement => {
  const slots = params.flatMap((param, index) => {
    const text = String(param)
    for (const { id, email, tasks } of users) {
      if (text === id) return { index, name: 'user_id' }
      if (tasks.includes(text)) return { index, name: 'id' }
      if (text === email) return { index, name: 'email' }
    }
    if (/^[\da-f]{64}$/.test(text))
      return { index, name: text === sha256(spentToken()) ? 'hash' : 'new_hash' }
    return text.startsWith('{"') ? { index, name: 'input' } : []
  })
  return { query, params, slots }
}

/** The queries of two that do the same: each has hashes of its own tokens. */
const same = (queries: Query[]) => JSON.stringify(queries).replace(/[\da-f]{64}/g, 'HASH')

const progress = (what: string) => process.stderr.write(`${what} …\n`)

const bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-todo-bench-'))
  atEnd(() => rmSync(folder, { recursive: true }))

  progress('bundle and start-up')
  const { script, gzip } = await bundle('src/index.ts', folder)
  const bareScript = (await bundle('bench/bare.ts', folder)).script
  const startUp = await profileStartUp(folder)

  const DATABASE_URL = await startNeon()
  await migrate(DATABASE_URL)
  const recorder = await record(DATABASE_URL)

  const bindings = { DATABASE_URL, JWT_SECRET: randomBytes(32).toString('hex'), BCRYPT_COST: '10' }
  const recorded = { ...bindings, DATABASE_URL: recorder.databaseUrl }
  const ours = await startWorker(script, bindings)
  const oursRecorded = await startWorker(script, recorded)

  const reader = await signUp(ours, 'reader@example.com', 60)
  const writer = await signUp(ours, 'writer@example.com', 1)
  await addRefreshTokens(DATABASE_URL, reader)
  const asked = []
  for (const operation of operations(reader, writer)) {
    const given = await answer(oursRecorded, operation)
    asked.push({ operation, given, queries: recorder.taken() })
  }

  const statements = asked.map(({ operation: { name }, queries }) => [
    name,
    queries.map((query) => statement(query, [reader, writer])),
  ])
  const STATEMENTS = JSON.stringify(Object.fromEntries(statements))
  const bareRecorded = await startWorker(bareScript, { ...recorded, STATEMENTS })
  for (const { operation, given, queries } of asked) {
    const ours = `${given}\n${same(queries)}`
    const bare = `${await answer(bareRecorded, operation)}\n${same(recorder.taken())}`
    if (bare !== ours)
      throw new Error(`${operation.name}: the two do not do the same:\n${ours}\n${bare}`)
  }

  const bare = await startWorker(bareScript, { ...bindings, STATEMENTS })
  const results: Figures['results'] = []
  for (const { operation, queries } of asked) {
    progress(operation.name)
    const measured = await compare(operation, ours, bare)
    results.push({ ...operation, ...measured, neonRequests: queries.length })
  }

  progress('export')
  const exported = await measureExport(script, bindings, DATABASE_URL)

  progress('query plans')
  const plans = await explain(oursRecorded, recorder, DATABASE_URL)

  console.log(report({ results, gzip, startUp, exported, plans }))
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, async () => {
    await end()
    process.exit(130)
  })

try {
  await bench()
} finally {
  await end()
}
