import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { add, inspect, newDevice, noComplaints, open, row, signUp, titles } from './devices.ts'

/** Pastes a text into the field for new tasks. */
const paste = async (page: Page, pasted: string) => {
  await page.getByLabel('New task').focus()
  // An event instead of Ctrl+V, because all programs here share the clipboard of the system.
  return page.getByLabel('New task').evaluate((field, pasted) => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text', pasted)
    const options = { clipboardData, bubbles: true, cancelable: true }
    return field.dispatchEvent(new ClipboardEvent('paste', options))
  }, pasted)
}

test('a search that finds nothing says where it looked, and goes on in all tasks', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'Call mum in 3 days')
  await add(page, 'Call the bank in 4 days')
  await page.getByLabel('Search').fill('call')
  await page.locator('.empty').getByText('No task in Today matches the search.').waitFor()
  await page
    .locator('#polite')
    .getByText('No task in Today matches the search.')
    .waitFor({ state: 'attached' })
  await inspect(page, 'empty-search-today')
  await page.getByRole('button', { name: 'Search all tasks' }).click()
  await page.getByRole('heading', { level: 1, name: 'All tasks' }).waitFor()
  await page.locator('#search:focus').waitFor()
  assert.deepEqual(await titles(page), ['Call mum', 'Call the bank'])
  await page.locator('#polite').getByText('2 tasks found.').waitFor({ state: 'attached' })

  // From the field, the keys lead to what was found.
  await page.keyboard.press('Enter')
  await page.locator('.row:focus', { hasText: 'Call mum' }).waitFor()
  await page.keyboard.press('j')
  await page.locator('.row:focus', { hasText: 'Call the bank' }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.press('ArrowDown')
  await page.locator('.row:focus', { hasText: 'Call mum' }).waitFor()

  await page.getByLabel('Search').fill('nobody')
  await page.getByText('No task matches the search.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Search all tasks' }).count(), 0)
  await page.keyboard.press('Enter')
  await page.locator('#search:focus').waitFor()
  noComplaints()
})

test('a pasted list adds a task for each line, with one undo, also on top of the others', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'First')
  const list = 'Milk\r\n- Bread #shop\n\n* Eggs tomorrow\n  • [ ] Butter !high\n1. Flour\n'
  await paste(page, list)
  await page.locator('.toast').getByText('Added 5 tasks').waitFor()
  assert.deepEqual(await titles(page), ['First', 'Milk', 'Bread', 'Butter', 'Flour'])
  await row(page, 'Bread').getByText('#shop').waitFor()
  await row(page, 'Butter').getByText('High').waitFor()
  await open(page, 'Upcoming')
  await row(page, 'Eggs').waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Eggs').waitFor({ state: 'detached' })
  await open(page, 'Today')
  assert.deepEqual(await titles(page), ['First'])

  await open(page, 'Settings')
  await page.getByLabel('New tasks').selectOption('On top')
  await open(page, 'Today')
  await paste(page, 'One\nTwo\nThree')
  await row(page, 'Three').waitFor()
  assert.deepEqual(await titles(page), ['One', 'Two', 'Three', 'First'])
  noComplaints()
})

test('a pasted list with a fault adds nothing and names the line, and a single line stays in the field', async () => {
  const page = await newDevice()
  await signUp(page)
  await paste(page, `Milk\n- Long ${'x'.repeat(256)}\nFlour`)
  const fault = page.locator('#understood .fault')
  await fault.getByText(/^Nothing is added. “Long x+…”: A title has at most 255/).waitFor()
  await page.locator('#assertive').getByText('Nothing is added.').waitFor({ state: 'attached' })
  assert.deepEqual(await titles(page), [])
  await page.getByLabel('New task').fill('Milk')
  await fault.waitFor({ state: 'detached' })
  await page.keyboard.press('Enter')
  await row(page, 'Milk').waitFor()
  assert.equal(await fault.count(), 0)
  // The app leaves a single line to the browser, which puts it into the field.
  assert.equal(await paste(page, '- Bread\n'), true)
  assert.equal(await paste(page, 'Bread\nEggs'), false)
  noComplaints()
})
