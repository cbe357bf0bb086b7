import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  add,
  asOtherDevice,
  choose,
  inspect,
  newDevice,
  noComplaints,
  open,
  row,
  signIn,
  signUp,
  titles,
  untilGone,
  untilKept,
  untilSent,
  withCopies,
} from './devices.ts'

const restoreButton = (page: Page, title: string) =>
  page.getByRole('button', { name: `Restore “${title}”` })

const addAndDelete = async (page: Page, ...lines: string[]) => {
  for (const line of lines) await add(page, line)
  await untilSent(page)
  for (const line of lines) await choose(page, line.replace(/ [#!].*/, ''), 'Delete')
}

test('the trash lists what was deleted, and restores one or many by mouse, with undo', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await open(page, 'Trash')
  await page.getByText('The trash is empty.').waitFor()
  await inspect(page, 'trash-empty')
  await open(page, 'Today')
  await addAndDelete(page, 'Buy milk', 'Pay rent #home !high', 'Post the parcel')
  await open(page, 'Trash')
  assert.deepEqual(await titles(page), ['Post the parcel', 'Pay rent', 'Buy milk'])
  await inspect(page, 'trash')

  await restoreButton(page, 'Pay rent').click()
  await untilGone(page, 'Pay rent')
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Pay rent').waitFor()
  await page.getByRole('checkbox', { name: 'Select “Buy milk”' }).check()
  await inspect(page, 'trash-selected')
  await page.getByRole('checkbox', { name: 'Select all 3' }).check()
  await page.getByRole('button', { name: 'Restore 3 tasks' }).click()
  await page.getByText('The trash is empty.').waitFor()
  await untilSent(page)
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Post the parcel').waitFor()
  await restoreButton(page, 'Pay rent').click()
  await open(page, 'Today')
  await row(page, 'Pay rent').getByText('#home').waitFor()
  await untilSent(page)

  const other = await newDevice()
  await signIn(other, email)
  await row(other, 'Pay rent').waitFor()
  assert.deepEqual(await titles(other), ['Pay rent'])
  await open(other, 'Trash')
  await row(other, 'Buy milk').waitFor()
  assert.deepEqual((await titles(other)).sort(), ['Buy milk', 'Post the parcel'])
  noComplaints()
})

test('the trash works by keyboard, and the focus stays in it', async () => {
  const page = await newDevice()
  await signUp(page)
  await addAndDelete(page, 'One', 'Two', 'Three')
  await open(page, 'Trash')
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  const focused = () =>
    page.evaluate(() => {
      const { activeElement: element } = document
      return element?.getAttribute('aria-label') ?? element?.textContent
    })
  await page.getByRole('checkbox', { name: 'Select all 3' }).focus()
  await press('Tab', 'Tab', 'Tab')
  assert.equal(await focused(), 'Restore “Three”')
  await press('Enter')
  await untilGone(page, 'Three')
  assert.equal(await focused(), 'Restore “Two”')
  await press('Shift+Tab', 'Space')
  await page.getByRole('button', { name: 'Restore 1 task' }).waitFor()
  await press('Shift+Tab', 'Enter')
  await untilGone(page, 'Two')
  await press('z')
  await row(page, 'Two').waitFor()
  await page.getByRole('checkbox', { name: 'Select all 2' }).focus()
  await press('Space', 'Tab', 'Enter')
  await page.getByText('The trash is empty.').waitFor()
  assert.equal(await focused(), 'Trash')
  await open(page, 'Today')
  assert.deepEqual(await titles(page), ['One', 'Two', 'Three'])
  noComplaints()
})

test('without a network the trash says so, has what was deleted here, and restores it', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await addAndDelete(page, 'Deleted before')
  await add(page, 'Deleted offline')
  await add(page, 'Stays')
  await untilSent(page)
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.context().setOffline(true)
  await choose(page, 'Deleted offline', 'Delete')
  await untilKept(page, 1)
  await page.reload()
  await row(page, 'Stays').waitFor()
  await open(page, 'Trash')
  await row(page, 'Deleted offline').waitFor()
  await page.getByText('No connection. The trash is on the server').waitFor()
  assert.deepEqual(await titles(page), ['Deleted offline'])
  await inspect(page, 'trash-offline')
  await restoreButton(page, 'Deleted offline').click()
  await untilGone(page, 'Deleted offline')
  await page.context().setOffline(false)
  await row(page, 'Deleted before').waitFor()
  await page.getByText('No connection.').waitFor({ state: 'detached' })
  await untilSent(page)
  const other = await newDevice()
  await signIn(other, email)
  await row(other, 'Deleted offline').waitFor()
  noComplaints()
})

test('the trash is fetched page by page, and all that is shown is restored at once', async () => {
  const page = await newDevice({ viewport: { width: 390, height: 844 } })
  await signUp(page)
  for (let batch = 0; batch < 2; batch++)
    await asOtherDevice(
      page,
      '/tasks/batch',
      'POST',
      Array.from({ length: 75 }, (_, n) => ({
        op: 'create',
        id: crypto.randomUUID(),
        task: { title: `Task ${batch * 75 + n}` },
      }))
    )
  await asOtherDevice(page, '/tasks', 'DELETE')
  await page.getByRole('button', { name: 'More' }).click()
  await inspect(page, 'more-390')
  await page.getByRole('link', { name: 'Trash' }).click()
  await page.getByRole('checkbox', { name: 'Select all 100' }).waitFor()
  await inspect(page, 'trash-390')
  await page.getByRole('button', { name: 'Show more' }).click()
  await page.locator('.row .link:focus').waitFor()
  await page.getByRole('checkbox', { name: 'Select all 150' }).check()
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0)
  await page.getByRole('button', { name: 'Restore 150 tasks' }).click()
  await page.getByText('The trash is empty.').waitFor()
  await untilSent(page)
  assert.equal((await asOtherDevice(page, '/tasks?limit=100', 'GET')).length, 100)
  assert.deepEqual(await asOtherDevice(page, '/tasks?deleted=true', 'GET'), [])
  noComplaints()
})

