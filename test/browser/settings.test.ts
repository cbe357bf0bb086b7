import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  add,
  asOtherDevice,
  choose,
  fillIn,
  inspect,
  newDevice,
  noComplaints,
  open,
  origin,
  password,
  phone,
  row,
  signIn,
  signUp,
  smallTargets,
  titles,
  untilIn,
  untilSent,
} from './devices.ts'

const status = (page: Page, words: string) => page.locator('.status').getByText(words).waitFor()

const background = (page: Page) =>
  page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)

/** Chooses in Settings, and goes back to Today. */
const prefer = async (page: Page, name: string, choice: string) => {
  await open(page, 'Settings')
  await page.getByLabel(name).selectOption(choice)
  await open(page, 'Today')
}

test('the theme is the chosen one, in every tab', async () => {
  const page = await newDevice()
  await signUp(page)
  const light = await background(page)
  await open(page, 'Settings')
  await page.getByLabel('Theme').selectOption('Dark')
  const dark = await background(page)
  assert.notEqual(dark, light)
  const tab = await page.context().newPage()
  await tab.goto('/app/')
  await untilIn(tab)
  assert.equal(await background(tab), dark)
  const bars = tab.locator('[name=theme-color]')
  const media = (bars: (HTMLElement | SVGElement)[]) => bars.map((bar) => bar.getAttribute('media'))
  assert.deepEqual(await bars.evaluateAll(media), ['not all', 'all'])
  await page.getByLabel('Theme').selectOption('Light')
  await tab.waitForFunction(() => document.documentElement.style.colorScheme === 'light')
  assert.equal(await background(tab), light)
  await page.emulateMedia({ colorScheme: 'dark' })
  assert.equal(await background(page), light)
  await page.getByLabel('Theme').selectOption('As the system')
  assert.equal(await background(page), dark)
  noComplaints()
})

test('a page whose script comes late is not painted in the wrong theme before it', async () => {
  const page = await newDevice()
  await page.addInitScript(() => {
    localStorage.setItem('preferences', '{"theme":"dark"}')
    requestAnimationFrame(() => {
      const { colorScheme } = document.documentElement.style
      if (colorScheme !== 'dark') console.error(`painted with the theme ${colorScheme}`)
    })
  })
  await page.route('**/app/app.js', async (route) => {
    // Time enough to paint the page without the script.
    await new Promise((resolve) => setTimeout(resolve, 500))
    await route.continue()
  })
  await page.goto('/app/')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  noComplaints()
})

test('new tasks go on top when the person wants it, and to the end otherwise', async () => {
  const page = await newDevice()
  await signUp(page)
  for (const title of ['One', 'Two']) await add(page, title)
  await prefer(page, 'New tasks', 'On top')
  for (const title of ['Three', 'Four']) await add(page, title)
  await row(page, 'Four').waitFor()
  assert.deepEqual(await titles(page), ['Four', 'Three', 'One', 'Two'])
  await page.reload()
  await prefer(page, 'New tasks', 'At the end')
  await add(page, 'Five')
  await row(page, 'Five').waitFor()
  assert.deepEqual(await titles(page), ['Four', 'Three', 'One', 'Two', 'Five'])
  noComplaints()
})

test('next week begins on the first day of the week that the person chose', async () => {
  const page = await newDevice()
  await page.clock.install({ time: new Date('2026-03-26T12:00:00') })
  await signUp(page)
  await page.getByLabel('New task').fill('Pay next week')
  await page.locator('#understood').getByText('Monday').waitFor()
  await page.getByLabel('New task').fill('')
  await prefer(page, 'The week begins on', 'Sunday')
  await page.getByLabel('New task').fill('Pay next week')
  await page.locator('#understood').getByText('Sunday').waitFor()
  await page.getByLabel('New task').fill('Call')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Escape')
  await row(page, 'Call').focus()
  await page.keyboard.press('w')
  await open(page, 'Upcoming')
  await page.getByRole('heading', { level: 2, name: 'Sunday' }).waitFor()
  noComplaints()
})

