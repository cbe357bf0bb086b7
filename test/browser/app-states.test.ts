import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  add,
  answerBatches,
  asOtherDevice,
  choose,
  fillIn,
  hideAndShow,
  inspect,
  newDevice,
  noComplaints,
  open,
  rename,
  row,
  signIn,
  signUp,
  titleRefused,
  untilGone,
  untilIn,
  untilSent,
} from './devices.ts'

const status = (page: Page, words: string | RegExp) =>
  page.locator('.status').getByText(words).waitFor()

/** Nobody here has confirmed an address, which the status line says when it has nothing else to say. */
const untilAllIsWell = (page: Page) => status(page, 'with the link in our mail')

/** Two devices of one user, on both of which is this task. */
const twoDevices = async (title: string) => {
  const [one, two] = [await newDevice(), await newDevice()]
  const email = await signUp(one)
  await add(one, title)
  await untilSent(one)
  await signIn(two, email)
  await row(two, title).waitFor()
  return { one, two, email }
}

test('the first start shows grey rows until the tasks have come, and never an empty list', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'There already')
  await untilSent(page)
  const other = await newDevice()
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  await other.context().route('**/tasks/changes*', async (route) => {
    await arrived
    await route.continue()
  })
  await signIn(other, email)
  await other.waitForFunction(() => {
    const rows = document.querySelector('.waiting')
    return rows && getComputedStyle(rows).opacity === '1'
  })
  assert.equal(await other.locator('.empty').count(), 0)
  await inspect(other, 'first-start')
  arrive()
  await row(other, 'There already').waitFor()
  noComplaints()
})

test('a first start without the tasks says so, and shows them when they come', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'There already')
  await untilSent(page)
  const other = await newDevice()
  await other.context().route('**/tasks/changes*', (route) => route.abort())
  await signIn(other, email)
  await other.getByText('Your tasks come as soon as there is a connection.').waitFor()
  await inspect(other, 'first-start-offline')
  await add(other, 'Added before')
  await row(other, 'Added before').waitFor()
  await other.context().unroute('**/tasks/changes*')
  await row(other, 'There already').waitFor()
  noComplaints()
})

test('a warm start shows the list although the server does not answer', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'Kept here')
  await untilSent(page)
  await page.context().route(/\/(tasks|auth)\//, () => {})
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.querySelector('.empty, .waiting')) console.error('not a list')
    }).observe(document, { childList: true, subtree: true })
  })
  await page.reload()
  await row(page, 'Kept here').waitFor()
  noComplaints()
})

test('offline the app starts, takes changes, starts again, and the server has them afterwards', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'Edited offline')
  await untilSent(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await page.reload()
  await add(page, 'Written offline #train')
  await add(page, 'Deleted offline')
  await choose(page, 'Deleted offline', 'Delete')
  await rename(page, 'Edited offline', 'Edited on a train')
  await status(page, /^Offline. \d changes wait./)
  await page.reload()
  await row(page, 'Written offline').waitFor()
  await status(page, /^Offline. \d changes wait./)
  await inspect(page, 'offline')
  await page.context().setOffline(false)
  await untilSent(page)
  const other = await newDevice()
  await signIn(other, email)
  await row(other, 'Written offline').getByText('#train').waitFor()
  await row(other, 'Edited on a train').waitFor()
  assert.equal(await row(other, 'Deleted offline').count(), 0)
  noComplaints()
})

test('saving is said when it takes longer than 2 seconds', async () => {
  const page = await newDevice()
  await signUp(page)
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  await page.context().route('**/tasks/batch', async (route) => {
    await arrived
    await route.continue()
  })
  const sent = page.waitForRequest('**/tasks/batch')
  await add(page, 'Slow')
  await sent
  const start = Date.now()
  await status(page, 'Saving…')
  assert.ok(Date.now() - start > 1500, 'not before 2 s')
  await inspect(page, 'saving')
  arrive()
  await untilAllIsWell(page)
  noComplaints()
})

test('a server in trouble and one that asks to wait are named, and the change is sent later', async () => {
  const page = await newDevice()
  await signUp(page)
  const stop = await answerBatches(page, { status: 503 })
  await add(page, 'Late')
  await status(page, 'The server is busy. Nothing is lost; trying again. Code 1a2b3c4d.')
  await page.locator('#state').getByText('The server is busy.').waitFor()
  await page.locator('#polite').getByText('Added “Late”').waitFor()
  await inspect(page, 'trouble')
  await stop()
  await untilSent(page)
  const mend = await answerBatches(page, { status: 500 })
  await add(page, 'Broken')
  await status(page, 'Something broke on our side. Nothing is lost; trying again. Code 1a2b3c4d.')
  await mend()
  await untilSent(page)
  const end = await answerBatches(page, { status: 429 })
  await add(page, 'Later')
  await status(page, 'Many requests at once. Nothing is lost; trying again shortly.')
  await inspect(page, 'limited')
  await end()
  await untilSent(page)
  await untilAllIsWell(page)
  noComplaints()
})

