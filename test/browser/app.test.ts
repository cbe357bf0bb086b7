import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  add,
  asOtherDevice,
  choose,
  inspect,
  newDevice,
  newEmail,
  noComplaints,
  open,
  origin,
  password,
  phone,
  rename,
  row,
  signUp,
  smallTargets,
  titles,
  untilGone,
  untilIn,
  untilSent,
  withCopies,
} from './devices.ts'

/** Waits until the row with this title has the focus. */
const untilOn = (page: Page, title: string) =>
  page.locator('.row:focus', { hasText: title }).waitFor()

/** Waits until the field of this name has the focus. */
const untilInField = (page: Page, name: string) => page.locator(`[name=${name}]:focus`).waitFor()

test('a visitor signs up, and a wrong password, a taken e-mail and a short password are explained', async () => {
  const page = await newDevice()
  await page.goto('/app/')
  await inspect(page, 'sign-in')
  const email = await signUp(page)
  const other = await newDevice()
  await other.goto('/app/')
  const submit = async (button: string, secret: string) => {
    await other.getByLabel('E-mail').fill(email)
    await other.getByLabel('Password', { exact: true }).fill(secret)
    await other.getByRole('button', { name: button }).click()
  }
  await submit('Sign in', 'wrong password')
  await other.getByText('That e-mail and password do not go together.').first().waitFor()
  await untilInField(other, 'password')
  await inspect(other, 'sign-in-fault')
  await other.getByRole('button', { name: 'Create account' }).click()
  await submit('Create account', password)
  await other.getByText('There is an account with this e-mail.').first().waitFor()
  await untilInField(other, 'email')
  await submit('Create account', 'short')
  await other
    .locator('.fault')
    .getByText('The password must be at least 8 characters long.')
    .waitFor()
  await untilInField(other, 'password')
  await other.getByRole('button', { name: 'Show password' }).click()
  assert.equal(await other.getByLabel('Password', { exact: true }).getAttribute('type'), 'text')
  await inspect(other, 'create-account')
  noComplaints()
})

