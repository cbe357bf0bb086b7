import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { neon } from '@neondatabase/serverless'
import { type Browser, chromium, type Page } from 'playwright-core'
import { buildAssets } from '../dev/assets.ts'
import { migrate } from '../dev/migrate.ts'
import { median } from './load.ts'
import { startNeon } from './neon.ts'
import { addTasks } from './plans.ts'
import { type AppFigures, progress } from './report.ts'
import { onTeardown, start } from './teardown.ts'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = [process.env.CHROMIUM_PATH ?? places].flat().find(existsSync)

const password = 'correct horse battery'

const countLines = (pattern: string) =>
  globSync(pattern).reduce(
    (sum, file) => sum + readFileSync(file, 'utf8').split('\n').length - 1,
    0
  )

const gzipSize = (content: string | Buffer) => gzipSync(content).length / 1000

/** What can be told without a browser: KB of the bundle, and lines of source. */
const measureSource = async () => {
  await buildAssets()
  const files = ['app.js', 'app.css'].map((name) => readFileSync(`dist/assets/app/${name}`))
  return {
    bundle: files.reduce((sum, file) => sum + gzipSize(file), 0),
    typescript: countLines('web/app/**/*.{ts,tsx}'),
    css: countLines('web/app/style/*.css'),
  }
}

/** Starts the API and the app as `npm run dev` does, on free ports with an empty database. */
const startApp = async () => {
  const databaseUrl = await startNeon()
  await migrate(databaseUrl)
  const wrangler = start(
    process.execPath,
    [
      '--no-warnings',
      createRequire(import.meta.url).resolve('wrangler'),
      'dev',
      '--port=0',
      '--inspector-port=0',
      '--show-interactive-dev-session=false',
      `--var=DATABASE_URL:${databaseUrl}`,
      `--var=JWT_SECRET:${randomBytes(32).toString('base64url')}`,
      '--var=BCRYPT_COST:4',
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
  const origin = await new Promise<string>((resolve, reject) => {
    let output = ''
    const stdout = wrangler.stdout as Readable
    stdout.on('data', (text) => {
      output += text
      const [, url] = /Ready on (http\S+)/.exec(output) ?? []
      if (url) resolve(url)
    })
    stdout.on('end', () => reject(new Error(`wrangler dev ended too early:\n${output}`)))
  })
  return { origin, databaseUrl }
}

const startBrowser = async (executablePath: string) => {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  })
  onTeardown(() => browser.close())
  return browser
}

/** What seen.js notes in the page. */
type Seen = { rows: number; lcp: number; shifts: number; events: number[] }
type Seeing = { seen: Seen }

const read = (page: Page) => page.evaluate(() => (globalThis as unknown as Seeing).seen)

const forget = (page: Page) =>
  page.evaluate(() => {
    ;(globalThis as unknown as Seeing).seen.events.length = 0
  })

const newPage = async (browser: Browser, baseURL: string) => {
  const context = await browser.newContext({ baseURL, viewport: { width: 1280, height: 900 } })
  await context.addInitScript({ path: fileURLToPath(new URL('seen.js', import.meta.url)) })
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  const slowDown = (rate: number) => devtools.send('Emulation.setCPUThrottlingRate', { rate })
  return { page, context, devtools, slowDown }
}

/** A person's first visit: the page to sign in. */
const measureCold = async (browser: Browser, origin: string) => {
  const plain = await newPage(browser, origin)
  const bodies: Promise<number>[] = []
  const hosts = new Set<string>()
  plain.page.on('response', (response) => {
    hosts.add(new URL(response.url()).origin)
    // wrangler dev does not compress, and Cloudflare does.
    const size = async () => {
      const { responseHeadersSize } = await response.request().sizes()
      return gzipSize(await response.body()) + responseHeadersSize / 1000
    }
    bodies.push(size())
  })
  await plain.page.goto('/app/', { waitUntil: 'networkidle' })
  const sizes = await Promise.all(bodies)
  await plain.context.close()

  const times: number[] = []
  for (let visit = 0; visit < 5; visit++) {
    const { page, context, devtools, slowDown } = await newPage(browser, origin)
    await slowDown(4)
    await devtools.send('Network.enable')
    await devtools.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 150,
      downloadThroughput: 1_600_000 / 8,
      uploadThroughput: 750_000 / 8,
    })
    await page.goto('/app/', { waitUntil: 'networkidle' })
    times.push((await read(page)).lcp)
    await context.close()
  }
  return {
    kilobytes: sizes.reduce((sum, size) => sum + size, 0),
    requests: sizes.length,
    hosts: hosts.size,
    lcp: median(times),
  }
}

