import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  asOtherDevice,
  inspect,
  newDevice,
  noComplaints,
  open,
  phone,
  press,
  row,
  signUp,
  titles,
  untilGone,
  untilSent,
  withCopies,
  withTasks,
} from './devices.ts'

/** Tasks that another device has created, so many that adding them by hand would take long. */
const createMany = async (page: Page, many: number) => {
  for (let first = 0; first < many; first += 100)
    await asOtherDevice(
      page,
      '/tasks/batch',
      'POST',
      Array.from({ length: Math.min(100, many - first) }, (_, n) => ({
        op: 'create',
        id: crypto.randomUUID(),
        task: { title: `Task ${first + n}`, order: first + n },
      }))
    )
  await page.reload()
  await open(page, 'All tasks')
  await row(page, 'Task 0').first().waitFor()
}

const selectedOn = (page: Page) => page.locator('.row.selected .title').allTextContents()

const says = (page: Page, words: string) => page.locator('#polite').getByText(words).waitFor()

const bar = (page: Page) => page.getByRole('region', { name: 'Selection' })

const act = (page: Page, name: string) => bar(page).getByRole('button', { name }).click()

test('by keyboard, tasks are selected and changed together, each time with one undo', async () => {
  const page = await withTasks(['One', 'Two', 'Three', 'Four', 'Five'])
  await press(page, 'j', 'j', 'Shift+ArrowDown')
  await says(page, '2 selected')
  assert.deepEqual(await selectedOn(page), ['Two', 'Three'])
  await press(page, 'Shift+ArrowDown', 'Shift+ArrowUp', 'Shift+ArrowUp', 'Shift+ArrowUp')
  assert.deepEqual(await selectedOn(page), ['One', 'Two'])
  await press(page, 'j', 'j', 'j', 's')
  await says(page, '3 selected')
  assert.deepEqual(await selectedOn(page), ['One', 'Two', 'Four'])
  await inspect(page, 'selected')
  await page.emulateMedia({ forcedColors: 'active' })
  await inspect(page, 'selected-forced-colors')
  await page.emulateMedia({ forcedColors: 'none' })

  await press(page, '1')
  await says(page, 'Changed 3 tasks')
  for (const title of ['One', 'Two', 'Four']) await row(page, title).getByText('High').waitFor()
  await press(page, 'z')
  await row(page, 'One').getByText('High').waitFor({ state: 'detached' })
  await press(page, '#')
  await page.getByRole('dialog', { name: '3 selected' }).waitFor()
  await page.keyboard.type('desk, #new')
  await inspect(page, 'selected-tags')
  await press(page, 'Enter')
  await row(page, 'Four').getByText('#new').waitFor()
  assert.equal(await page.locator('.row').getByText('#desk').count(), 3)
  await press(page, 'd')
  await page.getByLabel('Due').fill('2030-01-05')
  await press(page, 'Escape')
  await untilGone(page, 'Four')
  assert.deepEqual(await titles(page), ['Three', 'Five'])
  await bar(page).waitFor({ state: 'detached' })
  await press(page, 'z')
  await row(page, 'Four').waitFor()

  await press(page, 'Control+a')
  await says(page, '5 selected')
  await press(page, 'x')
  await says(page, 'Completed 5 tasks')
  await page.getByText('Nothing is due today.').waitFor()
  await press(page, 'z')
  await row(page, 'Five').waitFor()
  assert.equal(await page.getByRole('checkbox', { checked: true }).count(), 0)
  await press(page, 'Control+a', 'Delete')
  await page.getByText('Nothing is due today.').waitFor()
  await press(page, 'z')
  await row(page, 'Five').waitFor()
  await press(page, 'j', 'Shift+ArrowDown', 'Escape')
  await says(page, 'Nothing is selected.')
  assert.deepEqual(await selectedOn(page), [])
  await press(page, 'Control+a', 'm')
  await page.getByText('Nothing is due today.').waitFor()
  noComplaints()
})

