import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { User } from '../../web/app/account.ts'
import { createMe, type Me } from '../../web/app/me.ts'
import {
  accountOf,
  lost,
  newDevice,
  newPerson,
  offline,
  once,
  password,
  problem,
  type Tab,
} from './devices.ts'

const meOf = ({ account }: Pick<Tab, 'account'>, user: User) => createMe(account, user)

const statusOf = ({ fault }: Me) =>
  typeof fault.value === 'object' ? fault.value.status : fault.value

const newMe = async () => {
  const person = await newPerson()
  return { ...person, me: meOf(person.tab, person.user) }
}

test('the devices are listed with this one first, and without the network there is a fault', async () => {
  const { email, profile } = await newPerson()
  const { tab, user } = await newDevice(email)
  const me = meOf(tab, user)
  await me.loadDevices()
  assert.deepEqual(
    me.devices.value?.map(({ current }) => current),
    [true, false]
  )
  assert.equal(me.fault.value, undefined)
  assert.ok(profile.cookie())
})

test('a device that is signed out is out with its next request, and its changes are kept', async () => {
  const { me, email } = await newMe()
  const { tab: other } = await newDevice(email)
  await other.run()
  await me.loadDevices()
  await me.endDevices(me.devices.value?.filter(({ current }) => !current) ?? [])
  assert.equal(me.devices.value?.length, 1)
  other.tasks.add('', { title: 'Kept' })
  assert.equal(await other.run(), 'signed-out')
  assert.deepEqual([other.titles(), other.tasks.waiting.value], [['Kept'], 1])
})

test('a device that has ended already counts as ended, and a refusal is told', async () => {
  const { me, email, profile } = await newMe()
  await newDevice(email)
  await me.loadDevices()
  const others = me.devices.value?.filter(({ current }) => !current) ?? []
  await me.endDevices(others)
  await me.endDevices(others)
  assert.equal(me.fault.value, undefined)
  profile.network = async (request, pass) => (request.method === 'DELETE' ? problem(503) : pass())
  await me.endDevices(others)
  assert.equal(statusOf(me), 503)
  profile.network = offline
  await me.loadDevices()
  assert.equal(statusOf(me), 'unreachable')
})

test('after the password is changed, this device stays in and the others are out', async () => {
  const { me, tab, email, profile, user } = await newMe()
  const { tab: other } = await newDevice(email)
  const wrong = await me.changePassword('not the password', 'a new password')
  assert.deepEqual(wrong?.errors, [{ pointer: '/current_password', detail: 'is wrong' }])
  const short = await me.changePassword(password, 'short')
  assert.equal(short?.errors?.[0]?.pointer, '/new_password')
  assert.equal(await me.changePassword(password, 'a new password'), undefined)
  assert.equal(await other.run(), 'signed-out')
  tab.tasks.add('', { title: 'Still in' })
  assert.equal(await tab.run(), 'synced')
  // Also with a new access token.
  const next = meOf({ account: accountOf(profile) }, user)
  await next.loadDevices()
  assert.equal(next.devices.value?.length, 1)
})

test('the export has the tasks, and takes longer than other requests may', async () => {
  const { profile, user, tab } = await newMe()
  tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  const me = meOf({ account: accountOf(profile, { timeout: 200 }) }, user)
  await me.loadDevices()
  let arrive = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  profile.network = async (_, pass) => {
    await arrived
    return pass()
  }
  const exported = me.exportAll()
  await me.loadDevices()
  assert.equal(statusOf(me), 'unreachable')
  arrive()
  const file = await exported
  assert.ok(file instanceof Blob)
  assert.equal(JSON.parse(await file.text()).tasks[0].title, 'Buy milk')
})

test('an account is deleted with the password alone, and is forgotten here', async () => {
  const { me, tab, profile, email } = await newMe()
  await tab.run()
  const refused = await me.remove('not the password')
  assert.deepEqual(refused?.errors, [{ pointer: '/password', detail: 'is wrong' }])
  assert.equal(await tab.run(), 'synced')
  assert.equal(await me.remove(password), undefined)
  assert.deepEqual([[...profile.memory], profile.cookie()], [[], ''])
  const after = await tab.account.signIn(email, password)
  assert.equal('status' in after && after.status, 401)
})

const isDeletion = ({ method, url }: Request) => method === 'DELETE' && url.endsWith('/auth/me')

test('an account whose deletion was answered by a lost reply is known to be deleted', async () => {
  const { me, profile } = await newMe()
  once(profile, isDeletion, lost)
  assert.equal(await me.remove(password), undefined)
  assert.deepEqual([...profile.memory], [])
})

test('a deletion that is refused leaves the account, its tasks and one session, and the next try deletes it', async () => {
  const { me, tab, profile } = await newMe()
  await tab.run()
  // The deletion is refused once, as it is when the login is too old.
  let isRefused = false
  profile.network = async (request, pass) => {
    if (!isDeletion(request) || isRefused) return pass()
    isRefused = true
    return problem(403, { detail: 'Log in again.' })
  }
  assert.equal((await me.remove(password))?.detail, 'Log in again.')
  assert.ok(profile.memory.get('user'))
  await me.loadDevices()
  assert.deepEqual(
    me.devices.value?.map(({ current }) => current),
    [true]
  )
  assert.equal(await me.remove(password), undefined)
})
