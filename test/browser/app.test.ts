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

const untilSent = async (page: Page) => {
  const deadline = Date.now() + 10_000
  while (await countChanges(page)) assert.ok(Date.now() < deadline, 'changes are sent within 10 s')
}

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

test('every feature of the list works by keyboard alone', async () => {
  const page = await newDevice()
  await signUp(page)
  const { keyboard } = page
  const focused = () =>
    page.evaluate(() => document.activeElement?.querySelector('.title')?.textContent)
  await keyboard.press('n')
  for (const title of ['One', 'Two', 'Three']) {
    await keyboard.type(title)
    await keyboard.press('Enter')
  }
  await keyboard.press('Escape')
  await keyboard.press('j')
  await keyboard.press('j')
  assert.equal(await focused(), 'Two')
  await keyboard.press('Alt+ArrowUp')
  await page.getByText('Moved “Two” to 1 of 3').first().waitFor()
  assert.deepEqual(await page.locator('.title').allTextContents(), ['Two', 'One', 'Three'])
  await keyboard.press('1')
  await row(page, 'Two').getByText('High').waitFor()
  await keyboard.press('F2')
  await keyboard.type('Two and a half')
  await keyboard.press('Enter')
  await row(page, 'Two and a half').waitFor()
  assert.equal(await focused(), 'Two and a half')
  await keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Task' }).waitFor()
  await page.getByLabel('Notes').fill('By keyboard')
  await keyboard.press('Escape')
  await row(page, 'Two and a half').getByText('Has notes').waitFor()
  await keyboard.press('x')
  await row(page, 'Two and a half').waitFor({ state: 'detached' })
  assert.equal(await focused(), 'One')
  await keyboard.press('z')
  await row(page, 'Two and a half').waitFor()
  await keyboard.press('m')
  await row(page, 'One').waitFor({ state: 'detached' })
  await keyboard.press('Delete')
  await row(page, 'Three').waitFor({ state: 'detached' })
  await keyboard.press('Control+z')
  await row(page, 'Three').waitFor()
  await keyboard.press('/')
  await keyboard.type('half')
  await row(page, 'Three').waitFor({ state: 'detached' })
  await keyboard.press('Escape')
  await row(page, 'Three').waitFor()
  await keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await inspect(page, 'help')
  await keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  noComplaints()
})

test('offline the app starts, takes changes, starts again, and the server has them afterwards', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await page.reload()
  await add(page, 'Written offline #train')
  await add(page, 'Deleted offline')
  await row(page, 'Deleted offline').getByRole('button', { name: /^Menu/ }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await page.getByText(/^Offline. \d changes? waits?\./).waitFor()
  await page.reload()
  await row(page, 'Written offline').waitFor()
  await page.getByText(/^Offline. \d changes? waits?\./).waitFor()
  await inspect(page, 'offline')
  await page.context().setOffline(false)
  await untilSent(page)
  const other = await newDevice()
  await signIn(other, email)
  await row(other, 'Written offline').getByText('#train').waitFor()
  assert.equal(await row(other, 'Deleted offline').count(), 0)
  noComplaints()
})

test('two devices change one title: both see it settled, and neither text is lost', async () => {
  const [one, two] = [await newDevice(), await newDevice()]
  const email = await signUp(one)
  await add(one, 'Buy milk')
  await untilSent(one)
  await signIn(two, email)
  await row(two, 'Buy milk').waitFor()
  const rename = async (page: Page, to: string) => {
    await row(page, 'Buy milk').getByRole('button', { name: 'Buy milk', exact: true }).click()
    await page.getByLabel('Title').fill(to)
    await page.getByLabel('Title').press('Enter')
  }
  await two.context().setOffline(true)
  await rename(two, 'Buy soy milk')
  await rename(one, 'Buy oat milk')
  await untilSent(one)
  await two.context().setOffline(false)
  await two.getByText('“Buy soy milk” was changed on another device too.').waitFor()
  await inspect(two, 'conflict')
  await two.getByRole('button', { name: 'Use theirs' }).click()
  await row(two, 'Buy oat milk').waitFor()
  noComplaints()
})