test('by mouse, clicks with a key select, the bar changes all, and a plain click still edits', async () => {
  const page = await withTasks(['One', 'Two', 'Three', 'Four #home', 'Five'])
  await row(page, 'Two').getByRole('button', { name: 'Two', exact: true }).click()
  await press(page, 'Escape')
  await row(page, 'Four').click({ modifiers: ['Shift'] })
  assert.deepEqual(await selectedOn(page), ['Two', 'Three', 'Four'])
  assert.equal(
    await page.evaluate(() => document.activeElement?.id),
    await row(page, 'Four').getAttribute('id')
  )
  await row(page, 'Three').click({ modifiers: ['ControlOrMeta'] })
  await row(page, 'Five').click({ modifiers: ['ControlOrMeta'] })
  await says(page, '3 selected')
  assert.deepEqual(await selectedOn(page), ['Two', 'Four', 'Five'])
  await row(page, 'One').getByRole('checkbox', { name: 'Select: One' }).click()
  await row(page, 'Five').getByRole('checkbox', { name: 'Select: Five', checked: true }).click()
  assert.deepEqual(await selectedOn(page), ['One', 'Two', 'Four'])
  await row(page, 'Three').getByRole('button', { name: 'Three', exact: true }).click()
  await page.getByLabel('Title').press('Escape')
  assert.equal((await selectedOn(page)).length, 3)
  const box = row(page, 'Three').getByRole('checkbox')
  await box.click({ modifiers: ['ControlOrMeta'] })
  await row(page, 'Three').getByRole('checkbox', { checked: true }).waitFor()
  await box.click({ modifiers: ['ControlOrMeta'] })
  await row(page, 'Three').getByRole('checkbox', { checked: false }).waitFor()

  // One menu takes the place of another, although both are of the same tasks.
  await act(page, 'Date')
  await page.getByRole('menuitem', { name: 'No date' }).waitFor()
  await act(page, 'Priority')
  await inspect(page, 'selected-menu')
  await page.getByRole('menuitem', { name: 'Low priority' }).click()
  await row(page, 'Four').getByText('Low').waitFor()
  await act(page, 'Tags')
  await page.getByLabel('Tags to add').fill('Home')
  await page.getByRole('button', { name: 'Cancel' }).click()
  assert.equal(await page.locator('.row').getByText('#Home').count(), 1)
  await act(page, 'Tags')
  await page.getByLabel('Tags to add').fill('home')
  await page.getByRole('button', { name: 'Save' }).click()
  await row(page, 'Two').getByText('#home').waitFor()
  assert.equal(await row(page, 'Four').getByText('#home').count(), 1)
  await act(page, 'Date')
  await page.getByRole('menuitem', { name: 'Next week' }).click()
  await untilGone(page, 'Four')
  assert.deepEqual(await titles(page), ['Three', 'Five'])

  await open(page, 'All tasks')
  await row(page, 'Two').click({ modifiers: ['ControlOrMeta'] })
  await row(page, 'Four').click({ modifiers: ['ControlOrMeta'] })
  await act(page, 'Date')
  await page.getByRole('menuitem', { name: 'No date' }).click()
  await row(page, 'Two').locator('time').waitFor({ state: 'detached' })
  await act(page, 'Done')
  await untilGone(page, 'Four')
  await page.getByRole('button', { name: 'Done 2' }).click()
  await row(page, 'Two').click({ modifiers: ['ControlOrMeta'] })
  await row(page, 'Four').click({ modifiers: ['ControlOrMeta'] })
  await act(page, 'Reopen')
  await page.getByRole('button', { name: 'Done 2' }).waitFor({ state: 'detached' })
  assert.equal((await selectedOn(page)).length, 2)
  await act(page, 'Delete')
  await untilGone(page, 'Four')
  await says(page, 'Deleted 2 tasks')
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Four').waitFor()
  await row(page, 'Four').click({ modifiers: ['ControlOrMeta'] })
  await act(page, 'Clear the selection')
  await bar(page).waitFor({ state: 'detached' })
  await page.locator('.row:focus').waitFor()
  noComplaints()
})

