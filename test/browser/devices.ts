import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { before } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { startApi, startBrowser } from './start.ts'

type Axe = { run: (options: object) => Promise<{ violations: { id: string; nodes: object[] }[] }> }

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const pictures = 'dist/browser'
export const password = 'correct horse battery'

let browser: Awaited<ReturnType<typeof startBrowser>>
export let origin: string

/** Errors and warnings of all pages, which include violations of the app's policies. */
const complaints: string[] = []
export const noComplaints = () => assert.deepEqual(complaints.splice(0), [])

before(async () => {
  mkdirSync(pictures, { recursive: true })
  origin = process.env.API_URL ?? (await startApi()).url
  browser = await startBrowser()
})

const listen = (page: Page) => {
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
  page.on('console', (message) => {
    // Chromium says this of every request that fails, also of those that the app expects to fail.
    const isChromiums = message.text().startsWith('Failed to load resource')
    if (/^(error|warning)$/.test(message.type()) && !isChromiums) complaints.push(message.text())
  })
}

export const newDevice = async (options: BrowserContextOptions = {}): Promise<Page> => {
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    colorScheme: 'light',
    // An address of its own, because the number of sign-ins from one is limited.
    extraHTTPHeaders: { 'CF-Connecting-IP': `2001:db8::${randomUUID().slice(0, 4)}` },
    ...options,
  })
  context.setDefaultTimeout(20_000)
  context.on('page', listen)
  await context.addInitScript(() =>
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(violatedDirective, blockedURI)
    )
  )
  return context.newPage()
}

export const newEmail = () => `${randomUUID()}@example.com`

export const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

/** The visible targets of a screen that are too low for a finger, with their heights in pixels. */
export const smallTargets = (page: Page) =>
  page
    .locator('button:not(.title), nav a, .check, .pick, summary, select, input:not(.title)')
    .filter({ visible: true })
    .evaluateAll((all) =>
      all
        // The label around a box is its target.
        .filter((target) => !target.matches('.check input, .pick input'))
        .map((target) => [target.outerHTML, target.getBoundingClientRect().height] as const)
        .filter(([, height]) => height < 44)
    )

export const untilIn = (page: Page) =>
  page.getByRole('heading', { level: 1, name: 'Today' }).waitFor()

export const fillIn = async (page: Page, email: string, button: 'Sign in' | 'Create account') => {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: button }).click()
}

export const signUp = async (page: Page, email = newEmail()) => {
  await page.goto('/app/')
  await page.getByRole('button', { name: 'Create account' }).click()
  await fillIn(page, email, 'Create account')
  await untilIn(page)
  return email
}

export const signIn = async (page: Page, email: string) => {
  await page.goto('/app/')
  await fillIn(page, email, 'Sign in')
  await untilIn(page)
}

export const add = async (page: Page, line: string) => {
  await page.getByLabel('New task').fill(line)
  await page.getByLabel('New task').press('Enter')
}

export const press = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key)
}

export const row = (page: Page, title: string) =>
  page.locator('.row').filter({ has: page.locator('.title', { hasText: title }) })

/** A device whose list holds tasks of these names, in this order. */
export const withTasks = async (names: string[], options = {}) => {
  const page = await newDevice(options)
  await signUp(page)
  for (const name of names) await add(page, name)
  await row(page, (names.at(-1) ?? '').split(' #')[0] ?? '').waitFor()
  await page.getByLabel('New task').press('Escape')
  return page
}

export const untilGone = (page: Page, title: string) =>
  row(page, title).waitFor({ state: 'detached' })

export const titles = (page: Page) => page.locator('.title').allTextContents()

/** Chooses from the menu of a task. */
export const choose = async (page: Page, title: string, item: string) => {
  await row(page, title).getByRole('button', { name: /^Menu/ }).click()
  await page.getByRole('menuitem', { name: item, exact: true }).click()
}

export const rename = async (page: Page, from: string, to: string) => {
  await row(page, from).getByRole('button', { name: from, exact: true }).click()
  await page.getByLabel('Title').fill(to)
  await page.getByLabel('Title').press('Enter')
}

