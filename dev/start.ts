import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { isLoopback } from '../src/database/neon.ts'
import { configurationOf } from '../src/env.ts'
import { writeConfig } from './config.ts'
import { migrate } from './migrate.ts'
import { readEnvironment } from './neon/environment.ts'
import { startNeon } from './neon/neon.ts'
import { retry } from './neon/retry.ts'
import { stopSignal } from './neon/stop.ts'

const readPort = (): number => {
  const { PORT = '8787' } = process.env
  if (!/^\d{1,5}$/.test(PORT) || Number(PORT) < 1 || Number(PORT) > 65535)
    throw new Error('PORT must be a port, 1 to 65535')
  return Number(PORT)
}

/** Checks the port first, because wrangler would do so only after the database is migrated. */
const mustBeFree = async (port: number) => {
  const isFree = await retry(async () => {
    const probe = createServer().listen(port, 'localhost')
    const isListening = await once(probe, 'listening').then(
      () => true,
      () => false
    )
    if (isListening) await once(probe.close(), 'close')
    return isListening
  })
  if (!isFree) throw new Error(`port ${port} is already in use: set PORT to another one`)
}

/** Reads the Worker's secrets and variables. Creates a missing file, with a new secret. */
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

/** Variables that are left out are those of `.dev.vars`. */
const startWorker = (port: number, variables: NodeJS.Dict<string>): ChildProcess =>
  spawn(
    'wrangler',
    [
      'dev',
      // Keeps mails on this machine, also when wrangler.toml says `remote = true`.
      '--local',
      `--config=${writeConfig()}`,
      `--port=${port}`,
      ...Object.entries(variables).flatMap(([name, value]) =>
        value ? [`--var=${name}:${value}`] : []
      ),
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

/** Where wrangler shows the mails that the Worker has sent. */
const sentMails = '/cdn-cgi/local/explorer/email/sending'

const untilHealthy = async (api: string) => {
  while (true) {
    const health = await fetch(`${api}/health`).catch(() => undefined)
    if (health?.ok) return
    await setTimeout(100)
  }
}

/** Functions that end what was started, in the order of the starts. */
const ends: (() => Promise<unknown>)[] = []

const stop = stopSignal()
const stopped = new Promise<never>((_, reject) =>
  stop.addEventListener('abort', () => reject(stop.reason))
)
// Without this, a stop while nothing waits for it would be an unhandled rejection.
stopped.catch(() => {})

/** Starts everything and waits until wrangler ends. Rejects when it has to stop before that. */
const run = async () => {
  stop.throwIfAborted()
  const port = readPort()
  const secrets = readSecrets()
  await Promise.race([mustBeFree(port), stopped])

  const neon = isReal(secrets.DATABASE_URL)
    ? undefined
    : await startNeon(readEnvironment(process.env))
  if (neon) ends.push(neon.close)
  stop.throwIfAborted()

  const databaseUrl = neon?.url ?? secrets.DATABASE_URL ?? ''
  const api = `http://localhost:${port}`
  const mail = { APP_URL: api, EMAIL_FROM: secrets.EMAIL_FROM ?? 'edge-todo@example.com' }
  const configuration = configurationOf({ ...secrets, ...mail, DATABASE_URL: databaseUrl })
  if ('fault' in configuration) throw new Error(`.dev.vars: ${configuration.fault}`)
  const migration = migrate(databaseUrl).catch((error) => {
    throw new Error(`The database cannot be migrated: ${error.message}`)
  })
  await Promise.race([migration, stopped])

  const worker = startWorker(port, { ...mail, DATABASE_URL: neon?.url })
  const ended = once(worker, 'exit')
  ends.push(async () => {
    // wrangler ends its own processes on SIGTERM, and would leave them behind on SIGKILL.
    worker.kill()
    await ended.catch(() => {})
  })
  const endedTooSoon = ended.then(() => {
    throw new Error('wrangler dev ended before the API was up: see above')
  })
  await Promise.race([untilHealthy(api), endedTooSoon, stopped])
  console.log(
    `\n  App   ${api}/app/\n  API   ${api}\n  Docs  ${api}/docs\n  Mail  ${api}${sentMails}\n`
  )
  await Promise.race([ended, stopped])
}

try {
  await run()
} catch (error) {
  if (!stop.aborted) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
for (const end of ends.reverse()) await end()
process.exit()