test('every feature of the list works by mouse', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.getByText('Nothing is due today.').waitFor()
  await inspect(page, 'empty-today')
  for (const name of ['Upcoming', 'All tasks', 'Done']) {
    await open(page, name)
    await page.locator('.empty').waitFor()
    await inspect(page, `empty-${name.toLowerCase().replace(' ', '-')}`)
  }

  await open(page, 'Today')
  await page.getByLabel('New task').fill('Pay rent tomorrow 9:30 #home !high')
  await page.locator('#understood').getByText('Tomorrow 09:30').waitFor()
  await inspect(page, 'quick-add')
  await page.getByLabel('New task').fill('#home')
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.locator('#assertive').getByText('Say what is to be done.').waitFor()
  await page.getByLabel('New task').fill('Pay rent tomorrow 9:30 #home !high')
  await page.getByRole('button', { name: 'Add', exact: true }).click()
  await page.locator('.toast').getByText('Added for Tomorrow: “Pay rent”').waitFor()
  // The field still has the focus, so the next letters are text and no keys of the list.
  await page.keyboard.type('Buy milk')
  await page.keyboard.press('Enter')
  for (const line of ['Post the parcel', 'Read a book']) await add(page, line)
  await row(page, 'Buy milk').waitFor()
  assert.equal(await row(page, 'Pay rent').count(), 0)
  await page.getByRole('link', { name: 'Upcoming 1 open' }).click()
  await row(page, 'Pay rent').getByText('09:30').waitFor()
  await row(page, 'Pay rent').getByText('High').waitFor()
  await open(page, 'home')
  await row(page, 'Pay rent').waitFor()
  await inspect(page, 'tag')

  await open(page, 'Today')
  await row(page, 'Buy milk').getByRole('checkbox').click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await row(page, 'Buy milk').getByRole('checkbox', { checked: false }).waitFor()
  await rename(page, 'Buy milk', 'Buy oat milk')
  await row(page, 'Buy oat milk').waitFor()

  await row(page, 'Buy oat milk').getByRole('button', { name: /^Menu/ }).click()
  await inspect(page, 'menu')
  const expanded = page.locator('[aria-expanded=true]')
  assert.equal(await expanded.getAttribute('aria-label'), 'Menu of “Buy oat milk”')
  // Another menu takes its place, and only that.
  for (const title of ['Post the parcel', 'Buy oat milk']) {
    const button = row(page, title).getByRole('button', { name: /^Menu/ })
    // As a screen reader does it, for the menu may lie above the button.
    await button.dispatchEvent('click')
    await page.getByRole('menu', { name: `Menu of “${title}”` }).waitFor()
    await page.locator(`[aria-expanded=true][aria-label="Menu of “${title}”"]`).waitFor()
    assert.equal(await expanded.count(), 1)
  }
  await page.getByRole('menuitem', { name: 'Open' }).click()
  await page.getByLabel('Notes').fill('Two litres, see https://example.com/milk.')
  await page.getByRole('textbox', { name: 'Tags' }).fill('shop, #Home')
  await page.getByRole('button', { name: 'Save' }).click()
  await row(page, 'Buy oat milk').getByText('#shop').waitFor()
  await row(page, 'Buy oat milk').getByRole('button', { name: /^Open/ }).click()
  await page.getByRole('link', { name: 'https://example.com/milk', exact: true }).waitFor()
  await inspect(page, 'editor')
  await page.getByRole('button', { name: 'Close' }).click()

  // Nothing is cut. What is too long is said where it stands.
  await row(page, 'Post the parcel').getByRole('button', { name: /^Open/ }).click()
  await page.getByLabel('Title').fill('x'.repeat(256))
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('[name=title][aria-invalid]:focus').waitFor()
  // A screen reader hears nothing of the page around an open dialog.
  assert.match((await page.locator('dialog [role=status]').textContent()) ?? '', /255/)
  await page.keyboard.press('Escape')
  await page.locator('dialog .fault').getByText('A title has at most 255 characters.').waitFor()
  await page.getByLabel('Title').fill('Post the parcel')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })

  // Another device may write what the fields show otherwise. Looking at it changes nothing.
  await untilSent(page)
  const before = { tags: ['Smith, John'], description: '  Two lines\r\nwith space  ' }
  const all: { id: string; title: string }[] = await asOtherDevice(page, '/tasks', 'GET')
  const { id } = all.find(({ title }) => title === 'Post the parcel') ?? assert.fail()
  await asOtherDevice(page, `/tasks/${id}`, 'PATCH', before)
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await row(page, 'Post the parcel').getByText('#Smith, John').waitFor()
  await choose(page, 'Post the parcel', 'Open')
  await page.getByRole('button', { name: 'Save' }).click()
  await choose(page, 'Post the parcel', 'High priority')
  await untilSent(page)
  const { tags, description } = await asOtherDevice(page, `/tasks/${id}`, 'GET')
  assert.deepEqual({ tags, description }, before)

  await choose(page, 'Read a book', 'Move to the top')
  await page.getByText('Moved “Read a book” to 1 of 3').first().waitFor()
  await choose(page, 'Read a book', 'Move down')
  assert.deepEqual(await titles(page), ['Buy oat milk', 'Read a book', 'Post the parcel'])
  await choose(page, 'Read a book', 'Low priority')
  await row(page, 'Read a book').getByText('Low').waitFor()
  // A screen reader reads what the row refers to, after its title.
  const facts = await row(page, 'Read a book').getAttribute('aria-describedby')
  assert.equal(await page.locator(`[id="${facts}"]`).textContent(), 'Low')
  await choose(page, 'Read a book', 'No date')
  await untilGone(page, 'Read a book')
  await choose(page, 'Post the parcel', 'Next week')
  await untilGone(page, 'Post the parcel')
  await choose(page, 'Buy oat milk', 'Another date')
  await untilInField(page, 'due_date')
  await page.getByLabel('Due').fill('2026-01-05')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Overdue' }).waitFor()
  await page.getByRole('button', { name: 'Move all to today' }).click()
  await page.getByRole('heading', { name: 'Overdue' }).waitFor({ state: 'detached' })
  await untilOn(page, 'Buy oat milk')
  await choose(page, 'Buy oat milk', 'Delete')
  await untilGone(page, 'Buy oat milk')
  await page.getByRole('button', { name: 'Undo' }).click()
  // The next key acts on the task that came back.
  await untilOn(page, 'Buy oat milk')

  await open(page, 'All tasks')
  await page.getByLabel('Sort').selectOption('By title')
  assert.deepEqual(await titles(page), [
    'Buy oat milk',
    'Pay rent',
    'Post the parcel',
    'Read a book',
  ])
  await row(page, 'Pay rent').getByRole('checkbox').click()
  await untilGone(page, 'Pay rent')
  await page.getByRole('button', { name: 'Done 1' }).click()
  await row(page, 'Pay rent').waitFor()
  await inspect(page, 'all-sorted')
  await page.getByLabel('Search').fill('litres #shop')
  await untilGone(page, 'Read a book')
  assert.deepEqual(await titles(page), ['Buy oat milk'])
  await page.getByText('1 task found.').waitFor({ state: 'attached' })
  await inspect(page, 'search')
  await page.getByLabel('Search').fill('!low')
  await row(page, 'Read a book').waitFor()
  await page.getByLabel('Search').fill('nothing like it')
  await page.getByText('No task matches the search.').waitFor()
  await inspect(page, 'empty-search')
  await page.getByLabel('Search').fill('')

  await open(page, 'Done')
  await page.getByRole('heading', { level: 2, name: 'Today' }).waitFor()
  await row(page, 'Pay rent').getByRole('checkbox').click()
  await untilGone(page, 'Pay rent')
  await untilSent(page)
  await page.reload()
  await open(page, 'home')
  assert.deepEqual((await titles(page)).sort(), ['Buy oat milk', 'Pay rent'])

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Stay' }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  noComplaints()
})