test('a change that the server refuses is shown, and is edited and sent, or discarded', async () => {
  const page = await newDevice()
  await signUp(page)
  const stop = await answerBatches(page, titleRefused)
  await add(page, 'Pay rent')
  await page.getByText('“Pay rent” could not be saved: the title must be shorter.').last().waitFor()
  await add(page, 'Another')
  await page.getByText('“Another” could not be saved').last().waitFor()
  await inspect(page, 'refused')
  await stop()
  await page.getByRole('listitem').filter({ hasText: '“Another”' }).getByText('Discard').click()
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  await page.getByLabel('Title').fill('Rent')
  await page.getByRole('button', { name: 'Save' }).click()
  await row(page, 'Rent').waitFor()
  await untilSent(page)

  const end = await answerBatches(page, titleRefused)
  await rename(page, 'Rent', 'Pay the rent')
  await page.getByText('“Pay the rent” could not be saved').last().waitFor()
  await row(page, 'Rent').waitFor()
  await end()
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  await page.getByRole('button', { name: 'Delete' }).click()
  await untilGone(page, 'Rent')
  await untilSent(page)
  noComplaints()
})

test('two devices change one title: both see it settled, and neither text is lost', async () => {
  const { one, two } = await twoDevices('Buy milk')
  // It begins before the other title has come.
  await row(two, 'Buy milk').getByRole('button', { name: /^Open/ }).click()
  await rename(one, 'Buy milk', 'Buy oat milk')
  await untilSent(one)
  await two.evaluate(() => dispatchEvent(new Event('online')))
  await row(two, 'Buy oat milk').waitFor()
  await two.getByLabel('Title').fill('Buy soy milk')
  await two.getByLabel('Notes').fill('Two litres')
  await two.getByRole('button', { name: 'Save' }).click()
  await two
    .getByText('“Buy soy milk” was changed on another device too. The title there: “Buy oat milk”.')
    .last()
    .waitFor()
  await inspect(two, 'conflict')
  await two.getByRole('button', { name: 'Use theirs' }).click()
  await row(two, 'Buy oat milk').getByText('Has notes').waitFor()
  await two.getByRole('button', { name: 'Undo' }).click()
  await row(two, 'Buy soy milk').waitFor()
  noComplaints()
})

test('a task that was deleted elsewhere is restored with the changes of this device', async () => {
  const { one, two } = await twoDevices('Buy milk')
  await two.context().setOffline(true)
  await rename(two, 'Buy milk', 'Buy soy milk')
  await choose(one, 'Buy milk', 'Delete')
  await untilSent(one)
  await two.context().setOffline(false)
  await two.getByText('“Buy soy milk” was deleted on another device.').last().waitFor()
  await inspect(two, 'deleted-elsewhere')
  await two.getByRole('button', { name: 'Restore with your changes' }).click()
  await row(two, 'Buy soy milk').waitFor()
  await untilSent(two)
  await one.reload()
  await row(one, 'Buy soy milk').waitFor()
  noComplaints()
})

test('a task that was changed elsewhere is deleted only when the person says so again', async () => {
  const { one, two } = await twoDevices('Buy milk')
  await two.context().setOffline(true)
  await choose(two, 'Buy milk', 'Delete')
  await rename(one, 'Buy milk', 'Buy oat milk')
  await untilSent(one)
  await two.context().setOffline(false)
  await two.getByText('was changed on another device, so it is not deleted.').last().waitFor()
  await row(two, 'Buy oat milk').waitFor()
  await inspect(two, 'changed-elsewhere')
  await two.getByRole('button', { name: 'Keep', exact: true }).click()
  await two.locator('.toast').getByText('Kept “Buy oat milk”').waitFor()
  await two.getByRole('button', { name: 'Undo' }).click()
  await two.getByRole('button', { name: 'Delete', exact: true }).click()
  await untilGone(two, 'Buy oat milk')
  noComplaints()
})