test('with single keys off, letters do nothing and the other keys work', async () => {
  const page = await newDevice()
  const { keyboard } = page
  await signUp(page)
  for (const title of ['One', 'Two']) await add(page, title)
  await row(page, 'Two').waitFor()
  await prefer(page, 'Single keys', 'Off')
  await row(page, 'One').focus()
  for (const key of ['x', 'm', '1', 'n', '/', '?', '#', 'd', 'z']) await keyboard.press(key)
  assert.deepEqual(await titles(page), ['One', 'Two'])
  assert.equal(await page.getByRole('dialog').count(), 0)
  assert.equal(await page.getByText('High').count(), 0)
  await keyboard.press('Alt+ArrowDown')
  assert.deepEqual(await titles(page), ['Two', 'One'])
  await keyboard.press('ArrowUp')
  await keyboard.press('Space')
  await page.getByText('Completed “Two”').first().waitFor()
  await keyboard.press('Control+z')
  await row(page, 'Two').waitFor()
  await keyboard.press('Enter')
  await page.getByRole('dialog', { name: 'Task' }).waitFor()
  await keyboard.press('Escape')
  await page.getByRole('button', { name: 'Keyboard' }).click()
  await page.getByRole('dialog').getByText('Undo').waitFor()
  assert.deepEqual(
    await page
      .locator('kbd')
      .getByText(/^[a-z0-9#?/]$/)
      .count(),
    0
  )
  assert.equal(await page.locator('.keys:empty').count(), 0)
  await inspect(page, 'help-without-single-keys')
  noComplaints()
})

test('a device that is signed out here is out with its next request, and keeps its changes', async () => {
  const [page, other, third] = [await newDevice(), await newDevice(), await newDevice()]
  const email = await signUp(page)
  await signIn(other, email)
  await signIn(third, email)
  await third.getByText('Nothing is due today.').waitFor()
  await other.getByText('Nothing is due today.').waitFor()
  await open(page, 'Settings')
  const devices = page.locator('.device')
  await devices.nth(2).waitFor()
  await devices.first().getByText('This device').waitFor()
  await inspect(page, 'settings')

  // The sessions are listed in the order in which they began.
  await devices
    .nth(1)
    .getByRole('button', { name: /^Sign out Chrome on/ })
    .click()
  await page.getByText('Signed out 1 device').first().waitFor()
  assert.equal(await devices.count(), 2)
  await add(other, 'Not sent yet')
  await status(other, 'You were signed out on this device. Your 1 change is kept.')
  await row(other, 'Not sent yet').waitFor()
  await add(third, 'From the third')
  await untilSent(third)

  await other.getByRole('button', { name: 'Sign in' }).click()
  await fillIn(other, email, 'Sign in')
  await row(other, 'From the third').waitFor()
  await untilSent(other)
  await page.reload()
  await devices.nth(2).waitFor()
  await page.getByRole('button', { name: 'Sign out all others' }).click()
  await page.getByText('Signed out 2 devices').first().waitFor()
  assert.equal(await devices.count(), 1)
  for (const device of [other, third]) {
    await add(device, 'Kept')
    await status(device, 'You were signed out on this device.')
  }
  await open(page, 'All tasks')
  await add(page, 'Still in')
  await untilSent(page)
  noComplaints()
})

test('the password is changed, faults are beside their fields, and this device stays in', async () => {
  const [page, other] = [await newDevice(), await newDevice()]
  const email = await signUp(page)
  await signIn(other, email)
  await other.getByText('Nothing is due today.').waitFor()
  await open(page, 'Settings')
  await page.locator('summary', { hasText: 'Change password' }).focus()
  const { keyboard } = page
  const press = async (...keys: string[]) => {
    for (const key of keys) await keyboard.press(key)
  }
  await press('Enter', 'Tab')
  await keyboard.type('wrong password')
  await press('Tab', 'Tab')
  await keyboard.type('a new password')
  await press('Enter')
  await page.locator('.fault').getByText('The current password is wrong.').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'current_password')
  await page.locator('.settings details').first().scrollIntoViewIfNeeded()
  await inspect(page, 'password-fault')
  await page.getByLabel('Current password', { exact: true }).fill(password)
  await page.getByLabel('New password', { exact: true }).fill('short')
  await page.getByRole('button', { name: 'Change password' }).click()
  await page
    .locator('.fault')
    .getByText('The new password must be at least 8 characters long.')
    .waitFor()
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'new_password')
  await page.getByLabel('New password', { exact: true }).fill('a new password')
  await page.getByRole('button', { name: 'Change password' }).click()
  await page.getByText('The password is changed.').first().waitFor()
  assert.equal(await page.getByLabel('New password', { exact: true }).inputValue(), '')

  await add(other, 'Kept')
  await status(other, 'You were signed out on this device.')
  await page.reload()
  await open(page, 'Today')
  await add(page, 'Still in')
  await untilSent(page)
  assert.equal((await asOtherDevice(page, '/auth/sessions', 'GET')).length, 1)
  noComplaints()
})