test('by touch, the menu selects the first task, taps the next ones, and the bar fits 320 px', async () => {
  const page = await withTasks(
    ['Buy milk #shop', 'Call the bank about the mortgage and the long letter', 'Water the plants'],
    phone
  )
  await row(page, 'Buy milk').getByRole('button', { name: /^Menu/ }).tap()
  await page.getByRole('menuitem', { name: 'Select' }).tap()
  await page.getByText('1 selected').first().waitFor()
  await row(page, 'Call the bank').getByRole('button', { name: /^Call/ }).tap()
  await row(page, 'Water').locator('.check').tap()
  await bar(page).getByText('3 selected').waitFor()
  await row(page, 'Water')
    .getByRole('button', { name: /^Water/ })
    .tap()
  assert.equal((await selectedOn(page)).length, 2)
  for (const width of [320, 390]) {
    await page.setViewportSize({ width, height: 740 })
    await inspect(page, `selected-${width}`)
    const { small, overflow } = await page.evaluate(() => ({
      small: [...document.querySelectorAll('.selection button')].filter(
        (button) => button.getBoundingClientRect().height < 44
      ).length,
      overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    }))
    assert.deepEqual([small, overflow], [0, 0], `at ${width} px`)
  }
  await bar(page).getByRole('button', { name: 'Priority' }).tap()
  await page.getByRole('menuitem', { name: 'High priority' }).tap()
  await page.locator('.toast').waitFor()
  await inspect(page, 'selected-changed-390')
  await bar(page).getByRole('button', { name: 'Date' }).tap()
  await inspect(page, 'selected-menu-390')
  await page.getByRole('menuitem', { name: 'Tomorrow' }).tap()
  await untilGone(page, 'Buy milk')
  await inspect(page, 'selected-done-390')
  await page.getByRole('button', { name: 'Undo' }).tap()
  await row(page, 'Buy milk').waitFor()
  assert.equal((await titles(page)).length, 3)
  noComplaints()
})

test('a selection survives what other devices change, and loses what they delete, also when it comes back', async () => {
  const page = await withTasks(['One', 'Two', 'Three'])
  await untilSent(page)
  await press(page, 'Control+a')
  await bar(page).getByText('3 selected').waitFor()
  const [one, two] = await asOtherDevice(page, '/tasks?sort=order', 'GET')
  await asOtherDevice(page, `/tasks/${one.id}`, 'PATCH', { title: 'One, renamed' })
  await asOtherDevice(page, `/tasks/${two.id}`, 'DELETE')
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await row(page, 'One, renamed').waitFor()
  await untilGone(page, 'Two')
  assert.deepEqual(await selectedOn(page), ['One, renamed', 'Three'])
  await bar(page).getByText('2 selected').waitFor()
  await asOtherDevice(page, `/tasks/${two.id}/restore`, 'POST')
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await row(page, 'Two').waitFor()
  assert.deepEqual(await selectedOn(page), ['One, renamed', 'Three'])
  await open(page, 'All tasks')
  assert.deepEqual(await selectedOn(page), [])
  noComplaints()
})

