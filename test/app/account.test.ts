import 'fake-indexeddb/auto'
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import {
  accountOf,
  indexedDb,
  isBatch,
  isPull,
  type Network,
  newDevice,
  newPerson,
  newProfile,
  offline,
  once,
  openTab,
  password,
  problem,
} from './devices.ts'

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
  const { tab, profile, email, user } = await newPerson()
  await tab.run()
  const { tab: other } = await newDevice(email)
  await other.account.clientOf(user.id).auth.sessions.$delete()
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
  assert.deepEqual(tab.account.remembered(), ada.user)
})

test('signing out ends the session and leaves nothing on the device', async () => {
  const { tab, profile, user } = await newPerson()
  tab.tasks.add('', { title: 'A' })
  await tab.run()
  assert.equal(await tab.account.signOut(), true)
  assert.equal(profile.cookie(), '')
  assert.deepEqual([...profile.memory], [])
  const store = await indexedDb.open(user.id)
  assert.deepEqual(await store.read(), { tasks: [], outbox: [] })
})

test('signing out without a network is made good at the next start', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  profile.network = offline
  assert.equal(await tab.account.signOut(), false)
  const account = accountOf(profile)
  assert.equal(account.remembered(), undefined)
  assert.equal(await account.finishSignOut(), false)
  profile.network = (_, pass) => pass()
  assert.equal(await account.finishSignOut(), true)
  assert.equal(profile.cookie(), '')
  assert.deepEqual([...profile.memory], [])
})

test('a page that is closed while it signs out has its tasks erased at the next start', async () => {
  const { profile, user } = await newPerson()
  const never = () => new Promise(() => {})
  const tab = await openTab(profile, user, { erase: never })
  tab.tasks.add('', { title: 'A' })
  await tab.run()
  profile.network = never as Network
  void tab.account.signOut()
  tab.store.close()
  profile.network = (_, pass) => pass()
  const account = accountOf(profile)
  assert.equal(account.remembered(), undefined)
  assert.equal(await account.finishSignOut(), true)
  assert.deepEqual(await (await indexedDb.open(user.id)).read(), { tasks: [], outbox: [] })
  assert.deepEqual([[...profile.memory], profile.cookie()], [[], ''])
})

test('tasks that could not be erased at the sign-out are erased later, after another person too', async () => {
  const ada = await newPerson()
  const bob = await newPerson()
  const fail = () => Promise.reject(new Error('The disk is broken'))
  assert.equal(await accountOf(ada.profile, { erase: fail }).signOut(), true)
  assert.equal(ada.profile.cookie(), '')
  const next = accountOf(ada.profile, { erase: fail })
  await next.signIn(bob.email, password)
  await next.signOut()
  const erased: string[] = []
  await accountOf(ada.profile, { erase: async (id) => erased.push(id) }).finishSignOut()
  assert.deepEqual(erased, [ada.user.id, bob.user.id])
  assert.deepEqual([...ada.profile.memory], [])
})

test('a person who signs in again keeps the tasks that could not be erased', async () => {
  const { profile, email } = await newPerson()
  const erased: string[] = []
  const erase = async (id: string) => {
    erased.push(id)
    throw new Error('The disk is broken')
  }
  const account = accountOf(profile, { erase })
  await account.signOut()
  await account.signIn(email, password)
  await accountOf(profile, { erase }).finishSignOut()
  assert.equal(erased.length, 1)
})

test('a database that another page holds open stops neither the sign-out nor a sign-in', async () => {
  const { profile, user, email } = await newPerson()
  const held = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(`tasks-${user.id}`)
    request.onsuccess = () => resolve(request.result)
  })
  assert.equal(await accountOf(profile, { timeout: 500 }).signOut(), true)
  assert.equal(profile.cookie(), '')
  assert.equal(profile.memory.get('erasing'), user.id)
  // The next start tries again to erase, and does not keep the person waiting.
  const account = accountOf(profile)
  void account.finishSignOut()
  assert.ok('id' in (await account.signIn(email, password)))
  held.close()
})

test('what one person left undone does not end the session of the next', async () => {
  const ada = await newPerson()
  const bob = await newPerson()
  await accountOf(ada.profile).signIn(bob.email, password)
  ada.profile.memory.set('leaving', ada.user.id)
  assert.equal(await accountOf(ada.profile).finishSignOut(), true)
  assert.equal(accountOf(ada.profile).remembered()?.id, bob.user.id)
  const tab = await openTab(ada.profile, bob.user)
  assert.equal(await tab.run(), 'synced')
})

test('a visitor without a session asks the server nothing at the start', async () => {
  const profile = newProfile()
  assert.equal(await accountOf(profile).finishSignOut(), true)
  assert.deepEqual(profile.requests, [])
})