/** Opens a view, by its name in the navigation. */
export const open = async (page: Page, name: string) => {
  await page.getByRole('navigation').getByRole('link', { name }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
}

/** Sends requests of its own, as the user of the page and as another device would. */
export const asOtherDevice = (page: Page, path: string, method: string, body?: object) =>
  page.evaluate(
    async ([path, method, body]) => {
      const { access_token } = await (await fetch('/auth/refresh', { method: 'POST' })).json()
      const headers = {
        Authorization: `Bearer ${access_token}`,
        ...(body && { 'Content-Type': 'application/json' }),
      }
      const reply = await fetch(path, { method, headers, ...(body && { body }) })
      return reply.status === 204 ? undefined : await reply.json()
    },
    [path, method, body ? JSON.stringify(body) : ''] as const
  )

/** How many changes the device keeps for the server. */
const countChanges = (page: Page) =>
  page.evaluate(async () => {
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
    return changes
  })

/** Waits until the device keeps so many changes, which a reload at once might cut off before. */
export const untilKept = async (page: Page, changes: number) => {
  const deadline = Date.now() + 15_000
  while ((await countChanges(page)) !== changes)
    assert.ok(Date.now() < deadline, `${changes} changes are kept within 15 s`)
}

export const untilSent = (page: Page) => untilKept(page, 0)

/**
 * A device that shows All tasks: one of this title, and so many copies of it that are on the device
 * alone, as if the server had sent them. Writing 10,000 on the server takes a minute.
 */
export const withCopies = async (title: string, many: number) => {
  const page = await newDevice()
  await signUp(page)
  await add(page, title)
  await untilSent(page)
  await page.evaluate(async (many) => {
    const [{ name = '' } = {}] = await indexedDB.databases()
    const request = indexedDB.open(name)
    const db = await new Promise<IDBDatabase>((resolve) => {
      request.onsuccess = () => resolve(request.result)
    })
    const store = db.transaction('tasks', 'readwrite').objectStore('tasks')
    const all = store.getAll()
    await new Promise((resolve) => {
      all.onsuccess = resolve
    })
    for (let n = 1; n <= many; n++)
      store.put({ ...all.result[0], id: crypto.randomUUID(), title: `Task ${n}`, order: 1e6 + n })
    await new Promise((resolve) => {
      store.transaction.oncomplete = resolve
    })
    db.close()
  }, many)
  await page.reload()
  await open(page, 'All tasks')
  await row(page, title).waitFor()
  return page
}

/** Has every batch answered with this instead of reaching the server. Gives how to end that. */
export const answerBatches = async (
  page: Page,
  reply: { status: number; [name: string]: unknown }
) => {
  await page.context().route('**/tasks/batch', (route) =>
    route.fulfill({
      status: reply.status,
      headers: { 'Retry-After': '1' },
      contentType: 'application/problem+json',
      body: JSON.stringify({ type: 'about:blank', request_id: '1a2b3c4d-0000', ...reply }),
    })
  )
  return () => page.context().unroute('**/tasks/batch')
}

/** The reply to a batch whose first task has a title that is too long. */
export const titleRefused = {
  status: 422,
  errors: [{ pointer: '/0/task/title', detail: 'must be shorter' }],
}

/** Takes the page out of sight, as another app on a phone does, and brings it back. */
export const hideAndShow = (page: Page) =>
  page.evaluate(() => {
    for (const value of ['hidden', 'visible']) {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }
  })

/** Checks the page in both themes against WCAG 2.2 AA, and keeps a picture of each. */
export const inspect = async (page: Page, name: string) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    // Not as a script of the page, which its policy would refuse.
    await page.evaluate(axe)
    const found = await page.evaluate(async () => {
      const { axe } = window as unknown as { axe: Axe }
      // What still fades in does not have its contrast yet.
      await Promise.allSettled(document.getAnimations().map(({ finished }) => finished))
      const { violations } = await axe.run({
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      })
      return violations.map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes.slice(0, 2))}`)
    })
    await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png` })
    assert.deepEqual(found, [], `axe on ${name}, ${colorScheme}`)
  }
  await page.emulateMedia({ colorScheme: 'light' })
}