test('all tasks of a section are completed, reopened, cleared and rescheduled, each with one undo', async () => {
  const page = await withTasks(['Late 2026-01-05', 'Later 2026-01-06', 'Now'])
  await page.getByRole('button', { name: 'Move all to today' }).click()
  await says(page, 'Moved to Today: 2 tasks')
  await page.getByRole('heading', { name: 'Overdue' }).waitFor({ state: 'detached' })
  await press(page, 'z')
  await page.getByRole('heading', { name: 'Overdue' }).waitFor()
  // The same key again acts on the next overdue task, not on the one that was just moved.
  await press(page, 'k', 'k', 'k', 't', 't')
  await says(page, 'Moved to Today: “Later”')
  await page.getByRole('heading', { name: 'Overdue' }).waitFor({ state: 'detached' })
  await press(page, 'z', 'z')
  await page.getByRole('heading', { name: 'Overdue' }).waitFor()

  await open(page, 'All tasks')
  await page.getByRole('button', { name: 'Complete all' }).click()
  await says(page, 'Completed 3 tasks')
  await untilGone(page, 'Later')
  await page.getByRole('button', { name: 'Done 3' }).click()
  await inspect(page, 'all-completed')
  await page.getByRole('button', { name: 'Reopen all' }).click()
  await says(page, 'Reopened 3 tasks')
  await page.getByRole('button', { name: 'Complete all' }).waitFor()
  await press(page, 'z')
  await page.getByRole('button', { name: 'Done 3' }).waitFor()
  await open(page, 'Done')
  await inspect(page, 'done-clear')
  await page.setViewportSize({ width: 320, height: 740 })
  await inspect(page, 'done-clear-320')
  await page.getByRole('button', { name: 'Clear completed' }).click()
  await page.locator('h1:focus').waitFor()
  await says(page, 'Deleted 3 tasks')
  await page.getByText('What you complete is kept here.').waitFor()
  await untilSent(page)
  assert.equal((await asOtherDevice(page, '/tasks?deleted=true', 'GET')).length, 3)
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Later').waitFor()
  await untilSent(page)
  assert.equal((await asOtherDevice(page, '/tasks?completed=true', 'GET')).length, 3)
  noComplaints()
})

test('200 tasks are completed and undone together, and the server has them as before', async () => {
  const page = await newDevice()
  await signUp(page)
  await createMany(page, 200)
  const onServer = async () => {
    await untilSent(page)
    const pages = await Promise.all(
      ['false', 'true'].map((completed) =>
        page.evaluate(async (completed) => {
          const { access_token } = await (await fetch('/auth/refresh', { method: 'POST' })).json()
          const tasks: { updated_at: string; title: string }[] = []
          const headers = { Authorization: `Bearer ${access_token}` }
          let path = `/tasks?sort=order&limit=100&completed=${completed}`
          while (path) {
            const reply = await fetch(path, { headers })
            tasks.push(...(await reply.json()))
            path = /<(.*?)>/.exec(reply.headers.get('Link') ?? '')?.[1] ?? ''
          }
          return tasks.map(({ updated_at: _, ...task }) => task)
        }, completed)
      )
    )
    return pages
  }
  const before = await onServer()
  assert.deepEqual([before[0]?.length, before[1]?.length], [200, 0])
  await press(page, 'j', 'Control+a', 'x')
  await says(page, 'Completed 200 tasks')
  await page.locator('.row').first().waitFor({ state: 'detached' })
  assert.deepEqual(
    (await onServer()).map(({ length }) => length),
    [0, 200]
  )
  await press(page, 'z')
  await row(page, 'Task 0').first().waitFor()
  assert.deepEqual(await onServer(), before)
  noComplaints()
})

/** The middle of a part of a row: its upper or lower half, or its grip. */
const placeOn = async (page: Page, title: string, part: 'upper' | 'lower' | 'grip') => {
  const on = part === 'grip' ? row(page, title).locator('.grip') : row(page, title)
  const { x, y, width, height } = (await on.first().boundingBox()) ?? assert.fail(title)
  const down = { upper: 0.25, lower: 0.75, grip: 0.5 }[part]
  return { x: x + width / 2, y: y + height * down }
}

/** Takes a task by its grip with the mouse, and holds it over a part of another row. */
const hold = async (page: Page, title: string, over: string, part: 'upper' | 'lower') => {
  const from = await placeOn(page, title, 'grip')
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  const to = await placeOn(page, over, part)
  await page.mouse.move(to.x, to.y, { steps: 4 })
  await page.locator(part === 'upper' ? '.before' : '.after', { hasText: over }).waitFor()
}

