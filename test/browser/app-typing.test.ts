import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  add,
  answerBatches,
  asOtherDevice,
  hideAndShow,
  inspect,
  newDevice,
  noComplaints,
  open,
  press,
  row,
  signUp,
  titleRefused,
  titles,
  untilGone,
  untilKept,
  untilSent,
  withTasks,
} from './devices.ts'

const pull = (page: Page) => page.evaluate(() => dispatchEvent(new Event('online')))

const onServer = (page: Page) => asOtherDevice(page, '/tasks?sort=order', 'GET')

const editTitle = async (page: Page, title: string) => {
  await row(page, title).getByRole('button', { name: title, exact: true }).click()
  await page.locator('input.title:focus').waitFor()
}

const openRow = (page: Page, title: string) =>
  row(page, title).getByRole('button', { name: /^Open/ }).click()

test('a hidden page saves the title that is being edited, unless it is too long, and Escape takes it back', async () => {
  const page = await withTasks(['One'])
  await editTitle(page, 'One')
  await page.getByLabel('Title').fill('One and a ha')
  await hideAndShow(page)
  await page.getByText('Changed “One and a ha”').last().waitFor()
  await press(page, 'Escape')
  await row(page, 'One').waitFor()
  assert.deepEqual(await titles(page), ['One'])
  await editTitle(page, 'One')
  await page.getByLabel('Title').fill('x'.repeat(256))
  await hideAndShow(page)
  assert.equal(await page.getByText('Changed “xx').count(), 0)
  await page.getByLabel('Title').fill('Two')
  await press(page, 'Enter')
  await row(page, 'Two').waitFor()
  await untilSent(page)
  assert.equal(await page.locator('.decision').count(), 0)
  noComplaints()
})

test('a title stays open while another window has the focus, and an empty one deletes nothing', async () => {
  const page = await withTasks(['One', 'Two'])
  const other = await page.context().newPage()
  for (const tab of [page, other]) {
    // Playwright gives every page the focus. Without that, only the one in front has it.
    const devtools = await page.context().newCDPSession(tab)
    await devtools.send('Emulation.setFocusEmulationEnabled', { enabled: false })
  }
  await page.bringToFront()
  await editTitle(page, 'One')
  await press(page, 'Control+a', 'Delete')
  await other.bringToFront()
  await page.waitForFunction(() => !document.hasFocus())
  await page.bringToFront()
  await page.locator('input.title:focus').waitFor()
  await hideAndShow(page)
  assert.equal(await page.getByText('Changed').count(), 0)
  await page.keyboard.type('Call Max 3x')
  await press(page, 'Enter')
  await row(page, 'Call Max 3x').waitFor()
  assert.deepEqual(await titles(page), ['Call Max 3x', 'Two'])
  assert.equal(await page.getByRole('checkbox', { checked: true }).count(), 0)
  noComplaints()
})

test('when another device removes the row of a title that is being edited, the title is saved and no other task changes', async () => {
  const page = await withTasks(['One', 'Two', 'Three'])
  await untilSent(page)
  const [one, two] = await onServer(page)
  await editTitle(page, 'One')
  await page.getByLabel('Title').fill('One and a half')
  await asOtherDevice(page, `/tasks/${one.id}/complete`, 'PATCH', { completed: true })
  await pull(page)
  await page.locator('input.title').waitFor({ state: 'detached' })
  await page.keyboard.type('xm')
  await press(page, 'Backspace')

  await editTitle(page, 'Two')
  await page.getByLabel('Title').fill('Two and a half')
  await asOtherDevice(page, `/tasks/${two.id}`, 'DELETE')
  await pull(page)
  await page.getByText('“Two and a half” was deleted on another device.').last().waitFor()
  await page.keyboard.type('xm')
  await press(page, 'Backspace')
  await page.getByRole('button', { name: 'Restore with your changes' }).click()
  await page.locator('h1:focus').waitFor()
  await row(page, 'Two and a half').waitFor()
  await untilSent(page)
  const tasks: { title: string; completed: boolean }[] = await onServer(page)
  assert.deepEqual(
    tasks.map(({ title, completed }) => [title, completed]),
    [
      ['One and a half', true],
      ['Two and a half', false],
      ['Three', false],
    ]
  )
  assert.deepEqual(await titles(page), ['Two and a half', 'Three'])
  noComplaints()
})

test('the edits of a refused change stay when the page was hidden, and undo brings a discarded change back', async () => {
  const page = await newDevice()
  await signUp(page)
  const accept = await answerBatches(page, titleRefused)
  for (const title of ['Pay rent', 'Another']) {
    await add(page, title)
    await page.getByText(`“${title}” could not be saved`).last().waitFor()
  }
  await accept()
  const decision = (title: string) => page.locator('.decision').filter({ hasText: title })
  await decision('Pay rent').getByText('Discard').click()
  // The focus is on the next question, not on an answer, which a held key would press.
  await decision('Another').and(page.locator(':focus')).waitFor()
  await decision('Pay rent').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Undo' }).click()
  await decision('Pay rent').getByRole('button', { name: 'Edit' }).click()
  await page.getByLabel('Title').fill('Rent')
  await page.getByLabel('Notes').fill('A long note')
  await hideAndShow(page)
  await page.getByRole('button', { name: 'Save' }).click()
  await row(page, 'Rent').getByText('Has notes').waitFor()
  await decision('Another').getByText('Discard').click()
  await untilSent(page)
  assert.deepEqual(
    (await onServer(page)).map(({ title, description }: Record<string, string>) => [
      title,
      description,
    ]),
    [['Rent', 'A long note']]
  )
  noComplaints()
})

