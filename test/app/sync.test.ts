import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { Changes } from '../../src/client.ts'
import {
  indexedDb,
  isBatch,
  isPull,
  lost,
  memory,
  newDevice,
  newPerson,
  offline,
  once,
  openTab,
  problem,
} from './devices.ts'

for (const place of [indexedDb, memory])
  describe(`with ${place.name}`, () => {
    test('a task that is added reaches another device, and edits come back', async () => {
      const { tab, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Buy milk', tags: ['shop'] })
      assert.deepEqual(tab.titles(), ['Buy milk'])
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.tasks.waiting.value, 0)

      const { tab: other } = await newDevice(email, place)
      assert.equal(await other.run(), 'synced')
      assert.deepEqual(other.task(id), tab.task(id))
      await other.tasks.change('', [id], { completed: true })
      await other.run()
      await tab.run()
      assert.equal(tab.task(id).completed, true)
      assert.ok(tab.task(id).completed_at)
    })

    test('changes are kept without a network, survive a restart, and are sent later', async () => {
      const { tab, profile, user } = await newPerson(place)
      await tab.run()
      profile.network = offline
      const { id } = tab.tasks.add('', { title: 'One' })
      const second = tab.tasks.add('', { title: 'Two' })
      await tab.tasks.change('', [id], { title: 'One, edited' })
      await tab.tasks.remove('', [second.id])
      assert.equal(await tab.run(), 'offline')
      assert.equal(tab.tasks.waiting.value, 1)

      tab.store.close()
      const again = await openTab(profile, user, { place })
      assert.deepEqual(again.titles(), ['One, edited'])
      profile.network = (_, pass) => pass()
      assert.equal(await again.run(), 'synced')
      assert.equal(again.tasks.waiting.value, 0)
      assert.deepEqual(again.titles(), ['One, edited'])
    })

    test('a batch whose reply is lost is sent again under its key, and nothing is done twice', async () => {
      const { tab, profile } = await newPerson(place)
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
      const { tab, profile, email } = await newPerson(place)
      await tab.run()
      once(profile, isBatch, lost)
      const { id } = tab.tasks.add('', { title: 'Buy milk' })
      assert.equal(await tab.run(), 'offline')
      const { tab: other } = await newDevice(email, place)
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
      const { tab, profile } = await newPerson(place)
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
      const { tab, profile, user } = await newPerson(place)
      await tab.run()
      once(profile, (request) => request.url.includes('/tasks/changes'), offline)
      tab.tasks.add('', { title: 'A' })
      assert.equal(await tab.run(), 'offline')
      tab.store.close()
      const again = await openTab(profile, user, { place })
      assert.deepEqual(again.titles(), ['A'])
      assert.equal(await again.run(), 'synced')
      assert.deepEqual(again.titles(), ['A'])
    })

    /** Two devices that both know one task, and have changed it in these ways without a network. */
    const twoDevices = async (fields: object, mine: object, theirs: object | 'delete') => {
      const person = await newPerson(place)
      const { id } = person.tab.tasks.add('', { title: 'Buy milk', ...fields })
      await person.tab.run()
      const other = await newDevice(person.email, place)
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
      await tab.tasks.change('', [id], { title: 'Theirs' })
      if (change) await tab.tasks.discard(change)
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
      const { tab, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Buy milk' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
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
      const { tab, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Buy milk' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      for (const device of [other, tab]) {
        await device.tasks.remove('', [id])
        assert.equal(await device.run(), 'synced')
        assert.deepEqual(device.tasks.parked.value, [])
      }
    })

    test('undo takes back an edit, a completion, a deletion and a new task, before and after sending', async () => {
      for (const isSent of [false, true]) {
        const { tab } = await newPerson(place)
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
      const { tab } = await newPerson(place)
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
      const { tab } = await newPerson(place)
      await tab.run()
      tab.tasks.add('', { title: 'x'.repeat(256) })
      tab.tasks.add('', { title: 'Fine' })
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual(tab.titles(), ['Fine'])
      const [change] = tab.tasks.parked.value
      assert.equal(change?.parked?.why, 'refused')
      assert.match(JSON.stringify(change?.parked), /"the title must be a string of 1 to 255/)
      if (change) await tab.tasks.sendAgain(change, 'create', { title: 'Short' })
      await tab.run()
      assert.deepEqual(tab.titles(), ['Fine', 'Short'])
    })

    test('tags of two devices that are too many for one task wait for the person', async () => {
      const { tab, email } = await newPerson(place)
      const tags = Array.from({ length: 19 }, (_, n) => `tag ${n}`)
      const { id } = tab.tasks.add('', { title: 'A', tags })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { tags: [...tags, 'theirs'] })
      await other.run()
      await tab.tasks.change('', [id], { tags: [...tags, 'ours'] })
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual(tab.task(id).tags, [...tags, 'theirs'])
      const [change] = tab.tasks.parked.value
      assert.deepEqual(change?.parked, {
        why: 'refused',
        detail: 'the tags must be at most 20 tags',
      })
      assert.deepEqual(change?.fields.tags, [...tags, 'theirs', 'ours'])
    })

    test('a batch refused without a reason is taken apart until one change is to blame', async () => {
      const { tab, profile } = await newPerson(place)
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
      const { tab, profile, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Gone' })
      tab.tasks.add('', { title: 'Stays' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
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
      [500, 'broken'],
      [503, 'trouble'],
      [429, 'limited'],
    ] as const)
      test(`a ${status} keeps every change for later`, async () => {
        const { tab, profile } = await newPerson(place)
        await tab.run()
        tab.tasks.add('', { title: 'A' })
        once(profile, isBatch, async () => problem(status))
        assert.equal(await tab.run(), state)
        assert.equal(tab.tasks.waiting.value, 1)
        assert.equal(await tab.run(), 'synced')
        assert.equal(tab.tasks.waiting.value, 0)
      })

    test('a reply that is no problem document is trouble, and loses nothing', async () => {
      const { tab, profile } = await newPerson(place)
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
      const { tab, profile, user } = await newPerson(place)
      const second = await openTab(profile, user, { place })
      tab.tasks.add('', { title: 'A' })
      second.tasks.add('', { title: 'B' })
      await Promise.all([tab.run(), second.run()])
      await Promise.all([tab.tasks.reload(), second.tasks.reload()])
      assert.deepEqual(tab.titles(), ['A', 'B'])
      assert.deepEqual(second.titles(), ['A', 'B'])
      const batches = profile.requests.filter((line) => line === 'POST /tasks/batch')
      assert.ok(batches.length <= 2, `${batches.length} batches`)
    })

    test('150 tasks are sent in batches of at most 100, and pulled in pages', async () => {
      const { tab, profile, email } = await newPerson(place)
      await tab.run()
      profile.requests.length = 0
      for (let n = 0; n < 150; n++) tab.tasks.add('', { title: `Task ${n}` })
      assert.equal(await tab.run(), 'synced')
      assert.equal(profile.requests.filter((line) => line === 'POST /tasks/batch').length, 2)
      const { tab: other } = await newDevice(email, place)
      await other.run()
      assert.equal(other.titles().length, 150)
    })

    test('a batch stays below 130 KiB', async () => {
      const { tab, profile } = await newPerson(place)
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
      assert.ok(sizes.length > 1 && sizes.every((size) => size <= 130 * 1024), String(sizes))
    })

    test('a change that is made while a sync ends is sent soon, and not with the next pull', async () => {
      const { tab, profile } = await newPerson(place)
      once(profile, isPull, async (_, pass) => {
        tab.sync.soon()
        return pass()
      })
      Object.assign(globalThis, { document: { visibilityState: 'visible' } })
      try {
        await tab.run()
        assert.deepEqual(tab.waits, [150])
        tab.timers[0]?.()
        await tab.run()
        assert.deepEqual(tab.waits.slice(1), [60_000])
      } finally {
        Reflect.deleteProperty(globalThis, 'document')
      }
    })

    test('calls of sync that wait for their turn become one', async () => {
      const { tab, profile } = await newPerson(place)
      await tab.run()
      profile.requests.length = 0
      await Promise.all([1, 2, 3, 4, 5].map(() => tab.sync.sync()))
      assert.equal(profile.requests.length, 1)
    })

    test('a server that asks to wait is left alone until then', async (t) => {
      let now = performance.now()
      t.mock.method(performance, 'now', () => now)
      const { tab, profile } = await newPerson(place)
      await tab.run()
      tab.tasks.add('', { title: 'A' })
      once(profile, isBatch, async () => problem(429, {}, { 'Retry-After': '60' }))
      assert.equal(await tab.run(), 'limited')
      assert.deepEqual(tab.waits, [60_000])
      profile.requests.length = 0
      tab.sync.soon()
      now += 59_000
      assert.equal(await tab.run(), 'limited')
      assert.deepEqual([tab.waits, profile.requests], [[60_000], []])
      now += 1000
      assert.equal(await tab.run(), 'synced')
    })

    test('waits without a network double up to a minute, and begin again after a success', async () => {
      const { tab, profile } = await newPerson(place)
      profile.network = offline
      for (let tries = 0; tries < 8; tries++) {
        tab.timers.at(-1)?.()
        await tab.sync.sync()
      }
      profile.network = (_, pass) => pass()
      await tab.run()
      profile.network = offline
      tab.timers.at(-1)?.()
      await tab.sync.sync()
      const near = (wait: number, seconds: number) => Math.abs(wait / 1000 / seconds - 1) <= 0.25
      const [first = 0, second = 0, third = 0] = tab.waits
      assert.ok(near(first, 1) && near(second, 2) && near(third, 4), String(tab.waits))
      assert.ok(tab.waits.every((wait) => wait <= 75_000))
      assert.ok(near(tab.waits.at(-1) ?? 0, 1), String(tab.waits))
    })

    for (const status of [403, 404, 407, 413, 422])
      test(`a ${status} that a proxy made parks nothing and starts no new pull`, async () => {
        const { tab, profile } = await newPerson(place)
        await tab.run()
        tab.tasks.add('', { title: 'A' })
        const page = async () =>
          new Response('<h1>Blocked</h1>', { status, headers: { 'Content-Type': 'text/html' } })
        profile.network = page
        assert.equal(await tab.run(), 'trouble')
        assert.deepEqual([tab.tasks.waiting.value, tab.tasks.parked.value], [1, []])
        profile.requests.length = 0
        once(profile, isPull, page)
        assert.equal(await tab.run(), 'trouble')
        assert.deepEqual(profile.requests, ['POST /tasks/batch', 'GET /tasks/changes'])
        assert.equal(await tab.run(), 'synced')
      })

    test('a reply with too few outcomes is trouble, and loses nothing', async () => {
      const { tab, profile } = await newPerson(place)
      await tab.run()
      tab.tasks.add('', { title: 'A' })
      once(profile, isBatch, async () => Response.json([]))
      assert.equal(await tab.run(), 'trouble')
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual(tab.titles(), ['A'])
    })

    test('a change that is too large by itself is parked, and the others are sent', async () => {
      const { tab } = await newPerson(place)
      await tab.run()
      tab.tasks.add('', { title: 'Huge', description: 'x'.repeat(1_200_000) })
      tab.tasks.add('', { title: 'Fine' })
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual(tab.titles(), ['Fine'])
      assert.equal(tab.tasks.parked.value.length, 1)
      assert.equal(tab.tasks.waiting.value, 0)
    })

    test('a bad change among 100 is found in few requests', async () => {
      const { tab, profile } = await newPerson(place)
      await tab.run()
      for (let n = 0; n < 100; n++) tab.tasks.add('', { title: `Task ${n}.` })
      profile.network = async (request, pass) =>
        isBatch(request) && (await request.clone().text()).includes('"Task 61."')
          ? problem(400)
          : pass()
      profile.requests.length = 0
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.titles().length, 99)
      assert.equal(tab.tasks.parked.value.length, 1)
      assert.ok(profile.requests.length < 30, `${profile.requests.length} requests`)
    })

    test('a title of 255 characters beyond UTF-16 is accepted', async () => {
      const { tab } = await newPerson(place)
      tab.tasks.add('', { title: '😀'.repeat(255) })
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual(tab.tasks.parked.value, [])
    })

    /** Serves pages of so many tasks, and has the page with this number meet with `fate`. */
    const paged = (limit: number, number: number, fate: () => Promise<Response>) => {
      let pages = 0
      return (request: Request, pass: (instead?: Request) => Promise<Response>) => {
        if (!isPull(request)) return pass()
        if (++pages === number) return fate()
        const url = new URL(request.url)
        url.searchParams.set('limit', String(limit))
        return pass(new Request(url, request))
      }
    }

    test('410 in the middle of a pull from the beginning keeps all, and the next sync begins again', async () => {
      const { tab, profile, email } = await newPerson(place)
      for (const title of ['A', 'B', 'C', 'D', 'E']) tab.tasks.add('', { title })
      await tab.run()
      const { tab: other, profile: second } = await newDevice(email, place)
      second.network = paged(2, 2, async () => problem(410))
      other.tasks.add('', { title: 'Mine' })
      assert.equal(await other.run(), 'trouble')
      assert.deepEqual(other.titles(), ['Mine'])
      assert.equal(await other.run(), 'synced')
      assert.deepEqual(other.titles(), ['A', 'B', 'C', 'D', 'E', 'Mine'])
      assert.ok(profile)
    })

    test('410 in the middle of the pages of changes begins again', async () => {
      const { tab, email } = await newPerson(place)
      await tab.run()
      const { tab: other, profile } = await newDevice(email, place)
      await other.run()
      for (const title of ['A', 'B', 'C', 'D', 'E']) tab.tasks.add('', { title })
      await tab.run()
      profile.network = paged(2, 2, async () => problem(410))
      assert.equal(await other.run(), 'synced')
      assert.deepEqual(other.titles(), ['A', 'B', 'C', 'D', 'E'])
    })

    test('a task that is deleted and restored during a pull from the beginning is kept', async () => {
      const { tab, email } = await newPerson(place)
      for (const title of ['A', 'B', 'C']) tab.tasks.add('', { title })
      await tab.run()
      const { tab: other, profile } = await newDevice(email, place)
      let [isDeleted, isRestored] = [false, false]
      profile.network = async (request, pass) => {
        if (!isPull(request)) return pass()
        const url = new URL(request.url)
        url.searchParams.set('limit', '1')
        const reply = await pass(new Request(url, request))
        const { tasks, deleted } = (await reply.clone().json()) as Changes
        if (!isDeleted) {
          isDeleted = true
          await tab.tasks.remove('', [tasks[0]?.id ?? ''])
          // The deletion must not be on the last page.
          tab.tasks.add('', { title: 'D' })
          await tab.run()
        } else if (deleted.length) {
          isRestored = true
          tab.tasks.undo()
          tab.tasks.undo()
          await tab.run()
        }
        return reply
      }
      assert.equal(await other.run(), 'synced')
      assert.ok(isRestored)
      assert.deepEqual(other.titles(), ['A', 'B', 'C'])
    })

    test('a pull while changes are pending keeps them, and moves them to the new copy', async () => {
      const { tab, profile, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Buy milk' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { title: 'Buy oat milk', priority: 'high' })
      await other.run()
      once(profile, isPull, async (_, pass) => {
        await tab.tasks.change('', [id], { title: 'Ours' })
        return pass()
      })
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual([tab.task(id).title, tab.task(id).priority], ['Ours', 'high'])
      assert.deepEqual(
        tab.tasks.parked.value.map(({ parked }) => parked),
        [{ why: 'conflict', theirs: { title: 'Buy oat milk' } }]
      )
      // Back to what it was before the pull: that is an edit of the new copy, and no longer nothing.
      await tab.tasks.change('', [id], { title: 'Buy milk' })
      profile.requests.length = 0
      await tab.run()
      await other.run()
      assert.equal(other.task(id).title, 'Buy milk')
      assert.equal(profile.requests.filter((line) => line === 'POST /tasks/batch').length, 1)
    })

    test('undo takes back only what nobody has changed since', async () => {
      const { tab, profile, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Buy milk', due_date: '2026-12-01' })
      await tab.run()
      await tab.tasks.change('', [id], { title: 'Ours', priority: 'high', due_date: '2026-12-02' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { title: 'Theirs', description: 'Notes' })
      await other.run()
      await tab.run()
      profile.requests.length = 0
      assert.ok(tab.tasks.undo() !== undefined)
      await tab.run()
      await other.run()
      // One request: the inverse starts from the present copy, so the server does not refuse it.
      assert.equal(profile.requests.filter((line) => line === 'POST /tasks/batch').length, 1)
      for (const { title, description, priority, due_date } of [tab.task(id), other.task(id)])
        assert.deepEqual(
          [title, description, priority, due_date],
          ['Theirs', 'Notes', 'medium', '2026-12-01']
        )
      assert.deepEqual(tab.tasks.parked.value, [])
    })

    test('undo of a command whose task is gone does nothing, and says so', async () => {
      const { tab, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.tasks.change('edit', [id], { title: 'B' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.remove('', [id])
      await other.run()
      await tab.run()
      assert.equal(tab.tasks.undo(), undefined)
      assert.equal(tab.tasks.waiting.value, 0)
    })

    test('a task that was added, edited and deleted before it was sent comes back by undo', async () => {
      const { tab, profile } = await newPerson(place)
      await tab.run()
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.tasks.change('', [id], { title: 'B' })
      await tab.tasks.remove('', [id])
      tab.tasks.undo()
      profile.requests.length = 0
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.task(id).title, 'B')
      assert.deepEqual(tab.tasks.parked.value, [])
    })

    test('a deletion that is undone while its batch is under way is taken back', async () => {
      const { tab, profile } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.run()
      await tab.tasks.remove('', [id])
      once(profile, isBatch, async (_, pass) => {
        const reply = await pass()
        tab.tasks.undo()
        await tab.tasks.reload([])
        return reply
      })
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual([tab.titles(), tab.tasks.waiting.value], [['A'], 0])
    })

    test('a task that is deleted while its create is under way is deleted there too', async () => {
      const { tab, profile, email } = await newPerson(place)
      await tab.run()
      const { id } = tab.tasks.add('', { title: 'A' })
      once(profile, isBatch, async (_, pass) => {
        const reply = await pass()
        await tab.tasks.remove('', [id])
        return reply
      })
      assert.equal(await tab.run(), 'synced')
      const { tab: other } = await newDevice(email, place)
      await other.run()
      assert.deepEqual([...tab.titles(), ...other.titles()], [])
      tab.tasks.undo()
      await tab.run()
      assert.deepEqual(tab.titles(), ['A'])
    })

    test('undo while a deletion waits for a decision leaves the copy as the server has it', async () => {
      const { tab, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { title: 'Theirs' })
      await other.run()
      await tab.tasks.remove('', [id])
      await tab.run()
      assert.equal(tab.tasks.parked.value[0]?.parked?.why, 'changed')
      tab.tasks.undo()
      await tab.run()
      assert.equal(tab.task(id).title, 'Theirs')
      await other.run()
      assert.deepEqual(tab.task(id), other.task(id))
    })

    test('a restored task offers the text that another device wrote before it deleted it', async () => {
      const { tab, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'Buy milk' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { title: 'Theirs' })
      await other.run()
      await other.tasks.remove('', [id])
      await other.run()
      await tab.tasks.change('', [id], { title: 'Ours' })
      await tab.run()
      const [change] = tab.tasks.parked.value
      assert.deepEqual(change?.parked, { why: 'deleted' })
      if (change) await tab.tasks.sendAgain(change, 'restore')
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.task(id).title, 'Ours')
      assert.deepEqual(
        tab.tasks.parked.value.map(({ parked }) => parked),
        [{ why: 'conflict', theirs: { title: 'Theirs' } }]
      )
    })

    test('a task edited and then deleted here, and edited elsewhere, is not deleted without asking', async () => {
      const { tab, profile, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { description: 'Theirs' })
      await other.run()
      await tab.tasks.change('', [id], { title: 'B' })
      once(profile, isBatch, async (_, pass) => {
        const reply = await pass()
        await tab.tasks.remove('', [id])
        return reply
      })
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.task(id).description, 'Theirs')
      assert.equal(tab.tasks.parked.value.at(-1)?.parked?.why, 'changed')
      const asked = tab.tasks.parked.value.at(-1)
      if (asked) await tab.tasks.sendAgain(asked, 'delete')
      await tab.run()
      assert.deepEqual([tab.titles(), tab.tasks.parked.value], [[], []])
    })

    test('a task whose create existed already is not deleted without asking when another device edited it', async () => {
      const { tab, profile, email } = await newPerson(place)
      await tab.run()
      once(profile, isBatch, lost)
      const { id } = tab.tasks.add('', { title: 'A' })
      assert.equal(await tab.run(), 'offline')
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { title: 'Theirs' })
      await other.run()
      await tab.tasks.remove('', [id])
      profile.network = (request, pass) => {
        if (isBatch(request)) request.headers.set('Idempotency-Key', `"${randomUUID()}"`)
        return pass()
      }
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.task(id).title, 'Theirs')
      assert.equal(tab.tasks.parked.value[0]?.parked?.why, 'changed')
    })

    test('a time that was set and cleared with its date before it was sent is no refusal', async () => {
      const { tab } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A', due_date: '2026-12-01' })
      await tab.run()
      await tab.tasks.change('', [id], { due_time: '09:30' })
      await tab.tasks.change('', [id], { due_date: null })
      assert.equal(tab.task(id).due_time, null)
      assert.equal(await tab.run(), 'synced')
      assert.deepEqual([tab.task(id).due_date, tab.tasks.parked.value], [null, []])
      tab.tasks.undo()
      await tab.run()
      assert.deepEqual([tab.task(id).due_date, tab.task(id).due_time], ['2026-12-01', '09:30'])
    })

    test('a title is kept here as the server keeps it, so that undo knows it again', async () => {
      const { tab } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: ' A ' })
      await tab.run()
      await tab.tasks.change('', [id], { title: '  B  ' })
      await tab.run()
      tab.tasks.undo()
      assert.equal(tab.task(id).title, 'A')
    })

    test('an edit in a tab that does not know of a deletion in another brings the task back', async () => {
      const { tab, profile, user } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.run()
      const second = await openTab(profile, user, { place })
      await tab.tasks.remove('', [id])
      await second.tasks.change('', [id], { title: 'B' })
      assert.equal(await second.run(), 'synced')
      assert.deepEqual(second.titles(), ['B'])
      await tab.tasks.reload()
      assert.deepEqual(tab.titles(), ['B'])
    })

    for (const isEdited of [false, true])
      test(`text that arrived while it was edited here is offered${isEdited ? ', also where another edit is unsent' : ''}`, async () => {
        const { tab, email } = await newPerson(place)
        const { id } = tab.tasks.add('', { title: 'A', description: 'Before' })
        await tab.run()
        const began = tab.task(id)
        const { tab: other } = await newDevice(email, place)
        await other.run()
        await other.tasks.change('', [id], { description: 'Theirs' })
        await other.run()
        await tab.run()
        assert.equal(tab.task(id).description, 'Theirs')
        if (isEdited) await tab.tasks.change('', [id], { priority: 'high' })
        await tab.tasks.change('', [id], { description: 'Ours' }, began)
        assert.equal(await tab.run(), 'synced')
        assert.deepEqual(
          [tab.task(id).description, tab.task(id).priority],
          ['Ours', isEdited ? 'high' : 'medium']
        )
        assert.deepEqual(
          tab.tasks.parked.value.map(({ parked }) => parked),
          [{ why: 'conflict', theirs: { description: 'Theirs' } }]
        )
        tab.tasks.undo()
        assert.equal(tab.task(id).description, 'Theirs')
      })

    test('a conflict keeps edits that were sent from a parked deletion', async () => {
      const { tab, profile, email } = await newPerson(place)
      const { id } = tab.tasks.add('', { title: 'A' })
      await tab.run()
      const { tab: other } = await newDevice(email, place)
      await other.run()
      await other.tasks.change('', [id], { title: 'Theirs' })
      await other.run()
      await tab.tasks.change('', [id], { title: 'Ours' })
      await tab.tasks.remove('', [id])
      once(profile, isBatch, async (_, pass) => {
        const reply = await pass()
        tab.tasks.undo()
        await tab.tasks.reload([])
        return reply
      })
      assert.equal(await tab.run(), 'synced')
      assert.equal(tab.task(id).title, 'Ours')
      assert.deepEqual(
        tab.tasks.parked.value.map(({ parked }) => parked),
        [{ why: 'conflict', theirs: { title: 'Theirs' } }]
      )
    })
  })