test('every feature of the list works by keyboard alone', async () => {
  const page = await newDevice()
  const { keyboard } = page
  const press = async (...keys: string[]) => {
    for (const key of keys) await keyboard.press(key)
  }
  await page.goto('/app/')
  await page.locator('h1:focus').waitFor()
  // E-mail, password, show, sign in, create account.
  await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Enter')
  // A title cannot be pressed, so it has no ring, although the next Tab starts there.
  const title = page.locator('h1:focus', { hasText: 'Create account' })
  assert.equal(await title.evaluate((it) => getComputedStyle(it).outlineStyle), 'none')
  await press('Tab')
  await keyboard.type(newEmail())
  await press('Tab')
  await keyboard.type(password)
  await press('Enter')
  await page.locator('h1:focus', { hasText: 'Today' }).waitFor()
  await press('Control+a', 'Shift+ArrowDown')
  assert.equal(await page.getByRole('region', { name: 'Selection' }).count(), 0)

  await press('n')
  for (const title of ['One', 'Two', 'Three', 'Four #x !3']) {
    await keyboard.type(title)
    await press('Enter')
  }
  await keyboard.type('dropped')
  await press('Escape')
  assert.equal(await page.getByLabel('New task').inputValue(), '')
  await press('j', 'j', 'k', 'ArrowDown')
  await untilOn(page, 'Two')
  await press('Alt+ArrowUp')
  await page.getByText('Moved “Two” to 1 of 4').first().waitFor()
  await press('Alt+Shift+ArrowDown', 'Alt+Shift+ArrowUp', 'Alt+ArrowDown', 'Alt+ArrowUp')
  assert.deepEqual(await titles(page), ['Two', 'One', 'Three', 'Four'])
  await press('1')
  await row(page, 'Two').getByText('High').waitFor()
  await press('3')
  await row(page, 'Two').getByText('Low').waitFor()
  await press('2')
  await row(page, 'Two').getByText('Low').waitFor({ state: 'detached' })

  await press('F2')
  await keyboard.type('dropped')
  await press('Escape')
  await untilOn(page, 'Two')
  await press('F2')
  await keyboard.type('Two and a half')
  await press('Enter')
  await untilOn(page, 'Two and a half')
  await page.locator('.toast').getByText('Changed “Two and a half”').waitFor()
  await press('Enter')
  await page.getByRole('dialog', { name: 'Task' }).waitFor()
  await untilInField(page, 'title')
  await press('Tab')
  await keyboard.type('By keyboard')
  await press('Escape')
  await row(page, 'Two and a half').getByText('Has notes').waitFor()
  await untilOn(page, 'Two and a half')
  await press('#')
  await untilInField(page, 'tags')
  await keyboard.type('desk')
  await press('Enter')
  await row(page, 'Two and a half').getByText('#desk').waitFor()
  await press('#')
  await untilInField(page, 'tags')
  await keyboard.type('lamp')
  await press('Enter')
  for (const tag of ['#desk', '#lamp'])
    await row(page, 'Two and a half').getByText(tag, { exact: true }).waitFor()
  await press('Enter')
  await untilInField(page, 'title')
  await keyboard.type(' more')
  await press('Enter')
  await untilOn(page, 'Two and a half more')
  await press('z')
  await row(page, 'Two and a half more').waitFor({ state: 'detached' })
  await press('d')
  await untilInField(page, 'due_date')
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })

  await press('x')
  await untilOn(page, 'One')
  await page.getByText('Completed “Two and a half”').first().waitFor()
  await untilGone(page, 'Two and a half')
  await untilOn(page, 'One')
  await press('z')
  await untilOn(page, 'Two and a half')
  await press('j')
  await untilOn(page, 'One')
  // Twice at once completes two tasks, not one there and back.
  await press('x', 'x')
  for (const title of ['One', 'Three']) await untilGone(page, title)
  await press('z', 'z')
  for (const title of ['One', 'Three']) await row(page, title).waitFor()
  await untilOn(page, 'One')
  await press('m')
  await untilGone(page, 'One')
  await untilOn(page, 'Three')
  await press('w')
  await untilGone(page, 'Three')
  await untilOn(page, 'Four')
  await press('t')
  await press('Delete')
  await untilGone(page, 'Four')
  await press('Control+z')
  await row(page, 'Four').waitFor()

  await press('/')
  await keyboard.type('half')
  await untilGone(page, 'Four')
  await press('Escape')
  await row(page, 'Four').waitFor()
  await press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await inspect(page, 'help')
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })

  // The skip link, then each view, by Tab from the beginning of the page.
  await page.reload()
  await row(page, 'Four').waitFor()
  await press('Tab')
  await page.locator('.skip:focus').waitFor()
  await inspect(page, 'skip')
  await press('Enter')
  await untilOn(page, 'Two and a half')
  await press('Shift+Tab', 'Shift+Tab')
  await page.reload()
  await row(page, 'Four').waitFor()
  await press('Tab', 'Tab', 'Tab', 'Enter')
  await page.getByRole('heading', { level: 1, name: 'Upcoming' }).waitFor()
  await row(page, 'One').waitFor()
  // The focus is on the link, and a key there is not meant for the first task.
  await press('Delete', 'x')
  assert.deepEqual(
    [await titles(page), await page.locator('.toast').count()],
    [['One', 'Three'], 0]
  )
  await page.getByRole('button', { name: 'Sign out' }).focus()
  await press('Enter')
  await page.getByRole('dialog').waitFor()
  await press('Tab', 'Tab', 'Enter')
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  noComplaints()
})

