import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { after } from 'node:test'
import { chromium } from 'playwright-core'
import { writeConfig } from '../../dev/config.ts'
import { migrate } from '../../dev/migrate.ts'
import { startNeon } from '../../dev/neon/neon.ts'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const executablePath = [process.env.CHROMIUM_PATH ?? places].flat().find(existsSync)

if (!executablePath) {
  console.error('There is no Chromium here: apt-get install chromium, or set CHROMIUM_PATH.')
  process.exit(1)
}

const ends: (() => Promise<unknown>)[] = []

/** Has something ended after the tests. What was started last ends first. */
export const atEnd = (end: () => Promise<unknown>) => {
  ends.push(end)
}
after(async () => {
  for (const end of ends.reverse()) await end()
})

/** A port that nothing listens on. The links in mails need to know it before the API starts. */
const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}

const start = async () => {
  const neon = await startNeon({ port: 0, dataDir: 'memory' })
  ends.push(neon.close)
  await migrate(neon.url)
  const port = await freePort()
  const worker = spawn(
    'wrangler',
    [
      'dev',
      '--local',
      `--config=${writeConfig()}`,
      `--port=${port}`,
      '--inspector-port=0',
      '--show-interactive-dev-session=false',
      `--var=DATABASE_URL:${neon.url}`,
      `--var=JWT_SECRET:${randomBytes(32).toString('base64url')}`,
      '--var=BCRYPT_COST:4',
      `--var=APP_URL:http://localhost:${port}`,
      '--var=EMAIL_FROM:edge-todo@example.com',
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      // Keeps wrangler from calling the network.
      env: {
        ...process.env,
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
        WRANGLER_SEND_METRICS: 'false',
      },
    }
  )
  const ended = once(worker, 'exit')
  ends.push(async () => {
    worker.kill()
    await ended
  })
  const url = await new Promise<string>((resolve, reject) => {
    let output = ''
    worker.stdout.on('data', (text) => {
      output += text
      const [, api] = /Ready on (http\S+)/.exec(output) ?? []
      if (api) resolve(api)
    })
    worker.stdout.on('end', () => reject(new Error(`wrangler dev ended too early:\n${output}`)))
  })
  return { url, databaseUrl: neon.url }
}

let api: ReturnType<typeof start> | undefined

/**
 * Starts the API on a free port with an empty database in memory and with mails, once for all tests
 * of the process. `npm run dev` is not used, because .dev.vars may name a database with real data.
 */
export const startApi = () => {
  api ??= start()
  return api
}

/** Starts Chromium without the calls home that it makes by itself. */
export const startBrowser = async () => {
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  ends.push(() => browser.close())
  return browser
}