test('a session that ends elsewhere keeps the changes, and signing in again sends them', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await page.getByText('Nothing is due today.').waitFor()
  await asOtherDevice(page, '/auth/sessions', 'DELETE')
  await add(page, 'Kept')
  await status(page, 'You were signed out on this device. Your 1 change is kept.')
  await inspect(page, 'signed-out-elsewhere')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  // Nothing that the keys act on is on the screen.
  await page.keyboard.press('z')
  assert.equal(await page.title(), 'Sign in · edge-todo')
  await page.getByRole('button', { name: 'To your tasks' }).click()
  await row(page, 'Kept').waitFor()
  await page.getByRole('button', { name: 'Sign in' }).click()
  await fillIn(page, email, 'Sign in')
  await page.locator('h1:focus', { hasText: 'Today' }).waitFor()
  await row(page, 'Kept').waitFor()
  await untilSent(page)
  assert.equal(await page.title(), 'Today · edge-todo')
  noComplaints()
})

test('signing in again in one tab brings the others back', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  const tabs = [await page.context().newPage(), await page.context().newPage()]
  for (const tab of tabs) {
    await tab.goto('/app/')
    await tab.getByText('Nothing is due today.').waitFor()
  }
  await asOtherDevice(page, '/auth/sessions', 'DELETE')
  const words = 'You were signed out on this device.'
  for (const tab of [page, ...tabs]) {
    await open(tab, 'Trash')
    await status(tab, words)
    await open(tab, 'Today')
  }
  const [looking, signingIn] = tabs
  await signingIn?.getByRole('button', { name: 'Sign in' }).click()
  await signingIn?.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.getByRole('button', { name: 'Sign in' }).click()
  await fillIn(page, email, 'Sign in')
  await signingIn?.getByRole('heading', { level: 1, name: 'Today' }).waitFor()
  await looking?.locator('.status', { hasText: words }).waitFor({ state: 'detached' })
  await add(page, 'Buy milk')
  for (const tab of [page, ...tabs]) await row(tab, 'Buy milk').waitFor()
  await untilSent(page)
  noComplaints()
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

test('without a network, signing out is marked, and the next start ends the session', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('The session itself ends when this device has a network again.').waitFor()
  await inspect(page, 'session-left')
  await page.context().setOffline(false)
  const ended = page.waitForResponse('**/auth/logout')
  await page.reload()
  assert.equal((await ended).status(), 204)
  noComplaints()
})

test('a new version that took over is offered with Reload', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  const docs = await page.context().newPage()
  await docs.goto('/docs')
  await docs.evaluate(() =>
    navigator.serviceWorker.register('/app/service-worker.js?2', { scope: '/app/' })
  )
  await status(page, 'There is a new version.')
  await inspect(page, 'new-version')
  await page.getByRole('button', { name: 'Reload' }).click()
  await untilIn(page)
  await untilAllIsWell(page)
})

test('what is typed is saved when the page goes out of sight, or another view takes its place', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'Buy milk')
  await open(page, 'All tasks')
  await row(page, 'Buy milk').getByRole('button', { name: 'Buy milk', exact: true }).click()
  await page.getByLabel('Title').fill('Buy oat milk')
  await page.goBack()
  await page.getByRole('heading', { level: 1, name: 'Today' }).waitFor()
  await row(page, 'Buy oat milk').getByRole('button', { name: /^Open/ }).click()
  await page.getByLabel('Notes').fill('Two litres')
  await hideAndShow(page)
  await untilSent(page)
  await page.reload()
  await row(page, 'Buy oat milk').getByText('Has notes').waitFor()
  noComplaints()
})

test('a tab whose database another version needs says so, and offers Reload', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.evaluate(async () => {
    const [{ name = '' } = {}] = await indexedDB.databases()
    indexedDB.open(name, 2)
  })
  await page
    .getByRole('heading', { name: 'The app was updated or emptied in another tab.' })
    .waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await inspect(page, 'outdated')
  noComplaints()
})

test('a browser that refuses storage keeps the tasks in memory, and says so', async () => {
  const page = await newDevice()
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException('refused', 'SecurityError')
    }
    // As Chromium does it where cookies are blocked.
    LockManager.prototype.request = async () => {
      throw new DOMException('The request was denied.', 'SecurityError')
    }
  })
  const email = await signUp(page)
  await status(page, 'This browser does not let the app store tasks.')
  await add(page, 'In memory')
  await row(page, 'In memory').waitFor()
  await inspect(page, 'storage-refused')
  await open(page, 'All tasks')
  await row(page, 'In memory').waitFor()
  const other = await newDevice()
  await signIn(other, email)
  await row(other, 'In memory').waitFor()
  noComplaints()
})