test('a request that hangs is given up, so that other tabs get their turn', async () => {
  const { tab, profile, user } = await newPerson()
  await tab.run()
  const hanging = await openTab(profile, user, { timeout: 50 })
  await hanging.run()
  hanging.tasks.add('', { title: 'A' })
  const { promise: isHanging, resolve } = Promise.withResolvers<void>()
  once(profile, isBatch, () => {
    resolve()
    return new Promise(() => {})
  })
  const first = hanging.run()
  await isHanging
  const [state, other] = await Promise.all([first, tab.run()])
  assert.deepEqual([state, other], ['offline', 'synced'])
})

/** Sends the reply in so many pieces, each after `wait`. An aborted request ends it with an error. */
const inPieces =
  (pieces: number, wait: () => Promise<unknown>): Network =>
  async ({ signal }, pass) => {
    const reply = await pass()
    const bytes = new Uint8Array(await reply.arrayBuffer())
    const size = Math.ceil(bytes.length / pieces)
    let at = 0
    const body = new ReadableStream({
      start: (body) => signal.addEventListener('abort', () => body.error(signal.reason)),
      pull: async (body) => {
        await wait()
        if (signal.aborted) return
        if (at < bytes.length) body.enqueue(bytes.slice(at, at + size))
        else body.close()
        at += size
      },
    })
    return new Response(body, reply)
  }

test('a reply that comes slowly is waited for, and one that breaks off is not', async () => {
  const { tab, profile, user } = await newPerson()
  await tab.run()
  tab.tasks.add('', { title: 'A' })
  await tab.run()
  const slow = await openTab(profile, user, { timeout: 500, database: randomUUID() })
  once(
    profile,
    isPull,
    inPieces(8, () => setTimeout(100))
  )
  assert.equal(await slow.run(), 'synced')
  assert.deepEqual(slow.titles(), ['A'])
  const { promise: never } = Promise.withResolvers()
  let pieces = 0
  once(
    profile,
    isPull,
    inPieces(8, async () => pieces++ && never)
  )
  assert.equal(await slow.run(), 'offline')
  assert.equal(pieces, 2)
})

test('a large change that is sent slowly gets the time for it', async () => {
  const { profile, user } = await newPerson()
  const slow = await openTab(profile, user, { timeout: 500 })
  await slow.run()
  // 20 kB get 2 seconds more than the timeout.
  for (const title of ['A', 'B']) slow.tasks.add('', { title, description: 'x'.repeat(10_000) })
  once(profile, isBatch, async ({ signal }, pass) => {
    await setTimeout(1000)
    return signal.aborted ? Promise.reject(signal.reason) : pass()
  })
  assert.equal(await slow.run(), 'synced')
  assert.equal(slow.tasks.waiting.value, 0)
})

for (const [status, state] of [
  [429, 'limited'],
  [503, 'trouble'],
] as const)
  test(`a ${status} to the renewal of the token is told as such, and waited for`, async () => {
    const { profile, user } = await newPerson()
    const tab = await openTab(profile, user)
    profile.network = async () => problem(status, {}, { 'Retry-After': '30' })
    assert.equal(await tab.run(), state)
    assert.ok((tab.waits[0] ?? 0) > 29_000, String(tab.waits))
  })

test('tasks of one person are not sent with the token of another who signs in over them', async () => {
  const ada = await newPerson()
  const bob = await newPerson()
  await ada.tab.run()
  ada.tab.tasks.add('', { title: "Ada's" })
  await ada.tab.account.signIn(bob.email, password)
  ada.profile.requests.length = 0
  assert.equal(await ada.tab.run(), 'stranger')
  assert.ok(!ada.profile.requests.includes('POST /tasks/batch'))
  assert.equal(ada.tab.tasks.waiting.value, 1)
  await bob.tab.run()
  assert.deepEqual(bob.tab.titles(), [])
})

test('another person who signs in while a request is refused does not get it again', async () => {
  const ada = await newPerson()
  const bob = await newPerson()
  await ada.tab.run()
  ada.tab.tasks.add('', { title: "Ada's" })
  once(ada.profile, isBatch, async () => {
    await ada.tab.account.signIn(bob.email, password)
    return problem(401)
  })
  assert.equal(await ada.tab.run(), 'stranger')
  await bob.tab.run()
  assert.deepEqual(bob.tab.titles(), [])
})

test('signing in again as the same person sends what was kept, after a restart too', async () => {
  const { tab, profile, user, email } = await newPerson()
  await tab.run()
  tab.tasks.add('', { title: 'A' })
  profile.setCookie('')
  const again = await openTab(profile, user)
  assert.equal(await again.run(), 'signed-out')
  assert.deepEqual(again.titles(), ['A'])
  assert.ok('id' in (await again.account.signIn(email, password)))
  assert.equal(await again.run(), 'synced')
  const { tab: other } = await newDevice(email)
  await other.run()
  assert.deepEqual(other.titles(), ['A'])
})

test('a change in the signed-out state asks for no token each time', async () => {
  const { tab, profile } = await newPerson()
  profile.setCookie('')
  assert.equal(await tab.run(), 'signed-out')
  tab.sync.soon()
  assert.deepEqual(tab.waits, [])
})