/** Signs in as a person who has so many tasks. */
const openTasks = async (browser: Browser, origin: string, databaseUrl: string, tasks: number) => {
  const email = `${randomUUID()}@example.com`
  const reply = await fetch(`${origin}/auth/signup`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  if (reply.status !== 201) throw new Error(await reply.text())
  await neon(databaseUrl).query(addTasks, [1, tasks, email])
  const opened = await newPage(browser, origin)
  const { page } = opened
  page.setDefaultTimeout(60_000)
  await page.goto('/app/')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('.list .row').first().waitFor()
  await page.evaluate('navigator.serviceWorker.ready.then(() => {})')
  return opened
}
type Opened = Awaited<ReturnType<typeof openTasks>>

/** Milliseconds until the tasks are on the screen, and how much the page shifted meanwhile. */
const measureWarm = async ({ page, slowDown }: Opened, rate: number) => {
  await slowDown(rate)
  const times: number[] = []
  let shifts = 0
  for (let visit = 0; visit < 7; visit++) {
    await page.reload()
    // Whatever Playwright runs in the page takes time from the app, so it asks when all is over.
    await page.waitForTimeout(2000)
    const seen = await read(page)
    if (!seen.rows) throw new Error('No task came on the screen within 2 s')
    times.push(seen.rows)
    shifts = Math.max(shifts, seen.shifts)
  }
  return { time: median(times), shifts }
}

/** What a person does, by name. Whatever comes before the last event is not measured. */
const interactions: Record<string, (page: Page, n: number) => Promise<unknown>> = {
  'quick add': async (page, n) => {
    await page.getByLabel('New task').fill(`Buy milk ${n}`)
    await page.waitForTimeout(300)
    await forget(page)
    await page.keyboard.press('Enter')
  },
  complete: (page) => page.locator('.row:not(.completed) .check').first().click(),
  'search keystroke': async (page, n) => {
    await page.getByLabel('Search').first().focus()
    await page.keyboard.press('abcdef'[n % 6] ?? 'a')
  },
  'view switch': async (page, n) => {
    await page.getByLabel('Search').first().fill('')
    await page.waitForTimeout(300)
    await forget(page)
    const name = n % 2 ? 'Today' : 'All tasks'
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click()
  },
  edit: async (page, n) => {
    await page.locator('.row button.title').first().click()
    await page.keyboard.type(`Edited ${n}`)
    await page.keyboard.press('Enter')
  },
}

/** Milliseconds from an input until what it did is painted: of each interaction, the slowest event. */
const measureInteractions = async ({ page, slowDown }: Opened, rate: number) => {
  await slowDown(rate)
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'All' }).click()
  const figures: Record<string, number> = {}
  for (const [name, act] of Object.entries(interactions)) {
    const times: number[] = []
    for (let n = 0; n < 5; n++) {
      await forget(page)
      await act(page, n)
      await page.waitForTimeout(500)
      // Events of less than 16 ms are not told.
      times.push(Math.max(16, ...(await read(page)).events))
    }
    figures[name] = median(times)
  }
  return figures
}

const measureHeap = async ({ page, devtools, slowDown }: Opened) => {
  await slowDown(1)
  await page.waitForTimeout(1000)
  await devtools.send('HeapProfiler.collectGarbage')
  const { usedSize } = await devtools.send('Runtime.getHeapUsage')
  return usedSize / 1_000_000
}

/** Measures the app in Chromium or, on a machine that has none, only the size of its files. */
export const measureApp = async (): Promise<AppFigures> => {
  progress('app')
  const source = await measureSource()
  if (!executablePath) return { source }
  const { origin, databaseUrl } = await startApp()
  const browser = await startBrowser(executablePath)
  progress('app: first visit')
  const cold = await measureCold(browser, origin)
  progress('app: 1,000 tasks')
  const few = await openTasks(browser, origin, databaseUrl, 1000)
  const warm = [await measureWarm(few, 1), await measureWarm(few, 4)] as const
  const inputs = [await measureInteractions(few, 1), await measureInteractions(few, 4)] as const
  await few.context.close()
  progress('app: 10,000 tasks')
  const many = await openTasks(browser, origin, databaseUrl, 10_000)
  const warmMany = [await measureWarm(many, 1), await measureWarm(many, 4)] as const
  const heap = await measureHeap(many)
  return { source, browser: { cold, warm, inputs, warmMany, heap } }
}