test('the edits of a task that another device deletes are offered to be restored', async () => {
  const page = await withTasks(['One', 'Two'])
  await untilSent(page)
  const [one] = await onServer(page)
  await openRow(page, 'One')
  await page.getByLabel('Notes').fill('An hour of thoughts')
  await asOtherDevice(page, `/tasks/${one.id}`, 'DELETE')
  await pull(page)
  await untilGone(page, 'One')
  await hideAndShow(page)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: 'Restore with your changes' }).click()
  await row(page, 'One').getByText('Has notes').waitFor()
  await untilSent(page)
  assert.equal((await onServer(page))[0].description, 'An hour of thoughts')
  noComplaints()
})

test('the Back button saves and closes an open dialog', async () => {
  const page = await withTasks(['One', 'Two'])
  await open(page, 'All tasks')
  await openRow(page, 'One')
  await page.getByLabel('Notes').fill('Two litres')
  await page.goBack()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('heading', { level: 1, name: 'Today' }).waitFor()
  await row(page, 'One').getByText('Has notes').waitFor()
  await open(page, 'All tasks')
  await press(page, 'j', 'Control+a', '#')
  await page.getByLabel('Tags to add').fill('urgent')
  await page.goBack()
  for (const title of ['One', 'Two']) await row(page, title).getByText('#urgent').waitFor()
  noComplaints()
})

test('a dialog with a fault can only be closed without its changes, and a time without a date means today', async () => {
  const page = await withTasks(['One'])
  await open(page, 'All tasks')
  await openRow(page, 'One')
  await page.getByLabel('Title').fill('')
  await press(page, 'Escape')
  await page.getByText('Say what is to be done.').last().waitFor()
  // Chromium closes a dialog on the second Esc, even if the page cancels it.
  await press(page, 'Escape', 'Escape')
  await page.getByLabel('Title').fill('x'.repeat(256))
  await press(page, 'Escape')
  await page.getByText('A title has at most 255 characters.').last().waitFor()
  await inspect(page, 'editor-fault')
  await page.getByRole('button', { name: 'Discard changes' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  assert.deepEqual(await titles(page), ['One'])

  await openRow(page, 'One')
  await page.getByLabel('Due').fill('')
  await press(page, 'Escape')
  await row(page, 'One').getByText('Today').waitFor({ state: 'detached' })
  await openRow(page, 'One')
  await page.getByLabel('Time').fill('16:00')
  await press(page, 'Escape')
  await row(page, 'One').getByText('Today 16:00').waitFor()
  // The date takes its time with it.
  await openRow(page, 'One')
  await page.getByLabel('Due').fill('')
  await press(page, 'Escape')
  await row(page, 'One').getByText('16:00').waitFor({ state: 'detached' })
  noComplaints()
})

test('the browser asks before a reload that would lose typed text, and before no other', async () => {
  const page = await withTasks(['One'])
  await untilSent(page)
  const asked: string[] = []
  page.on('dialog', (dialog) => {
    asked.push(dialog.type())
    void dialog.accept()
  })
  await page.reload()
  await row(page, 'One').waitFor()
  assert.deepEqual(asked, [])
  await page.getByLabel('New task').pressSequentially('half a thou')
  await page.reload()
  assert.deepEqual(asked, ['beforeunload'])
  await openRow(page, 'One')
  await page.getByLabel('Notes').pressSequentially('half a note')
  await page.reload()
  assert.deepEqual(asked, ['beforeunload', 'beforeunload'])
  noComplaints()
})

test('a tab with a half-typed line still closes its tasks when the person signs out in another tab', async () => {
  const page = await withTasks(['Secret of Ada'])
  const asked: string[] = []
  page.on('dialog', (dialog) => {
    asked.push(dialog.type())
    void dialog.dismiss()
  })
  await untilSent(page)
  const other = await page.context().newPage()
  await other.goto('/app/')
  await row(other, 'Secret of Ada').waitFor()
  await page.getByLabel('New task').pressSequentially('half a thou')
  await other.getByRole('button', { name: 'Sign out' }).click()
  await other.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor()
  assert.deepEqual([await titles(page), asked], [[], []])
  noComplaints()
})

test('the keys for a new task and for searching lead to their fields from every view', async () => {
  const page = await withTasks(['One', 'Two'])
  await press(page, 'j', 'x')
  await untilGone(page, 'One')
  await open(page, 'Done')
  // The x comes before the field is there, and must not act on the row.
  await press(page, 'j', 'n', 'x')
  await page.locator('#quick-add:focus').waitFor()
  await page.getByLabel('New task').fill('')
  await page.keyboard.type('milk 3 eggs')
  await press(page, 'Enter', 'Escape')
  await row(page, 'milk 3 eggs').waitFor()
  await open(page, 'Settings')
  await press(page, '/')
  await page.locator('#search:focus').waitFor()
  await page.keyboard.type('zz')
  await page.getByText('No task').first().waitFor()
  await press(page, 'Escape')
  await row(page, 'milk 3 eggs').waitFor()
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'All tasks')
  assert.deepEqual(await titles(page), ['Two', 'milk 3 eggs'])
  noComplaints()
})

test('a held key moves through the list, but deletes only one task', async () => {
  const page = await withTasks(['One', 'Two', 'Three', 'Four'])
  await press(page, 'j')
  for (let times = 0; times < 3; times++) await page.keyboard.down('Delete')
  await page.keyboard.up('Delete')
  await untilGone(page, 'One')
  await page.locator('.row:focus', { hasText: 'Two' }).waitFor()
  for (let times = 0; times < 2; times++) await page.keyboard.down('j')
  await page.keyboard.up('j')
  await page.locator('.row:focus', { hasText: 'Four' }).waitFor()
  assert.deepEqual(await titles(page), ['Two', 'Three', 'Four'])
  await untilKept(page, 0)
  noComplaints()
})
