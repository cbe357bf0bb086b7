import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { eraseStore, openStore } from '../../web/app/store.ts'
import {
  accountOf,
  type Network,
  newDevice,
  newPerson,
  newProfile,
  offline,
  openTab,
  type Profile,
  password,
} from './devices.ts'

const isBatch = (request: Request) => request.url.endsWith('/tasks/batch')

/** Has the first request that `matches` meet with `fate`. All others pass. */
const once = (
  profile: Profile,
  matches: (request: Request) => boolean,
  fate: Network
): (() => boolean) => {
  let isDone = false
  profile.network = (request, pass) => {
    if (isDone || !matches(request)) return pass()
    isDone = true
    return fate(request, pass)
  }
  return () => isDone
}

const lost: Network = async (_, pass) => {
  await pass()
  throw new TypeError('the connection broke')
}

const problem = (status: number, body: object = {}, headers = {}) =>
  new Response(JSON.stringify({ status, detail: 'no', request_id: 'abc', ...body }), {
    status,
    headers,
  })

test('a task that is added reaches another device, and edits come back', async () => {
  const { tab, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Buy milk', tags: ['shop'] })
  assert.deepEqual(tab.titles(), ['Buy milk'])
  assert.equal(await tab.run(), 'synced')
  assert.equal(tab.tasks.waiting.value, 0)

  const { tab: other } = await newDevice(email)
  assert.equal(await other.run(), 'synced')
  assert.deepEqual(other.task(id), tab.task(id))
  await other.tasks.change('', [id], { completed: true })
  await other.run()
  await tab.run()
  assert.equal(tab.task(id).completed, true)
  assert.ok(tab.task(id).completed_at)
})

test('changes are kept without a network, survive a restart, and are sent later', async () => {
  const { tab, profile, user } = await newPerson()
  await tab.run()
  profile.network = offline
  const { id } = tab.tasks.add('', { title: 'One' })
  const second = tab.tasks.add('', { title: 'Two' })
  await tab.tasks.change('', [id], { title: 'One, edited' })
  await tab.tasks.remove('', [second.id])
  assert.equal(await tab.run(), 'offline')
  assert.equal(tab.tasks.waiting.value, 1)

  tab.store.close()
  const again = await openTab(profile, user)
  assert.deepEqual(again.titles(), ['One, edited'])
  profile.network = (_, pass) => pass()
  assert.equal(await again.run(), 'synced')
  assert.equal(again.tasks.waiting.value, 0)
  assert.deepEqual(again.titles(), ['One, edited'])
})

test('a batch whose reply is lost is sent again under its key, and nothing is done twice', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  const sent: [string | null, string][] = []
  let isLost = false
  profile.network = async (request, pass) => {
    if (!isBatch(request)) return pass()
    sent.push([request.headers.get('Idempotency-Key'), await request.clone().text()])
    const reply = await pass()
    if (!isLost) {
      isLost = true
      throw new TypeError('the connection broke')
    }
    return reply
  }
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  assert.equal(await tab.run(), 'offline')
  // Edited before the reply to the create has come.
  await tab.tasks.change('', [id], { title: 'Buy oat milk' })
  assert.equal(await tab.run(), 'synced')
  assert.equal(sent.length, 3)
  assert.deepEqual(sent[0], sent[1])
  assert.notEqual(sent[1]?.[0], sent[2]?.[0])
  assert.deepEqual(tab.titles(), ['Buy oat milk'])
  assert.deepEqual(tab.tasks.parked.value, [])
})

test('a create that exists already keeps the later edit of another device, and ours', async () => {
  const { tab, profile, email } = await newPerson()
  await tab.run()
  once(profile, isBatch, lost)
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  assert.equal(await tab.run(), 'offline')
  const { tab: other } = await newDevice(email)
  await other.run()
  await other.tasks.change('', [id], { title: 'Buy oat milk' })
  await other.run()
  await tab.tasks.change('', [id], { priority: 'high' })
  // The stored reply of the server is gone after a day, as if the key were new.
  profile.network = (request, pass) => {
    if (!isBatch(request)) return pass()
    request.headers.set('Idempotency-Key', `"${randomUUID()}"`)
    return pass()
  }
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual([tab.task(id).title, tab.task(id).priority], ['Buy oat milk', 'high'])
})

