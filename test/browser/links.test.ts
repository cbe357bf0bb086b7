import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import {
  add,
  asOtherDevice,
  fillIn,
  inspect,
  newDevice,
  newEmail,
  noComplaints,
  open,
  origin,
  password,
  row,
  signIn,
  signUp,
  untilIn,
  untilSent,
} from './devices.ts'

const newPassword = 'staple of another kind'

/** Asks wrangler for the mails that the Worker has sent, or for one in full. */
const sentMails = async <Result>(id?: string): Promise<Result> => {
  const url = new URL('/cdn-cgi/local/explorer/api/local/email/sending', origin)
  url.searchParams.set('worker', 'edge-todo')
  if (id) url.searchParams.set('email_id', id)
  return ((await (await fetch(url)).json()) as { result: Result }).result
}

type Mail = { subject: string; messageId: string; to: string[] }

/** The text of the last mail to this address about this, once there are so many. */
const mailTo = async (address: string, subject: string, atLeast = 1): Promise<string> => {
  for (const deadline = Date.now() + 15_000; ; ) {
    const mails = (await sentMails<Mail[]>()).filter(
      (mail) => mail.to.includes(address) && mail.subject === subject
    )
    const [last] = mails
    if (last && mails.length >= atLeast)
      return (await sentMails<{ text: string }>(last.messageId)).text
    assert.ok(Date.now() < deadline, `${mails.length} mails to ${address} about: ${subject}`)
  }
}

const linkIn = (mail: string) => /\S+#(reset|confirm)=\S+/.exec(mail)?.[0] ?? ''
const confirmation = async (address: string, atLeast = 1) =>
  linkIn(await mailTo(address, 'Confirm your e-mail address', atLeast))
const resetLink = async (address: string, atLeast = 1) =>
  linkIn(await mailTo(address, 'Set a new password', atLeast))

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name })

const press = (page: Page, name: string) => page.getByRole('button', { name }).press('Enter')

/** The focus goes to the title of a page that takes the place of another. */
const untilAtTop = (page: Page, name: string) =>
  page.locator('h1:focus').getByText(name, { exact: true }).waitFor()

/** Looks at the page on two phones and on a wide screen. */
const inspectWidths = async (page: Page, name: string) => {
  for (const width of [320, 390, 1280]) {
    await page.setViewportSize({ width, height: 900 })
    await inspect(page, `${name}-${width}`)
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth
    )
    assert.ok(overflow <= 0, `${name} at ${width} px is ${overflow} px too wide`)
  }
}

const isConfirmed = async (page: Page) =>
  (await asOtherDevice(page, '/auth/me', 'GET')).email_verified

const asksToConfirm = (page: Page) => page.getByText('with the link in our mail')

test('an address is confirmed by the button of the link, and by nothing before it', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await asksToConfirm(page).getByText(email).waitFor()
  await inspectWidths(page, 'unconfirmed')

  const url = await confirmation(email)
  const tab = await page.context().newPage()
  await tab.goto(url)
  await untilAtTop(tab, 'Confirm your address')
  assert.equal(await tab.title(), 'Confirm your address · edge-todo')
  const token = url.split('=')[1] ?? ''
  const left = await tab.evaluate(() =>
    JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }])
  )
  assert.ok(token.length === 43 && !left.includes(token), left)
  await inspectWidths(tab, 'confirm')
  assert.equal(await isConfirmed(page), false)

  await tab.keyboard.press('Tab')
  await tab.keyboard.press('Enter')
  await untilAtTop(tab, 'Your address is confirmed')
  await inspectWidths(tab, 'confirmed')
  assert.equal(await isConfirmed(page), true)
  await asksToConfirm(page).waitFor({ state: 'detached' })
  await press(tab, 'To your tasks')
  await untilAtTop(tab, 'Today')
  assert.equal(tab.url(), `${origin}/app/`)
  assert.equal(await asksToConfirm(tab).count(), 0)
  await open(page, 'Settings')
  await page.getByText('The address is confirmed.').waitFor()
  noComplaints()
})

test('a link that is opened in the running app leaves its view and its history alone', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await add(page, 'Buy milk')
  await open(page, 'All tasks')
  await row(page, 'Buy milk').waitFor()
  const url = await confirmation(email)
  await page.evaluate((url) => {
    location.href = url
  }, url)
  await untilAtTop(page, 'Confirm your address')
  assert.equal(page.url(), `${origin}/app/#all`)
  // The keys of the list do nothing while it is not on the screen.
  for (const key of ['ArrowDown', 'x', 'z', '?']) await page.keyboard.press(key)
  await press(page, 'Confirm')
  await press(page, 'To your tasks')
  await untilAtTop(page, 'All tasks')
  await row(page, 'Buy milk').waitFor()
  assert.equal(await page.getByRole('dialog').count(), 0)

  // A second time, as a link of which the reply was lost.
  await page.evaluate((url) => {
    location.href = url
  }, url)
  await press(page, 'Confirm')
  await page.getByText(`Your address, ${email}, is confirmed.`).first().waitFor()
  // Each opening of the link is a step of its own, with the address of the view.
  for (const _ of [1, 2, 3]) await page.goBack()
  await heading(page, 'Today').waitFor()
  assert.doesNotMatch(page.url(), /=/)
  noComplaints()
})

