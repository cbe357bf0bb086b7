import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { startApi, startBrowser } from './start.ts'

type Axe = { run: (options: object) => Promise<{ violations: { id: string; nodes: object[] }[] }> }

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const password = 'correct horse battery'

let origin: string
let browser: Awaited<ReturnType<typeof startBrowser>>

/** Errors and warnings of all pages, which include violations of the app's policies. */
const complaints: string[] = []

before(async () => {
  origin = process.env.API_URL ?? (await startApi()).url
  browser = await startBrowser()
})

const newDevice = async (options: object = {}): Promise<Page> => {
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    colorScheme: 'light',
    ...options,
  })
  await context.addInitScript(() =>
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(violatedDirective, blockedURI)
    )
  )
  const page = await context.newPage()
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
  page.on('console', (message) => {
    const isOwn = !message.text().startsWith('Failed to load resource')
    if (/^(error|warning)$/.test(message.type()) && isOwn) complaints.push(message.text())
  })
  page.setDefaultTimeout(5000)
  return page
}

const newEmail = () => `${randomUUID()}@example.com`

const signUp = async (page: Page, email = newEmail()) => {
  await page.goto('/app/')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Today' }).first().waitFor()
  return email
}

const signIn = async (page: Page, email: string) => {
  await page.goto('/app/')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Today' }).first().waitFor()
}

const add = async (page: Page, line: string) => {
  await page.getByLabel('New task').fill(line)
  await page.getByLabel('New task').press('Enter')
}

const row = (page: Page, title: string) => page.locator('.row', { hasText: title })

/** Opens a view, by its name in the navigation. */
const open = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click()

/** Waits until the server has everything, as the store tells. */
const untilSent = (page: Page) =>
  page.waitForFunction(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases()
    const request = indexedDB.open(name)
    const db = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result)
    })
    const count = db.transaction('outbox').objectStore('outbox').count()
    const changes = await new Promise<number>((resolve) => {
      count.onsuccess = () => resolve(count.result)
    })
    db.close()
    return changes === 0
  })

/** Checks the page in both themes against WCAG 2.2 AA, and keeps a picture of each. */
const inspect = async (page: Page, name: string) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    // Not as a script of the page, which its policy would refuse.
    await page.evaluate(axe)
    const found = await page.evaluate(async () => {
      const { axe } = window as unknown as { axe: Axe }
      const { violations } = await axe.run({
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      })
      return violations.map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes.slice(0, 2))}`)
    })
    await page.screenshot({ path: `test/browser/app-${name}-${colorScheme}.png` })
    assert.deepEqual(found, [], `axe on ${name}, ${colorScheme}`)
  }
  await page.emulateMedia({ colorScheme: 'light' })
}

const noComplaints = () => assert.deepEqual(complaints.splice(0), [])

test('a visitor signs up, and a wrong password, a taken e-mail and a short password are explained', async () => {
  const page = await newDevice()
  await page.goto('/app/')
  await inspect(page, 'sign-in')
  const email = await signUp(page)
  const other = await newDevice()
  await other.goto('/app/')
  await other.getByLabel('E-mail').fill(email)
  await other.getByLabel('Password', { exact: true }).fill('wrong password')
  await other.getByRole('button', { name: 'Sign in' }).click()
  await other.getByText('That e-mail and password do not go together.').waitFor()
  await other.getByRole('button', { name: 'Create account' }).click()
  await other.getByRole('button', { name: 'Create account' }).click()
  await other.getByText('There is an account with this e-mail.').waitFor()
  await other.getByLabel('Password', { exact: true }).fill('short')
  await other.getByRole('button', { name: 'Create account' }).click()
  await other.getByText('The password must be at least 8 characters long.').waitFor()
  assert.equal(await other.evaluate(() => document.activeElement?.id), 'password')
  await inspect(other, 'create-account')
  noComplaints()
})

test('a task is added, completed, undone, edited and deleted by mouse', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.getByText('Nothing is due today.').waitFor()
  await inspect(page, 'empty')
  await add(page, 'Pay rent tomorrow 9:30 #home !high')
  await add(page, 'Buy milk')
  await row(page, 'Buy milk').waitFor()
  assert.equal(await row(page, 'Pay rent').count(), 0)
  await open(page, 'Upcoming')
  await row(page, 'Pay rent').getByText('Tomorrow 09:30').waitFor()
  await row(page, 'Pay rent').getByText('High').waitFor()
  await open(page, 'home')
  await row(page, 'Pay rent').waitFor()

  await open(page, 'Today')
  await row(page, 'Buy milk').getByRole('checkbox').click()
  await row(page, 'Buy milk').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Buy milk').waitFor()

  await row(page, 'Buy milk').getByRole('button', { name: 'Buy milk', exact: true }).click()
  await page.getByLabel('Title').fill('Buy oat milk')
  await page.getByLabel('Title').press('Enter')
  await row(page, 'Buy oat milk').waitFor()

  await row(page, 'Buy oat milk').getByRole('button', { name: /^Menu/ }).click()
  await inspect(page, 'menu')
  await page.getByRole('menuitem', { name: 'Open' }).click()
  await page.getByLabel('Notes').fill('Two litres, see https://example.com/milk.')
  await page.getByLabel('Tags').fill('shop, #Home')
  await inspect(page, 'editor')
  await page.getByRole('button', { name: 'Save' }).click()
  await row(page, 'Buy oat milk').getByText('#shop').waitFor()

  await row(page, 'Buy oat milk').getByRole('button', { name: /^Menu/ }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await row(page, 'Buy oat milk').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Buy oat milk').waitFor()

  await untilSent(page)
  await page.reload()
  await row(page, 'Buy oat milk').getByText('#shop').waitFor()
  noComplaints()
})