test('the export is a file with the tasks, those that were just added too', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'Buy milk')
  await open(page, 'Settings')
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export' }).click()
  const file = await saved
  assert.match(file.suggestedFilename(), /^edge-todo-\d{4}-\d\d-\d\d\.json$/)
  const { user, tasks, sessions, trash } = JSON.parse(readFileSync(await file.path(), 'utf8'))
  assert.equal(user.email, email)
  assert.equal(tasks[0].title, 'Buy milk')
  assert.deepEqual([sessions.length, trash], [1, []])
  await page.locator('summary', { hasText: 'Delete account' }).click()
  const hasText = '1 change has not reached the server yet. An export does not have it.'
  assert.equal(await page.getByText('An export does not have').count(), 0)
  await page.context().route('**/tasks/batch', (route) => route.fulfill({ status: 503 }))
  await open(page, 'Today')
  await add(page, 'Not sent')
  await open(page, 'Settings')
  const lacking = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export' }).click()
  await lacking
  await page.locator('.fault', { hasText }).waitFor()
  await page.locator('#assertive', { hasText }).waitFor()
  await page.locator('summary', { hasText: 'Delete account' }).click()
  await page.locator('details[open]', { hasText }).waitFor()
  await inspect(page, 'export-lacking')
  await page.context().setOffline(true)
  await page.getByRole('button', { name: 'Export' }).click()
  await page.getByText('No connection. This needs the network.').first().waitFor()
  noComplaints()
})

test('after the account is deleted, nothing of it is left in the browser or on the server', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'Buy milk')
  await untilSent(page)
  await prefer(page, 'New tasks', 'On top')
  const tab = await page.context().newPage()
  await tab.goto('/app/')
  await row(tab, 'Buy milk').waitFor()
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await open(page, 'Settings')
  await page.locator('summary', { hasText: 'Delete account' }).click()
  await page.getByLabel('Password', { exact: true }).fill('wrong password')
  const button = page.getByRole('button', { name: 'Delete account' })
  await button.click()
  await page.locator('.fault').getByText('The password is wrong.').waitFor()
  await page.locator('#assertive').getByText('The password is wrong.').waitFor()
  await button.scrollIntoViewIfNeeded()
  await inspect(page, 'delete-account')
  await page.getByLabel('Password', { exact: true }).fill(password)
  await button.click()
  await page.getByText('Your account is deleted, and all your tasks with it.').waitFor()
  await inspect(page, 'account-deleted')
  await tab.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.equal(page.url(), `${origin}/app/`)
  const left = () =>
    page.evaluate(async () => ({
      databases: await indexedDB.databases(),
      local: Object.keys(localStorage),
      session: Object.keys(sessionStorage),
      caches: (await caches.keys()).map((name) => name.replace(/[0-9a-f]{12}$/, '')),
    }))
  assert.deepEqual(await left(), { databases: [], local: [], session: [], caches: ['app-'] })
  assert.deepEqual(await page.context().cookies(), [])
  await fillIn(page, email, 'Sign in')
  await page.getByText('That e-mail and password do not go together.').first().waitFor()
  noComplaints()
})

test('this device says what it holds, and is emptied and filled anew', async () => {
  const page = await newDevice()
  await signUp(page)
  for (const title of ['One', 'Two']) await add(page, title)
  await untilSent(page)
  await open(page, 'Settings')
  await page.getByText('2 tasks on this device, synced just now.').waitFor()
  const pulled = page.waitForResponse('**/tasks/changes?limit=500')
  await page.getByRole('button', { name: 'Empty this device' }).click()
  await pulled
  await page.getByText('2 tasks on this device, synced just now.').waitFor()
  await open(page, 'Today')
  assert.deepEqual(await titles(page), ['One', 'Two'])

  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await add(page, 'Not sent')
  await open(page, 'Settings')
  const empty = page.getByRole('button', { name: 'Empty this device' })
  await empty.click()
  await page.getByRole('dialog').getByText('1 change has not reached the server yet.').waitFor()
  await inspect(page, 'empty-device')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('3 tasks on this device').waitFor()
  await empty.click()
  await page.getByRole('button', { name: 'Empty anyway' }).click()
  await page.getByText('0 tasks on this device, not synced yet.').waitFor()
  await page.context().setOffline(false)
  await page.getByText('2 tasks on this device, synced just now.').waitFor()
  noComplaints()
})

