import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
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

/** Ends what the tests have started, the last one first. */
const ends: (() => Promise<unknown>)[] = []
after(async () => {
  for (const end of ends.reverse()) await end()
})

/**
 * Starts the API on a free port with an empty database in memory. `npm run dev` is not used, because
 * .dev.vars may name a database with real data.
 */
const startApi = async () => {
  const neon = await startNeon({ port: 0, dataDir: 'memory' })
  ends.push(neon.close)
  await migrate(neon.url)
  const worker = spawn(
    'wrangler',
    [
      'dev',
      '--port=0',
      '--inspector-port=0',
      '--show-interactive-dev-session=false',
      `--var=DATABASE_URL:${neon.url}`,
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
  const ended = once(worker, 'exit')
  ends.push(async () => {
    worker.kill()
    await ended
  })
  return new Promise<string>((resolve, reject) => {
    let output = ''
    worker.stdout.on('data', (text) => {
      output += text
      const [, api] = /Ready on (http\S+)/.exec(output) ?? []
      if (api) resolve(api)
    })
    worker.stdout.on('end', () => reject(new Error(`wrangler dev ended too early:\n${output}`)))
  })
}

let page: Page
/** Errors and warnings in the browser, which include violations of the page's security policy. */
const complaints: string[] = []

before(async () => {
  const api = process.env.API_URL ?? (await startApi())
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
  page = await browser.newPage({ baseURL: api, viewport: { width: 1280, height: 900 } })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.text()} ${message.location().url}`)
  })
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(violatedDirective, blockedURI))`
  )
  await page.goto('/docs')
})

/** Runs an operation by the buttons of the page, and returns the reply that the page shows. */
const tryOut = async (operation: string, body?: object) => {
  const block = page.locator(`#operations-${operation}`)
  if (!(await block.locator('.opblock-body').isVisible()))
    await block.locator('.opblock-summary-control').click()
  if (body) await block.locator('.body-param__text').fill(JSON.stringify(body))
  // Clears the reply of an earlier run, which would be read instead.
  const clear = block.locator('.btn-clear')
  if (await clear.isVisible()) await clear.click()
  await block.locator('.execute').click()
  const reply = block.locator('.live-responses-table .response')
  const status = await reply.locator('.response-col_status').textContent()
  const json = await reply.locator('.response-col_description code').first().textContent()
  return { status: Number(status), body: JSON.parse(json ?? '') }
}

const credentials = { email: `${randomUUID()}@example.com`, password: 'correct horse battery' }

test('the docs show every operation of the document, and load nothing that their policy forbids', async () => {
  const { paths } = await (await page.request.get('/openapi.json')).json()
  const operations = Object.values<object>(paths).flatMap((path) =>
    Object.keys(path).filter((key) => key !== 'parameters')
  )
  await page.locator('.opblock').first().waitFor()
  assert.equal(await page.locator('.opblock').count(), operations.length)
  await page.locator('.models .json-schema-2020-12-expand-deep-button').first().click()
  assert.deepEqual(complaints, [])
})

test('the docs sign up a user, and show the 401 of a request without an access token', async () => {
  const user = await tryOut('Auth-signUp', credentials)
  assert.equal(user.status, 201)
  assert.equal(user.body.email, credentials.email)

  const refused = await tryOut('Tasks-listTasks')
  assert.equal(refused.status, 401)
  assert.equal(refused.body.title, 'Unauthorized')
  // Chromium logs every reply that is an error.
  assert.match(complaints.splice(0).join('\n'), /^Failed to load .* 401 .*\/tasks\S*$/)
})

test('the docs log in, and create and list a task with the access token', async () => {
  const login = await tryOut('Auth-logIn', credentials)
  assert.equal(login.status, 200)

  await page.locator('.scheme-container .authorize').click()
  const bearer = page.locator('.modal-ux form', { has: page.locator('#auth-bearer-value') })
  await bearer.locator('input').fill(login.body.access_token)
  await bearer.locator('.authorize[type=submit]').click()
  await page.locator('.modal-ux .btn-done').first().click()

  const created = await tryOut('Tasks-createTask', { title: 'Buy milk', tags: ['home'] })
  assert.equal(created.status, 201)
  assert.equal(created.body.title, 'Buy milk')

  const list = await tryOut('Tasks-listTasks')
  assert.equal(list.status, 200)
  assert.deepEqual(list.body, [created.body])

  assert.deepEqual(complaints, [])
  assert.equal(await page.evaluate('localStorage.length + sessionStorage.length'), 0)
  await page.locator('#operations-Tasks-listTasks .live-responses-table').scrollIntoViewIfNeeded()
  await page.screenshot({ path: 'test/browser/docs.png' })
})