test('a trash of 301 tasks renders its rows in steps, and restores all of them at once', async () => {
  const page = await withCopies('Buy milk', 300)
  await row(page, 'Buy milk').focus()
  await page.keyboard.press('Control+a')
  await page.keyboard.press('Delete')
  await page.getByText('No tasks. Add one above.').waitFor()
  await open(page, 'Trash')
  await page.getByRole('checkbox', { name: 'Select all 301' }).waitFor()
  const rows = page.locator('.row')
  assert.ok((await rows.count()) < 200, String(await rows.count()))
  const deadline = Date.now() + 15_000
  while ((await rows.count()) < 301) {
    assert.ok(Date.now() < deadline, 'all rows are shown within 15 s')
    await rows.last().scrollIntoViewIfNeeded()
  }
  await page.getByRole('checkbox', { name: 'Select all 301' }).check()
  await page.getByRole('button', { name: 'Restore 301 tasks' }).click()
  await page.getByText('The trash is empty.').waitFor()
  noComplaints()
})

test('a server in trouble and a session that ended are said in the trash', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.getByText('Nothing is due today.').waitFor()
  await page.context().route('**/tasks?deleted=true*', (route) => route.fulfill({ status: 503 }))
  await open(page, 'Trash')
  await page.getByText('The server is busy. What was deleted here is listed.').waitFor()
  await inspect(page, 'trash-trouble')
  await page.context().unroute('**/tasks?deleted=true*')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByText('The trash is empty.').waitFor()
  await page.locator('h1:focus').getByText('Trash').waitFor()
  await open(page, 'Today')
  await asOtherDevice(page, '/auth/sessions', 'DELETE')
  let refreshes = 0
  page.on('request', (request) => {
    if (request.url().endsWith('/auth/refresh')) refreshes++
  })
  await open(page, 'Trash')
  await page.getByText('You were signed out on this device.').last().waitFor()
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  for (const name of ['Today', 'Trash', 'All tasks', 'Trash', 'Done', 'Trash'])
    await open(page, name)
  assert.ok(refreshes < 10, `${refreshes} refreshes`)
  noComplaints()
})