test('a device that cannot fetch its tasks again asks before it is emptied', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'Buy milk')
  await untilSent(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await open(page, 'Settings')
  const empty = page.getByRole('button', { name: 'Empty this device' })
  await empty.click()
  const dialog = page.getByRole('dialog', { name: 'Empty this device' })
  await dialog.getByText('fetches your tasks again when it next reaches the server.').waitFor()
  await inspect(page, 'empty-device-offline')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByText('1 task on this device').waitFor()
  await page.context().setOffline(false)
  await asOtherDevice(page, '/auth/sessions', 'DELETE')
  await open(page, 'Trash')
  await status(page, 'You were signed out on this device.')
  await open(page, 'Settings')
  await empty.click()
  await dialog.getByText('fetches your tasks again when you sign in.').waitFor()
  await page.getByRole('button', { name: 'Empty anyway' }).click()
  await page.getByText('0 tasks on this device, not synced yet.').waitFor()
  await page.getByRole('button', { name: 'Sign in' }).click()
  await fillIn(page, email, 'Sign in')
  await page.getByText('1 task on this device, synced just now.').waitFor()
  noComplaints()
})

test('without a network, Settings says what needs it and offers to try again', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await open(page, 'Settings')
  await page.getByText('No connection. This needs the network.').waitFor()
  await inspect(page, 'settings-offline')
  await page.context().setOffline(false)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('This device', { exact: true }).waitFor()
  noComplaints()
})

test('Settings fits a phone of 320 px, and is reached and used by keyboard', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.getByRole('link', { name: 'Settings' }).focus()
  await page.keyboard.press('Enter')
  await page.getByText('This device', { exact: true }).waitFor()
  await page.getByLabel('Theme').focus()
  await page.keyboard.press('ArrowDown')
  assert.equal(await page.getByLabel('Theme').inputValue(), 'light')
  await page.keyboard.press('ArrowUp')
  for (const name of ['Change password', 'Delete account']) {
    await page.locator('summary', { hasText: name }).focus()
    await page.keyboard.press('Enter')
    await page.locator('details[open]', { hasText: name }).waitFor()
  }
  await page.setViewportSize({ width: 1280, height: 400 })
  await page.getByRole('button', { name: 'Empty this device' }).focus()
  const before = await page.evaluate(() => scrollY)
  await page.keyboard.press('ArrowDown')
  await page.waitForFunction((before) => scrollY > before, before)
  for (const width of [320, 390, 1280]) {
    await page.setViewportSize({ width, height: width > 400 ? 1700 : 2100 })
    await inspect(page, `settings-${width}`)
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth
    )
    assert.ok(overflow <= 0, `Settings at ${width} px is ${overflow} px too wide`)
  }
  noComplaints()
})

test('by touch, every target of the settings and the trash is 44 px high', async () => {
  const page = await newDevice(phone)
  await signUp(page)
  await add(page, 'Buy milk #shop')
  await choose(page, 'Buy milk', 'Delete')
  for (const name of ['Trash', 'Settings']) {
    await page.getByRole('button', { name: 'More' }).tap()
    await page.getByRole('link', { name }).tap()
    await page.getByRole('heading', { level: 1, name }).waitFor()
    for (const summary of await page.locator('summary').all()) await summary.tap()
    assert.deepEqual(await smallTargets(page), [], name)
    if (name === 'Trash') {
      await page.getByRole('checkbox', { name: 'Select “Buy milk”' }).tap()
      await inspect(page, 'trash-selected-390')
      await page.getByRole('button', { name: 'Restore 1 task' }).tap()
      await page.getByText('The trash is empty.').waitFor()
    }
  }
  await page.getByLabel('Theme').selectOption('Dark')
  assert.equal(await page.evaluate(() => document.documentElement.style.colorScheme), 'dark')
  await open(page, 'Today')
  await row(page, 'Buy milk').waitFor()
  noComplaints()
})