test('a link stays open when a person signs in in another tab', async () => {
  const page = await newDevice()
  await page.goto(`/app/#reset=${'x'.repeat(43)}`)
  await untilAtTop(page, 'Set a new password')
  await page.getByLabel('New password', { exact: true }).fill(newPassword)
  const tab = await page.context().newPage()
  await signUp(tab)
  await add(tab, 'Buy milk')
  await row(tab, 'Buy milk').waitFor()
  assert.equal(await page.getByLabel('New password', { exact: true }).inputValue(), newPassword)
  await press(page, 'Set password')
  await untilAtTop(page, 'This link does not work any more')
  await press(page, 'Back to sign in')
  await row(page, 'Buy milk').waitFor()
  noComplaints()
})

test('a dead confirmation says so and offers another, which replaces the one before', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  const first = await confirmation(email)
  await press(page, 'Send again')
  await page.getByText(`A mail is on its way to ${email}.`).first().waitFor()
  await inspect(page, 'confirmation-sent')
  const second = await confirmation(email, 2)

  const stranger = await newDevice()
  await stranger.goto(first)
  await press(stranger, 'Confirm')
  await untilAtTop(stranger, 'This link does not work any more')
  await stranger.getByText('Sign in to ask for another.').first().waitFor()
  await inspectWidths(stranger, 'confirmation-dead-signed-out')
  await press(stranger, 'Sign in')
  await untilAtTop(stranger, 'Sign in')

  await page.goto(first)
  await page.reload()
  await page.goto(first)
  await press(page, 'Confirm')
  await untilAtTop(page, 'This link does not work any more')
  await inspectWidths(page, 'confirmation-dead')
  await press(page, 'Send again')
  await page.getByText(`A mail is on its way to ${email}.`).first().waitFor()
  const third = await confirmation(email, 3)
  assert.equal(new Set([first, second, third]).size, 3)
  await page.goto(third)
  await press(page, 'Confirm')
  await untilAtTop(page, 'Your address is confirmed')
  noComplaints()
})

test('the line that asks to confirm goes for this visit, and Settings still has it', async () => {
  const page = await newDevice()
  const email = await signUp(page)
  await press(page, 'Not now')
  await untilAtTop(page, 'Today')
  assert.equal(await asksToConfirm(page).count(), 0)
  await open(page, 'Settings')
  await page.getByText('The address is not confirmed yet').waitFor()
  await inspectWidths(page, 'settings-unconfirmed')
  // Confirmed elsewhere meanwhile, it goes with the next look at the app.
  const other = await newDevice()
  await other.goto(await confirmation(email))
  await press(other, 'Confirm')
  await untilAtTop(other, 'Your address is confirmed')
  await press(page, 'Send again')
  await untilAtTop(page, 'Settings')
  await page.getByText('The address is confirmed.').first().waitFor()
  // It is confirmed for good, so it is not asked for again outside of Settings.
  await open(page, 'Today')
  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).pathname))
  await page.reload()
  await add(page, 'Buy milk')
  await untilSent(page)
  assert.ok(asked.includes('/tasks/changes') && !asked.includes('/auth/me'), asked.join())
  assert.equal(await asksToConfirm(page).count(), 0)
  noComplaints()
})