test('by mouse, the grip moves a task to the mark, or all selected ones, and Esc leaves all as it was', async () => {
  const page = await withTasks(['One', 'Two', 'Three', 'Four', 'Five'])
  await hold(page, 'Five', 'Two', 'upper')
  await inspect(page, 'dragging')
  await press(page, 'Escape')
  await page.locator('.dragged').waitFor({ state: 'detached' })
  await page.mouse.up()
  assert.deepEqual(await titles(page), ['One', 'Two', 'Three', 'Four', 'Five'])

  await hold(page, 'Five', 'Two', 'upper')
  // Another finger that the browser takes for scrolling does not end the drag.
  await page.evaluate(() => dispatchEvent(new PointerEvent('pointercancel', { pointerId: 99 })))
  await page.mouse.up()
  await says(page, 'Moved “Five” to 2 of 5')
  assert.deepEqual(await titles(page), ['One', 'Five', 'Two', 'Three', 'Four'])
  await page.getByRole('button', { name: 'Undo' }).click()
  assert.deepEqual(await titles(page), ['One', 'Two', 'Three', 'Four', 'Five'])

  await row(page, 'Two').click({ modifiers: ['ControlOrMeta'] })
  await row(page, 'Four').click({ modifiers: ['ControlOrMeta'] })
  await hold(page, 'Four', 'Five', 'lower')
  assert.equal(await page.locator('.dragged').count(), 2)
  await page.mouse.up()
  await says(page, 'Moved 2 tasks to 4 of 5')
  assert.deepEqual(await titles(page), ['One', 'Three', 'Five', 'Two', 'Four'])
  await press(page, 'Alt+ArrowUp')
  await says(page, 'Moved 2 tasks to 3 of 5')
  assert.deepEqual(await titles(page), ['One', 'Three', 'Two', 'Four', 'Five'])
  // Beyond the list, a task goes to its end.
  await press(page, 'Escape')
  const grip = await placeOn(page, 'One', 'grip')
  await page.mouse.move(grip.x, grip.y)
  await page.mouse.down()
  await page.mouse.move(grip.x, 800, { steps: 4 })
  await page.locator('.after', { hasText: 'Five' }).waitFor()
  await page.mouse.up()
  const order = ['Three', 'Two', 'Four', 'Five', 'One']
  assert.deepEqual(await titles(page), order)
  await untilSent(page)
  const onServer = await asOtherDevice(page, '/tasks?sort=order', 'GET')
  assert.deepEqual(
    onServer.map(({ title }: { title: string }) => title),
    order
  )
  noComplaints()
})

test('a press on a grip that moves nothing leaves the task and the page where they are', async () => {
  const page = await withTasks(Array.from({ length: 30 }, (_, n) => `Task ${n}`))
  const before = await titles(page)
  const { height = 0 } = page.viewportSize() ?? {}
  const grips = await page.locator('.grip').all()
  const places = await Promise.all(grips.map((grip) => grip.boundingBox()))
  // Where the page would scroll under a task that is dragged.
  const near = places.find((place) => place && place.y > height - 80 && place.y < height - 20)
  await page.mouse.move((near?.x ?? 0) + 4, (near?.y ?? 0) + 4)
  await page.mouse.down()
  await page.locator('.dragged').waitFor()
  await page.evaluate(async () => {
    for (let frame = 0; frame < 10; frame++) await new Promise(requestAnimationFrame)
  })
  await page.mouse.up()
  await page.locator('.dragged').waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => scrollY), 0)
  assert.deepEqual(await titles(page), before)
  noComplaints()
})

test('after a press beside the list, its keys do nothing', async () => {
  const page = await withTasks(['One', 'Two'])
  await press(page, 'j')
  await page.locator('.row:focus').waitFor()
  await page.mouse.click(1000, 650)
  await press(page, 'Backspace', 'x', 't')
  assert.deepEqual(await titles(page), ['One', 'Two'])
  assert.equal(await page.locator('.row.completed').count(), 0)
  await press(page, 'j')
  await page.locator('.row:focus').waitFor()
  noComplaints()
})