test('edits while a batch is under way go with the next one', async () => {
  const { tab, profile } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'A' })
  await tab.run()
  await tab.tasks.change('', [id], { title: 'B' })
  once(profile, isBatch, async (_, pass) => {
    const reply = await pass()
    await tab.tasks.change('', [id], { title: 'C', priority: 'low' })
    return reply
  })
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual([tab.task(id).title, tab.task(id).priority], ['C', 'low'])
  assert.equal(tab.tasks.waiting.value, 0)
  assert.deepEqual(tab.tasks.parked.value, [])
})

test('a process that dies between push and pull goes on from there', async () => {
  const { tab, profile, user } = await newPerson()
  await tab.run()
  once(profile, (request) => request.url.includes('/tasks/changes'), offline)
  tab.tasks.add('', { title: 'A' })
  assert.equal(await tab.run(), 'offline')
  tab.store.close()
  const again = await openTab(profile, user)
  assert.deepEqual(again.titles(), ['A'])
  assert.equal(await again.run(), 'synced')
  assert.deepEqual(again.titles(), ['A'])
})

/** Two devices that both know one task, and have changed it in these ways without a network. */
const twoDevices = async (fields: object, mine: object, theirs: object | 'delete') => {
  const person = await newPerson()
  const { id } = person.tab.tasks.add('', { title: 'Buy milk', ...fields })
  await person.tab.run()
  const other = await newDevice(person.email)
  await other.tab.run()
  if (theirs === 'delete') await other.tab.tasks.remove('', [id])
  else await other.tab.tasks.change('', [id], theirs)
  await other.tab.run()
  await person.tab.tasks.change('', [id], mine)
  assert.equal(await person.tab.run(), 'synced')
  return { ...person, other: other.tab, id }
}

test('two devices that change different fields both win', async () => {
  const { tab, other, id } = await twoDevices({}, { title: 'Ours' }, { priority: 'high' })
  await other.run()
  for (const device of [tab, other])
    assert.deepEqual([device.task(id).title, device.task(id).priority], ['Ours', 'high'])
  assert.deepEqual(tab.tasks.parked.value, [])
})

test('a title that both devices changed keeps ours, and offers theirs', async () => {
  const { tab, other, id } = await twoDevices({}, { title: 'Ours' }, { title: 'Theirs' })
  assert.equal(tab.task(id).title, 'Ours')
  const [change] = tab.tasks.parked.value
  assert.deepEqual(change?.parked, { why: 'conflict', theirs: { title: 'Theirs' } })
  if (change) await tab.tasks.useInstead(change, { title: 'Theirs' })
  await tab.run()
  await other.run()
  assert.deepEqual([tab.task(id).title, other.task(id).title], ['Theirs', 'Theirs'])
  assert.deepEqual(tab.tasks.parked.value, [])
})

test('tags that both devices changed are united, on both', async () => {
  const { tab, other, id } = await twoDevices(
    { tags: ['a'] },
    { tags: ['a', 'b'] },
    { tags: ['a', 'c'] }
  )
  await other.run()
  assert.deepEqual(tab.task(id).tags, ['a', 'c', 'b'])
  assert.deepEqual(other.task(id).tags, ['a', 'c', 'b'])
})

test('a task edited here and deleted elsewhere is restored with the edit on request', async () => {
  const { tab, other, id } = await twoDevices({}, { title: 'Ours' }, 'delete')
  assert.deepEqual(tab.titles(), [])
  const [change] = tab.tasks.parked.value
  assert.deepEqual(change?.parked, { why: 'deleted' })
  if (change) await tab.tasks.sendAgain(change, 'restore')
  assert.equal(await tab.run(), 'synced')
  await other.run()
  assert.deepEqual([tab.task(id).title, other.task(id).title], ['Ours', 'Ours'])
})