test('a forgotten password is set anew, and the device that did it keeps its tasks', async () => {
  const [page, other] = [await newDevice(), await newDevice()]
  const email = await signUp(page)
  await add(page, 'Buy milk')
  await untilSent(page)

  await other.goto('/app/')
  await other.getByLabel('E-mail').fill(email)
  await press(other, 'Forgot your password?')
  await untilAtTop(other, 'Forgot your password?')
  assert.equal(await other.getByLabel('E-mail').inputValue(), email)
  await inspectWidths(other, 'forgot')
  await other.getByLabel('E-mail').press('Enter')
  await untilAtTop(other, 'Look into your mailbox')
  await other
    .getByText(`If there is an account with ${email}, a mail is on its way`)
    .first()
    .waitFor()
  await inspectWidths(other, 'forgot-sent')

  const url = await resetLink(email)
  await page.goto(url)
  await page.reload()
  await row(page, 'Buy milk').waitFor()
  await page.goto(url)
  await untilAtTop(page, 'Set a new password')
  assert.equal(await page.title(), 'Set a new password · edge-todo')
  assert.equal(page.url(), `${origin}/app/`)
  await inspectWidths(page, 'reset')
  await page.keyboard.press('Tab')
  await page.keyboard.type('short')
  await page.keyboard.press('Enter')
  await page
    .locator('.fault')
    .getByText('The new password must be at least 8 characters long.')
    .waitFor()
  await page.locator('[name=new_password]:focus').waitFor()
  await inspectWidths(page, 'reset-fault')
  await page.getByLabel('New password', { exact: true }).fill(newPassword)
  await press(page, 'Show new password')
  assert.equal(await page.getByLabel('New password', { exact: true }).getAttribute('type'), 'text')
  await press(page, 'Set password')
  await untilAtTop(page, 'Your password is changed')
  await inspectWidths(page, 'reset-done')

  await press(page, 'To your tasks')
  await row(page, 'Buy milk').waitFor()
  await page.getByText('You were signed out on this device.').first().waitFor()
  await press(page, 'Sign in')
  await fillIn(page, email, 'Sign in')
  await page.getByText('That e-mail and password do not go together.').first().waitFor()
  await page.getByLabel('Password', { exact: true }).fill(newPassword)
  await page.getByLabel('Password', { exact: true }).press('Enter')
  await untilIn(page)
  await add(page, 'Written afterwards')
  await untilSent(page)
  assert.equal(await isConfirmed(page), true)
  await mailTo(email, 'Your password was changed')

  // The link is spent, and leads to another one.
  await other.goto(url)
  await other.getByLabel('New password', { exact: true }).fill(newPassword)
  await press(other, 'Set password')
  await untilAtTop(other, 'This link does not work any more')
  await inspectWidths(other, 'reset-dead')
  await other.getByLabel('E-mail').fill(email)
  await press(other, 'Send a link')
  await untilAtTop(other, 'Look into your mailbox')
  const next = await resetLink(email, 2)
  await other.goto(next)
  await other.getByLabel('New password', { exact: true }).fill(password)
  await press(other, 'Set password')
  await untilAtTop(other, 'Your password is changed')
  await press(other, 'Sign in')
  await untilAtTop(other, 'Sign in')
  await fillIn(other, email, 'Sign in')
  await row(other, 'Written afterwards').waitFor()
  noComplaints()
})

test('an unknown address gets the same answer as a known one, and what is no address a fault', async () => {
  const page = await newDevice()
  await page.goto('/app/')
  await press(page, 'Forgot your password?')
  await page.getByLabel('E-mail').fill('ada')
  await press(page, 'Send a link')
  await page.locator('.fault').getByText('The e-mail must be an e-mail address.').waitFor()
  await page.locator('[name=email]:focus').waitFor()
  await inspect(page, 'forgot-fault')
  const email = newEmail()
  await page.getByLabel('E-mail').fill(email)
  await press(page, 'Send a link')
  await page
    .getByText(`If there is an account with ${email}, a mail is on its way`)
    .first()
    .waitFor()
  await press(page, 'Back to sign in')
  await untilAtTop(page, 'Sign in')
  noComplaints()
})

test('an address is changed with the link to the new one, and the old one is told', async () => {
  const [page, other] = [await newDevice(), await newDevice()]
  const [old, next] = [await signUp(page), newEmail()]
  await signIn(other, old)
  await open(page, 'Settings')
  await page.getByText(`Signed in as ${old}`).waitFor()
  await page.locator('summary', { hasText: 'Change e-mail' }).press('Enter')
  await page.keyboard.press('Tab')
  await page.keyboard.type('ada')
  await page.keyboard.press('Tab')
  await page.keyboard.type(password)
  await page.keyboard.press('Enter')
  await page.locator('.fault').getByText('The new e-mail must be an e-mail address.').waitFor()
  await page.locator('[name=email]:focus').fill(next)
  await page.getByLabel('Account password', { exact: true }).fill('wrong password')
  await press(page, 'Change e-mail')
  await page.locator('.fault').getByText('The account password is wrong.').waitFor()
  await page.locator('[name=current_password]:focus').scrollIntoViewIfNeeded()
  await inspectWidths(page, 'change-address-fault')
  await page.getByLabel('Account password', { exact: true }).fill(password)
  await press(page, 'Change e-mail')
  const words = `A mail is on its way to ${next}. Until you open its link, your address stays ${old}.`
  await page.locator('main').getByText(words).waitFor()
  await inspectWidths(page, 'change-address-asked')

  const tab = await page.context().newPage()
  await tab.goto(linkIn(await mailTo(next, 'Confirm your new e-mail address')))
  await press(tab, 'Confirm')
  await untilAtTop(tab, 'Your address is confirmed')
  await page.getByText(`Signed in as ${next}`).waitFor()
  await page.getByText('The address is confirmed.').waitFor()
  await page.locator('main').getByText(words).waitFor({ state: 'detached' })
  const remembered = (device: Page) =>
    device.evaluate(() => JSON.parse(localStorage.getItem('user') ?? '{}').email)
  assert.equal(await remembered(page), next)
  const told = await mailTo(old, 'Your e-mail address was changed')
  assert.equal(linkIn(told), '')

  // Another device learns the address when it starts.
  assert.equal(await remembered(other), old)
  await other.reload()
  await open(other, 'Settings')
  await other.getByText(`Signed in as ${next}`).waitFor()
  assert.equal(await remembered(other), next)

  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await heading(page, 'Sign in').waitFor()
  await fillIn(page, old, 'Sign in')
  await page.getByText('That e-mail and password do not go together.').first().waitFor()
  await fillIn(page, next, 'Sign in')
  await untilIn(page)
  noComplaints()
})