test('where the list is not sorted by hand there is no grip, and moving by key says why', async () => {
  const page = await withTasks(['Late 2026-01-05', 'One', 'Two'])
  assert.equal(await page.locator('.grip').count(), 2)
  await open(page, 'All tasks')
  assert.equal(await page.locator('.grip').count(), 3)
  await page.getByLabel('Sort').selectOption('By title')
  await row(page, 'Two').locator('.grip').waitFor({ state: 'detached' })
  await row(page, 'Two').click({ position: { x: 300, y: 4 } })
  await press(page, 'Alt+ArrowUp')
  await page.locator('.toast').getByText('Tasks can be moved in Today').waitFor()
  assert.deepEqual(await titles(page), ['Late', 'One', 'Two'])
  noComplaints()
})

test('a pull that arrives while a task is dragged changes the list, and the drop goes to the mark', async () => {
  const page = await withTasks(['One', 'Two', 'Three', 'Four', 'Five'])
  await untilSent(page)
  const [one, two] = await asOtherDevice(page, '/tasks?sort=order', 'GET')
  await hold(page, 'Five', 'Three', 'upper')
  await asOtherDevice(page, `/tasks/${one.id}`, 'DELETE')
  await asOtherDevice(page, `/tasks/${two.id}`, 'PATCH', { order: 1e6 })
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await untilGone(page, 'One')
  await page.waitForFunction(() => document.querySelector('.row:last-child')?.textContent === 'Two')
  // Two rows fewer stand above the pointer, which has not moved.
  await page.locator('.before', { hasText: 'Five' }).waitFor()
  assert.equal(await page.locator('.dragged').count(), 1)
  const to = await placeOn(page, 'Three', 'upper')
  await page.mouse.move(to.x, to.y)
  await page.locator('.before', { hasText: 'Three' }).waitFor()
  await page.mouse.up()
  await says(page, 'Moved “Five” to 1 of 4')
  assert.deepEqual(await titles(page), ['Five', 'Three', 'Four', 'Two'])
  noComplaints()
})

test('by finger, the grip moves a task, the page scrolls near its edge, and a swipe beside it moves nothing', async () => {
  const page = await newDevice({
    viewport: { width: 390, height: 740 },
    hasTouch: true,
    isMobile: true,
  })
  await signUp(page)
  await createMany(page, 100)
  const fingers = await page.context().newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', place?: { x: number; y: number }) =>
    fingers.send('Input.dispatchTouchEvent', { type, touchPoints: place ? [place] : [] })
  const from = await placeOn(page, 'Task 1', 'grip')
  await touch('touchStart', from)
  await touch('touchMove', { x: from.x, y: from.y + 60 })
  await page.locator('.before, .after').waitFor()
  await inspect(page, 'dragging-390')
  await touch('touchMove', { x: from.x, y: 700 })
  await page.waitForFunction(() => scrollY > 1500)
  await touch('touchMove', { x: from.x, y: 400 })
  const target = page.locator('.before .title, .after .title')
  await target.waitFor()
  await touch('touchEnd')
  await page
    .getByText(/^Moved “Task 1” to \d\d of 100/)
    .first()
    .waitFor()
  const after = await titles(page)
  assert.ok(after.indexOf('Task 1') > 20, `at ${after.indexOf('Task 1')}`)

  await page.evaluate(() => scrollTo(0, 0))
  const title = await placeOn(page, 'Task 2', 'upper')
  await touch('touchStart', title)
  for (const by of [20, 60, 120]) await touch('touchMove', { x: title.x, y: title.y - by })
  await touch('touchEnd')
  await page.waitForFunction(() => scrollY > 20)
  assert.deepEqual(await titles(page), after)
  noComplaints()
})

test('among 10,000 tasks, one is dragged and all are selected', async () => {
  const page = await withCopies('First', 10_000)
  await hold(page, 'First', 'Task 5 ', 'lower')
  await page.mouse.up()
  await says(page, 'Moved “First” to 6 of 10001')
  assert.deepEqual((await titles(page)).slice(0, 6).at(-1), 'First')
  assert.ok((await page.locator('.row').count()) <= 180)
  await untilSent(page)
  await press(page, 'Control+a')
  await says(page, '10001 selected')
  await press(page, 'Escape')
  await bar(page).waitFor({ state: 'detached' })
  noComplaints()
})