test('a task deleted here and edited elsewhere stays until the person decides', async () => {
  const { tab, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  const { tab: other } = await newDevice(email)
  await other.run()
  await other.tasks.change('', [id], { description: 'Important' })
  await other.run()
  await tab.tasks.remove('', [id])
  assert.equal(await tab.run(), 'synced')
  assert.equal(tab.task(id).description, 'Important')
  const [change] = tab.tasks.parked.value
  assert.deepEqual(change?.parked, { why: 'changed' })
  if (change) await tab.tasks.sendAgain(change, 'delete')
  await tab.run()
  await other.run()
  assert.deepEqual([...tab.titles(), ...other.titles()], [])
})

test('two devices that delete the same task are no conflict', async () => {
  const { tab, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  const { tab: other } = await newDevice(email)
  await other.run()
  for (const device of [other, tab]) {
    await device.tasks.remove('', [id])
    assert.equal(await device.run(), 'synced')
    assert.deepEqual(device.tasks.parked.value, [])
  }
})

test('undo takes back an edit, a completion, a deletion and a new task, before and after sending', async () => {
  for (const isSent of [false, true]) {
    const { tab } = await newPerson()
    const send = async () => isSent && (await tab.run())
    const { id } = tab.tasks.add('', { title: 'Buy milk' })
    await send()
    await tab.tasks.change('', [id], { title: 'Buy oat milk' })
    await send()
    await tab.tasks.change('', [id], { completed: true })
    await send()
    await tab.tasks.remove('', [id])
    await send()
    assert.deepEqual(tab.titles(), [])
    tab.tasks.undo()
    await send()
    assert.equal(tab.task(id).title, 'Buy oat milk')
    tab.tasks.undo()
    assert.equal(tab.task(id).completed, false)
    tab.tasks.undo()
    assert.equal(tab.task(id).title, 'Buy milk')
    await tab.run()
    assert.equal(tab.task(id).title, 'Buy milk')
    tab.tasks.undo()
    await tab.run()
    assert.deepEqual(tab.titles(), [])
    assert.deepEqual([tab.tasks.waiting.value, tab.tasks.parked.value], [0, []])
  }
})

test('edits that were never sent survive a deletion that is undone after it was sent', async () => {
  const { tab } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  await tab.tasks.change('', [id], { title: 'Buy oat milk' })
  await tab.tasks.remove('', [id])
  await tab.run()
  tab.tasks.undo()
  await tab.run()
  assert.equal(tab.task(id).title, 'Buy oat milk')
  assert.equal(tab.tasks.waiting.value, 0)
})

test('an invalid change is parked, and the others of its batch are sent', async () => {
  const { tab } = await newPerson()
  await tab.run()
  tab.tasks.add('', { title: 'x'.repeat(256) })
  tab.tasks.add('', { title: 'Fine' })
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(tab.titles(), ['Fine'])
  const [change] = tab.tasks.parked.value
  assert.equal(change?.parked?.why, 'refused')
  if (change) await tab.tasks.sendAgain(change, 'create', { title: 'Short' })
  await tab.run()
  assert.deepEqual(tab.titles(), ['Fine', 'Short'])
})

test('a batch refused without a reason is taken apart until one change is to blame', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  for (const title of ['A', 'B', 'C']) tab.tasks.add('', { title })
  profile.network = async (request, pass) =>
    isBatch(request) && (await request.clone().text()).includes('"B"') ? problem(400) : pass()
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(tab.titles(), ['A', 'C'])
  assert.deepEqual(
    tab.tasks.parked.value.map(({ base }) => base.title),
    ['B']
  )
})

test('410 begins again, drops what is gone, and keeps the outbox', async () => {
  const { tab, profile, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Gone' })
  tab.tasks.add('', { title: 'Stays' })
  await tab.run()
  const { tab: other } = await newDevice(email)
  await other.run()
  await other.tasks.remove('', [id])
  await other.run()
  const isStale = once(
    profile,
    ({ url }) => url.includes('since='),
    async () => problem(410)
  )
  tab.tasks.add('', { title: 'New' })
  assert.equal(await tab.run(), 'synced')
  assert.ok(isStale())
  assert.deepEqual(tab.titles(), ['New', 'Stays'])
})

for (const [status, state] of [
  [500, 'trouble'],
  [503, 'trouble'],
  [429, 'limited'],
] as const)
  test(`a ${status} keeps every change for later`, async () => {
    const { tab, profile } = await newPerson()
    await tab.run()
    tab.tasks.add('', { title: 'A' })
    once(profile, isBatch, async () => problem(status, {}, { 'Retry-After': '1' }))
    assert.equal(await tab.run(), state)
    assert.equal(tab.tasks.waiting.value, 1)
    assert.equal(await tab.run(), 'synced')
    assert.equal(tab.tasks.waiting.value, 0)
  })

test('a reply that is no problem document is trouble, and loses nothing', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  tab.tasks.add('', { title: 'A' })
  once(profile, isBatch, async () => new Response('<html>Bad gateway</html>', { status: 502 }))
  assert.equal(await tab.run(), 'trouble')
  once(profile, isBatch, async () => new Response('[{"id":'))
  assert.equal(await tab.run(), 'offline')
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(tab.titles(), ['A'])
})

test('two tabs share the outbox, and send each change once', async () => {
  const { tab, profile, user } = await newPerson()
  const second = await openTab(profile, user)
  tab.tasks.add('', { title: 'A' })
  second.tasks.add('', { title: 'B' })
  await Promise.all([tab.run(), second.run()])
  await Promise.all([tab.tasks.reload(), second.tasks.reload()])
  assert.deepEqual(tab.titles(), ['A', 'B'])
  assert.deepEqual(second.titles(), ['A', 'B'])
  const batches = profile.requests.filter((line) => line === 'POST /tasks/batch')
  assert.ok(batches.length <= 2, `${batches.length} batches`)
})

test('several tabs that start at once refresh with one cookie and all sync', async () => {
  const { profile, user } = await newPerson()
  const tabs = await Promise.all([1, 2, 3].map(() => openTab(profile, user)))
  assert.deepEqual(await Promise.all(tabs.map((tab) => tab.run())), ['synced', 'synced', 'synced'])
})

test('an access token that is not accepted any more is renewed once', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  once(profile, isBatch, async () => problem(401))
  tab.tasks.add('', { title: 'A' })
  assert.equal(await tab.run(), 'synced')
})