test('the keyboard map of the README is the one of the help', async () => {
  const page = await newDevice()
  await signUp(page)
  await page.getByRole('button', { name: 'Keyboard' }).click()
  const help = await page
    .locator('.keys > div')
    .evaluateAll((rows) =>
      rows.map((row) => [
        [...row.querySelectorAll('kbd')].map(({ textContent }) => textContent).join(', '),
        row.querySelector('dt')?.textContent,
      ])
    )
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, map = ''] = /### Keyboard\n([\s\S]*?)\n##/.exec(readme) ?? []
  const lines = [...map.matchAll(/^\| (`.*`) +\| (.*?) +\|$/gm)]
  assert.deepEqual(
    lines.map(([, keys = '', does]) => [keys.replaceAll('`', ''), does]),
    help
  )
})

test('a second tab shows what the first one adds', async () => {
  const page = await newDevice()
  await signUp(page)
  const tab = await page.context().newPage()
  await tab.goto('/app/')
  await untilIn(tab)
  await add(page, 'Seen in both')
  await row(tab, 'Seen in both').waitFor()
  noComplaints()
})

test('at midnight, what was due tomorrow is due today', async () => {
  const page = await newDevice()
  await page.clock.install({ time: new Date('2026-03-27T22:00:00') })
  await signUp(page)
  await add(page, 'Due the next day tomorrow')
  await add(page, 'Due the day before')
  await row(page, 'Due the day before').waitFor()
  await page.clock.fastForward('02:01:00')
  await row(page, 'Due the next day').waitFor()
  await page.getByRole('heading', { name: 'Overdue' }).waitFor()
  await row(page, 'Due the day before').getByText('Yesterday').waitFor()
  noComplaints()
})

