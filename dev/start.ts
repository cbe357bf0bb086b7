import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { isLoopback } from '../src/database/neon.ts'
import { configurationOf } from '../src/env.ts'
import { migrate } from './migrate.ts'
import { readEnvironment } from './neon/environment.ts'
import { startNeon } from './neon/neon.ts'

const readPort = (): number => {
  const { PORT = '8787' } = process.env
  if (!/^\d{1,5}$/.test(PORT) || Number(PORT) < 1 || Number(PORT) > 65535)
    throw new Error('PORT must be a port, 1 to 65535')
  return Number(PORT)
}

const mustBeFree = async (port: number) => {
  const probe = createServer().listen(port, 'localhost')
  await once(probe, 'listening').catch(() => {
    throw new Error(`port ${port} is already in use: set PORT to another one`)
  })
  await once(probe.close(), 'close')
}

/** The Worker's secrets and variables on this machine. A missing file is made, with a new secret. */
const readSecrets = (): NodeJS.Dict<string> => {
  const file = '.dev.vars'
  if (!existsSync(file))
    writeFileSync(file, `JWT_SECRET=${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  const text = readFileSync(file, 'utf8')
  const broken = text.split('\n').findIndex((line) => !/^\s*(#.*|\w+\s*=.*)?$/.test(line))
  if (broken >= 0) throw new Error(`${file}, line ${broken + 1}: must be NAME=value`)
  return parseEnv(text)
}

const isReal = (url = ''): boolean => URL.canParse(url) && !isLoopback(new URL(url).hostname)

/** Without a `databaseUrl` the Worker has that of `.dev.vars`. */
const startWorker = (port: number, databaseUrl: string | undefined): ChildProcess =>
  spawn(
    'wrangler',
    [
      'dev',
      `--port=${port}`,
      ...(databaseUrl ? [`--var=DATABASE_URL:${databaseUrl}`] : []),
      '--show-interactive-dev-session=false',
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      // Nothing needs to leave this machine.
      env: {
        ...process.env,
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
        WRANGLER_SEND_METRICS: 'false',
      },
    }
  )

const untilHealthy = async (api: string, worker: ChildProcess) => {
  while (worker.exitCode === null) {
    const health = await fetch(`${api}/health`).catch(() => undefined)
    if (health?.ok) return
    await setTimeout(100)
  }
  throw new Error('wrangler dev ended before the API was up: see above')
}

/** Everything that has been started, to be ended in the opposite order. */
const ends: (() => Promise<unknown>)[] = []
const end = async () => {
  for (const close of ends.splice(0).reverse()) await close()
}

try {
  const port = readPort()
  const secrets = readSecrets()
  await mustBeFree(port)

  // A terminal signals the whole group, and npm passes the signal on: the first one ends it all.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => void end().then(() => process.exit()))

  const neon = isReal(secrets.DATABASE_URL)
    ? undefined
    : await startNeon(readEnvironment(process.env))
  if (neon) ends.push(neon.close)
  const databaseUrl = neon?.url ?? secrets.DATABASE_URL ?? ''
  const configuration = configurationOf({ ...secrets, DATABASE_URL: databaseUrl })
  if ('fault' in configuration) throw new Error(`.dev.vars: ${configuration.fault}`)
  await migrate(databaseUrl).catch((error) => {
    throw new Error(`The database cannot be migrated: ${error.message}`)
  })

  const worker = startWorker(port, neon?.url)
  const ended = once(worker, 'exit')
  ends.push(async () => {
    worker.kill()
    await ended
  })
  const api = `http://localhost:${port}`
  await untilHealthy(api, worker)
  console.log(`\n  App   ${api}/app/\n  API   ${api}\n  Docs  ${api}/docs\n`)
  await ended
  await end()
} catch (error) {
  console.error((error as Error).message)
  await end()
  process.exitCode = 1
}