test('a session that was ended elsewhere keeps the changes until the person signs in again', async () => {
  const { tab, profile, email } = await newPerson()
  await tab.run()
  const { tab: other } = await newDevice(email)
  await other.account.client.auth.sessions.$delete()
  tab.tasks.add('', { title: 'A' })
  assert.equal(await tab.run(), 'signed-out')
  assert.equal(tab.tasks.waiting.value, 1)
  await tab.account.signIn(email, password)
  assert.equal(await tab.run(), 'synced')
  assert.equal(profile.requests.filter((line) => line === 'POST /auth/refresh').length, 2)
})

test("another user's token is thrown away, and nothing is sent", async () => {
  const ada = await newPerson()
  const bob = await newPerson()
  ada.tab.tasks.add('', { title: "Ada's" })
  // Bob signs in, in another tab of the same browser.
  await accountOf(ada.profile).signIn(bob.email, password)
  ada.profile.memory.set('user', JSON.stringify(ada.user))
  const tab = await openTab(ada.profile, ada.user)
  ada.profile.requests.length = 0
  assert.equal(await tab.run(), 'stranger')
  assert.deepEqual(ada.profile.requests, ['POST /auth/refresh'])
  assert.equal(tab.tasks.waiting.value, 1)
})

test('signing out ends the session and leaves nothing on the device', async () => {
  const { tab, profile, user } = await newPerson()
  tab.tasks.add('', { title: 'A' })
  await tab.run()
  assert.equal(await tab.account.signOut(), true)
  tab.store.close()
  await eraseStore(user.id)
  assert.equal(profile.cookie(), '')
  assert.deepEqual([...profile.memory], [])
  const store = await openStore(user.id)
  assert.deepEqual(await store.read(), { tasks: [], outbox: [] })
})

test('signing out without a network is made good at the next start', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  profile.network = offline
  assert.equal(await tab.account.signOut(), false)
  const account = accountOf(profile)
  assert.equal(account.remembered(), undefined)
  assert.equal(await account.endLeftSession(), false)
  profile.network = (_, pass) => pass()
  assert.equal(await account.endLeftSession(), true)
  assert.equal(profile.cookie(), '')
  assert.deepEqual([...profile.memory], [])
})

