import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { add, inspect, newDevice, noComplaints, open, row, signUp } from './devices.ts'

const longTitle = `Write the quarterly report ${'about what we learned '.repeat(9)}`.trim()

const boxOf = async (element: Locator) => (await element.boundingBox()) ?? assert.fail('no box')

/** Fails unless the whole element is in the window, where nothing covers its middle. */
const assertInSight = async (page: Page, element: Locator, what: string) => {
  const { x, y, width, height } = await boxOf(element)
  const window = page.viewportSize() ?? assert.fail()
  const isInside = x >= 0 && y >= 0 && x + width <= window.width && y + height <= window.height
  assert.ok(isInside, `${what} is in the window: ${JSON.stringify({ x, y, width, height })}`)
  const isOnTop = await element.evaluate((button) => {
    const { x, y, width, height } = button.getBoundingClientRect()
    return button.contains(document.elementFromPoint(x + width / 2, y + height / 2))
  })
  assert.ok(isOnTop, `nothing covers ${what}`)
}

test('Undo stays in sight beside a long title, and the toast is not wider than the column', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, longTitle)
  await row(page, longTitle).waitFor()
  for (const width of [320, 390, 800, 960, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    await assertInSight(page, page.getByRole('button', { name: 'Undo' }), `Undo at ${width} px`)
    const toast = await boxOf(page.locator('.toast'))
    const main = await boxOf(page.locator('main'))
    assert.ok(toast.width <= main.width, `the toast at ${width} px is ${toast.width} px wide`)
  }
  noComplaints()
})

test('the preview of a long line has one line for the title, and moves the list by 20 px at most', async () => {
  const page = await newDevice()
  await signUp(page)
  // The line about the address arrives at any time, and moves the list.
  await page.getByText('with the link in our mail').waitFor()
  await add(page, 'Buy milk')
  const { y: before } = await boxOf(row(page, 'Buy milk'))
  await page.getByLabel('New task').fill(longTitle)
  await page.locator('#understood b').waitFor()
  const { y: after } = await boxOf(row(page, 'Buy milk'))
  assert.ok(after - before <= 20, `the list moves by ${after - before} px`)
  noComplaints()
})

test('Trash and Settings are in sight with 20 tags, and the last tag is reached by scrolling', async () => {
  const page = await newDevice({ viewport: { width: 1280, height: 700 } })
  await signUp(page)
  await add(page, `Sort all ${Array.from({ length: 20 }, (_, n) => `#tag${n + 10}`).join(' ')}`)
  const [trash, settings, last] = ['Trash', 'Settings', 'tag29'].map((name) =>
    page.getByRole('navigation').getByRole('link', { name })
  ) as [Locator, Locator, Locator]
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 700 })
    if (width < 960) await page.getByRole('button', { name: 'More' }).click()
    await assertInSight(page, trash, `Trash at ${width} px`)
    await last.scrollIntoViewIfNeeded()
    for (const [name, link] of Object.entries({ trash, settings, last }))
      await assertInSight(page, link, `${name} at ${width} px after scrolling`)
    await inspect(page, `many-tags-${width}`)
    await page.keyboard.press('Escape')
  }
  noComplaints()
})

test('the title of All tasks has one line on a phone, with the sort menu beside the search', async () => {
  const page = await newDevice()
  await signUp(page)
  await open(page, 'All tasks')
  for (const width of [320, 390, 800, 1280]) {
    await page.setViewportSize({ width, height: 740 })
    const title = await boxOf(page.getByRole('heading', { level: 1 }))
    assert.ok(title.height < 40, `the title at ${width} px is ${title.height} px high`)
    const sort = await boxOf(page.getByLabel('Sort'))
    const search = await boxOf(page.locator('.search'))
    assert.ok(Math.abs(sort.y - search.y) < 5, `the sort menu at ${width} px is at ${sort.y} px`)
  }
  noComplaints()
})

test('the selection bar has its buttons in one row, with Clear, from 640 px on', async () => {
  const page = await newDevice()
  await signUp(page)
  for (let n = 0; n < 10; n++) await add(page, `Task ${n}`)
  await row(page, 'Task 9').focus()
  await page.keyboard.press('Control+a')
  await page.getByText('10 selected').first().waitFor()
  for (const width of [320, 600, 640, 700, 800, 960]) {
    await page.setViewportSize({ width, height: 700 })
    const clear = page.getByRole('button', { name: 'Clear the selection' })
    await assertInSight(page, clear, `Clear at ${width} px`)
    // The number is in the first row.
    const [end, number] = [await boxOf(clear), await boxOf(page.locator('.selection p'))]
    const middles = [end, number].map(({ y, height }) => y + height / 2)
    assert.ok(Math.abs((middles[0] ?? 0) - (middles[1] ?? 99)) < 2, `Clear at ${width} px`)
    assert.ok(number.height < 30, `the number at ${width} px is ${number.height} px high`)
    const { height } = await boxOf(page.locator('.selection'))
    if (width >= 640) assert.ok(height < 60, `the bar at ${width} px is ${height} px high`)
  }
  noComplaints()
})

test('the keys of the help stay in their column', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.getByRole('button', { name: 'Keyboard' }).click()
  for (const width of [320, 390, 640, 1280]) {
    await page.setViewportSize({ width, height: 740 })
    const ends = await page.locator('.keys div').evaluateAll((lines) =>
      lines.map((line) => {
        const keys = line.querySelector('kbd:last-child') ?? line
        return line.getBoundingClientRect().right - keys.getBoundingClientRect().right
      })
    )
    assert.deepEqual(
      ends.filter((end) => Math.abs(end) > 0.5),
      [],
      `at ${width} px`
    )
  }
  noComplaints()
})

test('the buttons of a task stay in sight below long notes', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'Write the report')
  await row(page, 'Write the report').getByRole('button', { name: /^Open/ }).click()
  await page.getByLabel('Notes').fill('See https://example.com/a\n'.repeat(40))
  for (const [width, height] of [
    [320, 560],
    [640, 400],
    [1280, 600],
  ] as const) {
    await page.setViewportSize({ width, height })
    for (const name of ['Title', 'Tags']) {
      await page.getByRole('dialog').getByLabel(name).focus()
      await assertInSight(page, page.getByRole('dialog').getByLabel(name), `${name} at ${width} px`)
      for (const button of ['Delete', 'Save'])
        await assertInSight(
          page,
          page.getByRole('button', { name: button }),
          `${button} at ${width} px`
        )
    }
  }
  noComplaints()
})

test('the sign-in form says what the app is, and begins at one height in both modes and with faults', async () => {
  const page = await newDevice()
  await page.goto('/app/')
  await page.getByText('edge-todo: a to-do list').waitFor()
  const email = page.getByLabel('E-mail')
  const { y } = await boxOf(email)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('.field .fault').first().waitFor()
  assert.equal((await boxOf(email)).y, y)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('At least 8 characters.').waitFor()
  assert.equal((await boxOf(email)).y, y)
  noComplaints()
})

test('the Clear completed button keeps a gap to the heading below it', async () => {
  const page = await newDevice()
  await signUp(page)
  await add(page, 'Buy milk')
  await row(page, 'Buy milk').getByRole('checkbox').click()
  await open(page, 'Done')
  const button = await boxOf(page.getByRole('button', { name: 'Clear completed' }))
  const list = await boxOf(page.locator('.list'))
  assert.ok(list.y - button.y - button.height >= 8)
  noComplaints()
})