test('a session that ends elsewhere keeps the changes, and signing in again sends them', async () => {
  const [one, two] = [await newDevice(), await newDevice()]
  const email = await signUp(one)
  await signIn(two, email)
  await two.evaluate(async () => {
    const { access_token } = await (await fetch('/auth/refresh', { method: 'POST' })).json()
    const headers = { Authorization: `Bearer ${access_token}` }
    await fetch('/auth/sessions', { method: 'DELETE', headers })
  })
  await add(one, 'Kept')
  await one.getByText('You were signed out on this device. Your 1 change is kept.').waitFor()
  await inspect(one, 'signed-out-elsewhere')
  await one.getByRole('button', { name: 'Sign in' }).click()
  await one.getByLabel('E-mail').fill(email)
  await one.getByLabel('Password', { exact: true }).fill(password)
  await one.getByRole('button', { name: 'Sign in' }).click()
  await row(one, 'Kept').waitFor()
  await untilSent(one)
  complaints.length = 0
})

test('signing out asks when changes have not been sent, and leaves no task on the device', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'Sent')
  await untilSent(page)
  await page.context().setOffline(true)
  await add(page, 'Not sent')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('1 change has not reached the server yet.').waitFor()
  await inspect(page, 'sign-out')
  await page.keyboard.press('Escape')
  await row(page, 'Not sent').waitFor()
  await page.context().setOffline(false)
  await untilSent(page)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.deepEqual(await page.evaluate(() => indexedDB.databases()), [])
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), [])
  noComplaints()
})

test('each view fits a phone of 320 px and a wide screen, in both themes', async () => {
  const page = await newDevice()
  await signUp(page)
  for (const line of [
    'Call the bank about the mortgage and the very long letter that came last week 2026-11-02 !high',
    'Water the plants today 18:00 #home',
    'Pay rent tomorrow 9:30 #home !high',
    'Book flights in 2 weeks #travel #summer',
    'Read a book !low',
    'Buy milk today #shop',
    'Post the parcel today',
  ])
    await add(page, line)
  await row(page, 'Post the parcel').getByRole('checkbox').click()
  await row(page, 'Post the parcel').waitFor({ state: 'detached' })
  for (const width of [320, 390, 1280]) {
    await page.setViewportSize({ width, height: width > 400 ? 900 : 740 })
    for (const name of ['Today', 'Upcoming', 'All tasks', 'Done']) {
      await open(page, name)
      await page.getByRole('heading', { level: 1, name }).waitFor()
      if (name === 'All tasks' && width === 320)
        await page.getByRole('button', { name: 'Done' }).click()
      await inspect(page, `${name.toLowerCase().replace(' ', '-')}-${width}`)
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth
      )
      assert.ok(overflow <= 0, `${name} at ${width} px is ${overflow} px too wide`)
    }
  }
  await open(page, 'home')
  await inspect(page, 'tag')
  noComplaints()
})

test('1,000 tasks are listed in steps, and the last one is reached by keyboard', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.evaluate(async () => {
    const { access_token } = await (await fetch('/auth/refresh', { method: 'POST' })).json()
    for (let batch = 0; batch < 10; batch++) {
      const operations = Array.from({ length: 100 }, (_, n) => ({
        op: 'create',
        id: crypto.randomUUID(),
        task: { title: `Task ${batch * 100 + n}`, order: batch * 100 + n },
      }))
      await fetch('/tasks/batch', {
        method: 'POST',
        headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(operations),
      })
    }
  })
  await page.reload()
  await open(page, 'All tasks')
  await row(page, 'Task 0').first().waitFor()
  assert.ok((await page.locator('.row').count()) <= 180)
  await page.locator('.row').first().focus()
  await page.keyboard.press('k')
  for (let pressed = 0; pressed < 200; pressed++) await page.keyboard.press('ArrowDown')
  assert.equal(
    await page.evaluate(() => document.activeElement?.querySelector('.title')?.textContent),
    'Task 200'
  )
  noComplaints()
})

test('the app is served with its policies, and a missing file of it is a plain 404', async () => {
  const page = await newDevice()
  const reply = await page.request.get('/app/')
  const headers = reply.headers()
  assert.match(
    headers['content-security-policy'] ?? '',
    /^default-src 'none'; script-src 'self';.* trusted-types app$/
  )
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['referrer-policy'], 'no-referrer')
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin')
  assert.match(headers['strict-transport-security'] ?? '', /^max-age=31536000/)
  assert.equal((await page.request.get('/')).url(), `${origin}/app/`)
  for (const path of ['/app/main.tsx', '/app/nothing', '/_headers'])
    assert.equal((await page.request.get(path)).status(), 404, path)
  assert.equal(
    (await page.request.get('/nowhere')).headers()['content-type'],
    'application/problem+json'
  )
})