test('150 tasks are sent in batches of at most 100, and pulled in pages', async () => {
  const { tab, profile, email } = await newPerson()
  await tab.run()
  profile.requests.length = 0
  for (let n = 0; n < 150; n++) tab.tasks.add('', { title: `Task ${n}` })
  assert.equal(await tab.run(), 'synced')
  assert.equal(profile.requests.filter((line) => line === 'POST /tasks/batch').length, 2)
  const { tab: other } = await newDevice(email)
  await other.run()
  assert.equal(other.titles().length, 150)
})

test('250 changes that were made offline arrive in three batches', async () => {
  const { tab, profile, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Old' })
  await tab.run()
  profile.network = offline
  await tab.tasks.change('', [id], { title: 'Edited' })
  for (let n = 1; n < 250; n++) tab.tasks.add('', { title: `Task ${n}` })
  assert.equal(await tab.run(), 'offline')
  assert.equal(tab.tasks.waiting.value, 250)
  const sizes: number[] = []
  profile.network = async (request, pass) => {
    if (isBatch(request)) sizes.push((await request.clone().json()).length)
    return pass()
  }
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(sizes, [100, 100, 50])
  assert.equal(tab.tasks.waiting.value, 0)
  const { tab: other } = await newDevice(email)
  await other.run()
  assert.deepEqual(other.titles(), tab.titles())
})

test('of 200 tasks that are completed at once, the one that is gone loses none of the others', async () => {
  const { tab, email } = await newPerson()
  for (let n = 0; n < 200; n++) tab.tasks.add('', { title: `Task ${n}` })
  await tab.run()
  const ids = [...tab.tasks.all.value.keys()]
  const [gone = ''] = ids
  const { tab: other } = await newDevice(email)
  await other.run()
  await other.tasks.remove('', [gone])
  await other.run()
  await tab.tasks.change('', ids, { completed: true })
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(
    tab.tasks.parked.value.map(({ id, parked }) => [id, parked]),
    [[gone, { why: 'deleted' }]]
  )
  assert.equal(tab.tasks.waiting.value, 0)
  await other.run()
  const done = [...other.tasks.all.value.values()].filter(({ completed }) => completed)
  assert.equal(done.length, 199)
})

test('200 tasks that are completed and undone are on the server as before', async () => {
  for (const isSent of [false, true]) {
    const { tab, email } = await newPerson()
    for (let n = 0; n < 200; n++) tab.tasks.add('', { title: `Task ${n}` })
    await tab.run()
    const before = [...tab.tasks.all.value.values()].map(({ updated_at: _, ...task }) => task)
    await tab.tasks.change('Completed 200 tasks', [...tab.tasks.all.value.keys()], {
      completed: true,
    })
    if (isSent) await tab.run()
    assert.equal(tab.tasks.undo(), 'Completed 200 tasks')
    await tab.run()
    const { tab: other } = await newDevice(email)
    await other.run()
    for (const task of before) {
      const { updated_at: _, ...after } = other.task(task.id)
      assert.deepEqual(after, task)
    }
  }
})

test('a tag that several tasks get leaves each its own tags, and one undo takes it from all', async () => {
  const { tab } = await newPerson()
  const ids = [['a'], ['b']].map((tags) => tab.tasks.add('', { title: 'A', tags }).id)
  await tab.tasks.change('', ids, ({ tags }) => ({ tags: [...tags, 'new'] }))
  await tab.run()
  const tags = () => ids.map((id) => tab.task(id).tags)
  assert.deepEqual(tags(), [
    ['a', 'new'],
    ['b', 'new'],
  ])
  tab.tasks.undo()
  await tab.run()
  assert.deepEqual(tags(), [['a'], ['b']])
})

test('a batch stays below 1 MiB', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  const sizes: number[] = []
  profile.network = async (request, pass) => {
    if (isBatch(request)) sizes.push((await request.clone().arrayBuffer()).byteLength)
    return pass()
  }
  const description = '€'.repeat(10_000)
  for (let n = 0; n < 40; n++) tab.tasks.add('', { title: `Task ${n}`, description })
  assert.equal(await tab.run(), 'synced')
  assert.equal(tab.tasks.waiting.value, 0)
  assert.ok(sizes.length > 1 && sizes.every((size) => size <= 1024 * 1024), String(sizes))
})

test('a visitor without a session asks the server nothing at the start', async () => {
  const profile = newProfile()
  assert.equal(await accountOf(profile).endLeftSession(), true)
  assert.deepEqual(profile.requests, [])
})