test('by touch, every target is 44 px high, and tags are reached from the bar', async () => {
  const page = await newDevice(phone)
  await signUp(page)
  await add(page, 'Buy milk #shop')
  await row(page, 'Buy milk').waitFor()
  assert.deepEqual(await smallTargets(page), [])
  await page.getByRole('button', { name: 'More' }).tap()
  await inspect(page, 'tags-390')
  await page.getByRole('link', { name: 'shop 1 open' }).tap()
  await page.getByRole('heading', { level: 1, name: '#shop' }).waitFor()
  await page.getByRole('link', { name: 'shop 1 open' }).waitFor({ state: 'hidden' })
  await row(page, 'Buy milk').getByRole('button', { name: /^Menu/ }).tap()
  await inspect(page, 'menu-390')
  await page.getByRole('menuitem', { name: 'Open' }).tap()
  await inspect(page, 'editor-390')
  await page.getByRole('button', { name: 'Save' }).tap()
  await row(page, 'Buy milk').locator('.check').tap()
  await untilGone(page, 'Buy milk')
  await page.getByRole('button', { name: 'Undo' }).tap()
  await row(page, 'Buy milk').waitFor()
  noComplaints()
})

test('each view fits a phone of 320 px and a wide screen, in both themes', async () => {
  const page = await newDevice()
  await signUp(page)
  for (const line of [
    'Call the bank about the mortgage and the very long letter that came last week 2026-01-02 !high',
    'Water the plants today 18:00 #home',
    'Pay rent tomorrow 9:30 #home !high',
    'Book flights in 2 weeks #travel #summer',
    'Read a book !low',
    'Buy milk today #shop',
    'Post the parcel today',
  ])
    await add(page, line)
  await row(page, 'Post the parcel').getByRole('checkbox').click()
  await untilGone(page, 'Post the parcel')
  for (const width of [320, 390, 1280]) {
    await page.setViewportSize({ width, height: width > 400 ? 900 : 740 })
    for (const name of ['Today', 'Upcoming', 'All tasks', 'Done']) {
      await open(page, name)
      if (name === 'All tasks' && width === 320)
        await page.getByRole('button', { name: 'Done' }).click()
      await inspect(page, `${name.toLowerCase().replace(' ', '-')}-${width}`)
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth
      )
      assert.ok(overflow <= 0, `${name} at ${width} px is ${overflow} px too wide`)
    }
  }
  await open(page, 'Today')
  await page.emulateMedia({ forcedColors: 'active', contrast: 'more', reducedMotion: 'reduce' })
  await page.screenshot({ path: 'dist/browser/forced-colors.png' })
  noComplaints()
})

test('1,000 tasks are listed in steps, and the 200th is reached by keyboard', async () => {
  const page = await newDevice()
  await signUp(page)
  for (let batch = 0; batch < 10; batch++)
    await asOtherDevice(
      page,
      '/tasks/batch',
      'POST',
      Array.from({ length: 100 }, (_, n) => ({
        op: 'create',
        id: crypto.randomUUID(),
        task: { title: `Task ${batch * 100 + n}`, order: batch * 100 + n },
      }))
    )
  await page.reload()
  await open(page, 'All tasks')
  await row(page, 'Task 0').first().waitFor()
  assert.ok((await page.locator('.row').count()) <= 180)
  await page.keyboard.press('j')
  for (let pressed = 0; pressed < 200; pressed++) await page.keyboard.press('ArrowDown')
  await untilOn(page, 'Task 200')
  noComplaints()
})

test('with 10,000 tasks, a search finds one and the last is shown after scrolling', async () => {
  const page = await withCopies('First', 10_000)
  await page.getByRole('link', { name: 'All tasks 10001 open' }).waitFor()
  await page.getByLabel('Search').fill('task 9999')
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 1)
  assert.deepEqual(await titles(page), ['Task 9999'])
  await page.getByLabel('Search').fill('')
  await row(page, 'First').waitFor()
  for (const seen of [15, 75, 135]) await page.locator('.row').nth(seen).scrollIntoViewIfNeeded()
  const count = await page.locator('.row').count()
  assert.ok(count < 600, `${count} rows`)
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
