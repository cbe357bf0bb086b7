import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Task } from '../../web/app/changes.ts'
import { byOrder } from '../../web/app/order.ts'
import { newDevice, newPerson, openTab, type Profile, type Tab } from './devices.ts'

/** A generator of numbers that gives the same ones each time (mulberry32). */
const randomFrom = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

const texts = ['title', 'description'] as const

/** A text that a person gave a task, and the text that they saw before. */
type Written = {
  id: string
  field: (typeof texts)[number]
  value: string | null
  over: string | null
}

/** What a command did to the texts of the tasks on the screen. */
const writtenBetween = (before: ReadonlyMap<string, Task>, after: ReadonlyMap<string, Task>) => {
  const written: Written[] = []
  for (const id of new Set([...before.keys(), ...after.keys()]))
    for (const field of texts) {
      const [over = null, value = null] = [before.get(id)?.[field], after.get(id)?.[field]]
      if (over !== value) written.push({ id, field, value, over })
    }
  return written
}

type Device = { profile: Profile; database: string; tab: Tab; isDead: boolean }

/** All tasks of the person on the server, or those in the trash. */
const listOf = async (tab: Tab, userId: string, deleted: 'true' | 'false') => {
  const { tasks } = tab.account.clientOf(userId)
  const found = new Map<string, Task>()
  for (let cursor: string | undefined; ; ) {
    const reply = await tasks.$get({ query: { limit: '100', deleted, ...(cursor && { cursor }) } })
    assert.equal(reply.status, 200)
    for (const { url: _, ...task } of (await reply.json()) as (Task & { url: string })[])
      found.set(task.id, task)
    const [, next] = /<([^>]+)>/.exec(reply.headers.get('Link') ?? '') ?? []
    if (!next) return found
    cursor = new URL(next).searchParams.get('cursor') ?? undefined
  }
}

const textsOf = (fields: Partial<Task>) => texts.flatMap((field) => fields[field] ?? [])

for (const seed of [1, 2, 3])
  test(`two devices and 300 random commands end with equal tasks and no lost text (seed ${seed})`, async () => {
    const random = randomFrom(seed)
    const below = (n: number) => Math.floor(random() * n)
    const { user, email, profile, tab } = await newPerson()
    const devices: [Device, Device] = [
      { profile, tab, database: user.id, isDead: false },
      { ...(await newDevice(email)), isDead: false },
    ]
    const reopen = async (device: Device) => {
      device.tab.store.close()
      device.tab = await openTab(device.profile, user, { database: device.database })
      device.isDead = false
    }

    let mayDie = true
    for (const device of devices)
      device.profile.network = async (_, pass) => {
        const fate = random()
        if (fate < 0.1) throw new TypeError('there is no network')
        if (fate < 0.15) return new Response('<h1>Busy</h1>', { status: 503 })
        const reply = await pass()
        if (mayDie && fate < 0.2) {
          device.isDead = true
          device.tab.store.close()
        } else if (fate < 0.35) throw new TypeError('the connection broke')
        return reply
      }

    let count = 0
    const newText = () => `text ${++count}`
    const written: Written[] = []
    const command = ({ tasks }: Tab) => {
      const before = tasks.all.value
      const list = [...before.values()].sort(byOrder)
      const task = list[below(list.length)]
      const kind = random()
      const change = (fields: Partial<Task>) => task && tasks.change('', [task.id], fields)
      if (!task || kind < 0.15) tasks.add('', { title: newText(), description: newText() })
      else if (kind < 0.35) void change({ title: newText() })
      else if (kind < 0.5) void change({ description: newText() })
      else if (kind < 0.6) void change({ completed: !task.completed })
      else if (kind < 0.65) void change({ due_date: '2026-12-24', due_time: '09:30' })
      else if (kind < 0.68) void change({ due_date: null })
      else if (kind < 0.72) void change({ tags: [...task.tags, newText()].slice(-20) })
      else if (kind < 0.8) void tasks.move('', list, new Set([task.id]), below(list.length))
      else if (kind < 0.88) void tasks.remove('', [task.id])
      else tasks.undo()
      written.push(...writtenBetween(before, tasks.all.value))
      return tasks.reload([])
    }

    for (let commands = 0; commands < 300; ) {
      const device = devices[below(2)] ?? devices[0]
      const isSyncing = random() < 0.25
      const isEditing = !isSyncing || random() < 0.5
      mayDie = !isEditing
      const syncing = isSyncing ? device.tab.run().catch(() => {}) : undefined
      for (let turns = isSyncing ? below(30) : 0; turns > 0; turns--) await setImmediate()
      if (isEditing) {
        await command(device.tab)
        commands++
      }
      await syncing
      if (device.isDead || random() < 0.05) await reopen(device)
    }

    for (const device of devices) {
      device.profile.network = (_, pass) => pass()
      await reopen(device)
    }
    const tabs = devices.map(({ tab }) => tab)
    for (let round = 0; round < 4; round++)
      for (const tab of tabs) assert.equal(await tab.run(), 'synced')

    const alive = await listOf(devices[0].tab, user.id, 'false')
    const trash = await listOf(devices[0].tab, user.id, 'true')
    const sorted = (tasks: ReadonlyMap<string, Task>) =>
      [...tasks.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    for (const tab of tabs) {
      assert.equal(tab.tasks.waiting.value, 0)
      assert.deepEqual(sorted(tab.tasks.all.value), sorted(alive))
    }

    // Each text is on the server, or a person replaced it knowingly, or it waits for a decision.
    const key = (id: string, text: string | null) => `${id} ${text}`
    const known = new Set(written.map(({ id, over }) => key(id, over)))
    for (const task of [...alive.values(), ...trash.values()])
      for (const text of textsOf(task)) known.add(key(task.id, text))
    for (const { id, base, fields, parked } of tabs.flatMap(({ tasks }) => tasks.parked.value))
      for (const text of [
        ...textsOf(fields),
        ...textsOf(parked?.why === 'conflict' ? parked.theirs : base),
      ])
        known.add(key(id, text))
    const lost = written.filter(({ id, value }) => value !== null && !known.has(key(id, value)))
    assert.deepEqual(lost, [])
  })
