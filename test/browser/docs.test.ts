import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { startApi, startBrowser } from './start.ts'

let page: Page
/** Errors and warnings in the browser, which include violations of the page's security policy. */
const complaints: string[] = []

before(async () => {
  const api = process.env.API_URL ?? (await startApi()).url
  const browser = await startBrowser()
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
  await page.screenshot({ path: 'dist/browser/docs.png' })
})