test('a link that is opened on another device is known in Settings, and when the page is shown', async () => {
  const [page, other] = [await newDevice(), await newDevice()]
  const [old, next] = [await signUp(page), newEmail()]
  await asksToConfirm(page).waitFor()
  await other.goto(await confirmation(old))
  await press(other, 'Confirm')
  await untilAtTop(other, 'Your address is confirmed')
  await open(page, 'Settings')
  await page.getByText('The address is confirmed.').waitFor()
  await page.locator('summary', { hasText: 'Change e-mail' }).press('Enter')
  await page.locator('[name=email]').fill(next)
  await page.getByLabel('Account password', { exact: true }).fill(password)
  await press(page, 'Change e-mail')
  const words = page.locator('main').getByText(`your address stays ${old}.`)
  await words.waitFor()
  // What was asked for is still known after another view.
  await open(page, 'Today')
  await other.goto(linkIn(await mailTo(next, 'Confirm your new e-mail address')))
  await open(page, 'Settings')
  await page.locator('summary', { hasText: 'Change e-mail' }).press('Enter')
  await words.waitFor()
  await press(other, 'Confirm')
  await untilAtTop(other, 'Your address is confirmed')
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await page.getByText(`Signed in as ${next}`).waitFor()
  await words.waitFor({ state: 'detached' })
  noComplaints()
})

test('a server without mail, a limit and a lost connection are said plainly', async () => {
  const [page, visitor] = [await newDevice(), await newDevice()]
  const email = await signUp(page)
  const noMail = 'This server is not set up to send mails. Ask whoever runs it.'
  const refuse = async (device: Page, status: number, detail: string, headers = {}) => {
    const route = /\/auth\/(password|email)\//
    await device.context().unroute(route)
    await device.context().route(route, (route) =>
      route.fulfill({
        status,
        headers,
        contentType: 'application/problem+json',
        body: JSON.stringify({ status, detail, request_id: '1a2b3c4d-0000' }),
      })
    )
  }
  const missing = 'Mail is not set up. Missing: EMAIL, EMAIL_FROM, APP_URL.'
  await refuse(page, 503, missing)
  await open(page, 'Settings')
  await press(page, 'Send again')
  await page.locator('main').getByText(noMail).waitFor()
  await inspect(page, 'settings-without-mail')
  await open(page, 'Today')
  assert.equal(await asksToConfirm(page).count(), 0)

  await visitor.goto('/app/')
  await press(visitor, 'Forgot your password?')
  await visitor.getByLabel('E-mail').fill(email)
  await refuse(visitor, 503, missing)
  await press(visitor, 'Send a link')
  await visitor.locator('main').getByText(noMail).waitFor()
  await inspect(visitor, 'forgot-without-mail')
  await refuse(visitor, 429, 'Too many requests', { 'Retry-After': '15' })
  await press(visitor, 'Send a link')
  await visitor.locator('main').getByText('Try again in 15 seconds.').waitFor()

  // The link is still good when there is a network again.
  const reader = await newDevice()
  await reader.goto(await confirmation(email))
  await untilAtTop(reader, 'Confirm your address')
  await reader.context().setOffline(true)
  await press(reader, 'Confirm')
  await reader.locator('main').getByText('No connection. This needs the network.').waitFor()
  await inspect(reader, 'confirm-offline')
  await reader.context().setOffline(false)
  await press(reader, 'Confirm')
  await untilAtTop(reader, 'Your address is confirmed')
  noComplaints()
})