test('signing out forgets the person and erases the tasks before it asks the server', async () => {
  const { profile, user } = await newPerson()
  const steps: unknown[] = []
  const erase = async (id: string) => steps.push([id, accountOf(profile).remembered()])
  const tab = await openTab(profile, user, { erase })
  profile.network = (request, pass) => {
    steps.push(new URL(request.url).pathname)
    return pass()
  }
  assert.equal(await tab.account.signOut(), true)
  assert.deepEqual(steps, [[user.id, undefined], '/auth/refresh', '/auth/logout'])
})

test('signing in ends the session that could not be ended when the person signed out', async () => {
  const { tab, profile, email } = await newPerson()
  const bob = await newPerson()
  await tab.run()
  const { tab: other, user } = await newDevice(email)
  await other.run()
  profile.network = offline
  assert.equal(await tab.account.signOut(), false)
  profile.network = (_, pass) => pass()
  assert.ok('id' in (await accountOf(profile).signIn(bob.email, password)))
  assert.equal(profile.memory.has('leaving'), false)
  const reply = await other.account.clientOf(user.id).auth.sessions.$get()
  // The session of the other device is left, and the one of the sign-up is not.
  assert.equal(reply.status === 200 ? (await reply.json()).length : 0, 1)
})

test('signing out with unsent changes sends none of them, and leaves none', async () => {
  const { tab, profile, user, email } = await newPerson()
  await tab.run()
  tab.tasks.add('', { title: 'A' })
  await tab.tasks.reload([])
  tab.sync.end()
  profile.requests.length = 0
  tab.store.close()
  await tab.account.signOut()
  await tab.sync.sync()
  assert.deepEqual(profile.requests, ['POST /auth/logout'])
  await accountOf(profile).signIn(email, password)
  const again = await openTab(profile, user)
  assert.equal(await again.run(), 'synced')
  assert.deepEqual(again.titles(), [])
})

/** Has the browser refuse to write until the returned function is called. */
const refuseWrites = () => {
  const { put } = IDBObjectStore.prototype
  IDBObjectStore.prototype.put = () => {
    throw new DOMException('The disk is full', 'QuotaExceededError')
  }
  return () => {
    IDBObjectStore.prototype.put = put
  }
}

test('changes that the browser cannot write stay on the screen, and are written in order when it can', async () => {
  const { tab, user, profile, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'A' })
  await tab.run()
  const allow = refuseWrites()
  try {
    await tab.tasks.change('', [id], { title: 'B' })
    await tab.tasks.change('', [id], { title: 'C' })
    tab.tasks.add('', { title: 'New' })
    await tab.tasks.reload()
    assert.equal(tab.tasks.isUnsaved.value, true)
    assert.deepEqual(tab.titles(), ['C', 'New'])
  } finally {
    allow()
  }
  assert.equal(await tab.run(), 'synced')
  assert.equal(tab.tasks.isUnsaved.value, false)
  assert.deepEqual((await openTab(profile, user)).titles(), ['C', 'New'])
  const { tab: other } = await newDevice(email)
  await other.run()
  assert.deepEqual(other.titles(), ['C', 'New'])
})

test('a sync that the browser cannot write is done again, and nothing is sent twice', async () => {
  const { tab, profile } = await newPerson()
  await tab.run()
  tab.tasks.add('', { title: 'A' })
  await tab.tasks.reload([])
  const keys: (string | null)[] = []
  let allow = () => {}
  profile.network = async (request, pass) => {
    const reply = await pass()
    if (!isBatch(request)) return reply
    keys.push(request.headers.get('Idempotency-Key'))
    if (keys.length === 1) allow = refuseWrites()
    return reply
  }
  assert.equal(await tab.run(), 'full')
  allow()
  assert.equal(await tab.run(), 'synced')
  assert.equal(keys[0], keys[1])
  assert.deepEqual(tab.titles(), ['A'])
})

test('a fault of the app itself is logged, and is not said to be the fault of the server', async (t) => {
  const { tab, profile } = await newPerson()
  await tab.run()
  const logged = t.mock.method(console, 'error', () => {})
  profile.network = async () => Response.json({})
  assert.equal(await tab.run(), 'stumbled')
  assert.ok(logged.mock.calls[0]?.arguments[0] instanceof TypeError)
  profile.network = (_, pass) => pass()
  assert.equal(await tab.run(), 'synced')
})

test('what could not be read is read with the next reload', async () => {
  const { tab, profile, user } = await newPerson()
  const second = await openTab(profile, user)
  tab.tasks.add('', { title: 'A' })
  await tab.tasks.reload([])
  const { getAll } = IDBObjectStore.prototype
  IDBObjectStore.prototype.getAll = () => {
    throw new DOMException('The disk is broken', 'UnknownError')
  }
  try {
    await second.tasks.reload()
    assert.deepEqual(second.titles(), [])
  } finally {
    IDBObjectStore.prototype.getAll = getAll
  }
  await second.tasks.reload([])
  assert.deepEqual(second.titles(), ['A'])
})
