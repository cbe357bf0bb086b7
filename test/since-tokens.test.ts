import { describe, expect, test } from 'vitest'
import { Changes } from '../src/tasks/changes.ts'
import {
  isRemote,
  newUser,
  pointers,
  problem,
  read,
  sendWith,
  type Task,
  type TestUser,
  throughProxy,
  utf8,
} from './api.ts'
import { sql } from './rows.ts'
import { changesOf, day, discard, pull, shown } from './sync.ts'
import { base64Url } from './tokens.ts'

const get = (user: TestUser, since: string, through = user.send) =>
  through('GET', `/tasks/changes?${new URLSearchParams({ since })}`, {
    accessToken: user.accessToken,
  })

const encode = (parts: unknown) => base64Url(utf8(JSON.stringify(parts)))
const decode = (token: string): string[] =>
  JSON.parse(atob(token.replaceAll('-', '+').replaceAll('_', '/')))

const time = (fromNow: number) => new Date(Date.now() + fromNow * 1000).toISOString()

/** A token whose times are so many seconds older. */
const aged = (token: string, seconds: number) =>
  encode(
    decode(token).map((part) =>
      /^\d{4}-.*Z$/.test(part) ? new Date(Date.parse(part) - seconds * 1000).toISOString() : part
    )
  )

/** The number of the part of a token that tells when its pull began. */
const began = (token: string) => decode(token).findIndex((part) => /^\d{4}-.*Z$/.test(part))
const withBegan = (token: string, value: string) =>
  encode(decode(token).map((part, n) => (n === began(token) ? value : part)))

describe('a since token', () => {
  test('a since token that does not decode is a 422 at /since', async () => {
    const user = await newUser()
    const { next } = await changesOf(user)
    const parts = decode(next)
    const replaced = (change: (part: string) => unknown) =>
      parts.map((_, n) => encode(parts.map((part, at) => (at === n ? change(part) : part))))
    for (const token of [
      '',
      'x',
      ' ',
      '%',
      '\u0000',
      '🦄',
      'null',
      next.slice(1),
      next.slice(0, -4),
      `${next.slice(0, 20)}!${next.slice(21)}`,
      'x'.repeat(512),
      'x'.repeat(513),
      `${next}${'A'.repeat(512)}`,
      encode(null),
      encode(5),
      encode('text'),
      encode({}),
      encode([]),
      encode(parts.slice(1)),
      encode([...parts, 'more']),
      encode([...parts, null]),
      encode({ ...parts }),
      encode([parts]),
      base64Url(new Uint8Array([0xff, 0xfe])),
      base64Url(utf8(`\ufeff${JSON.stringify(parts)}`)),
      base64Url(utf8('['.repeat(300))),
      ...replaced(() => null),
      ...replaced(() => 5),
      ...replaced((part) => [part]),
      ...replaced(() => 'x'.repeat(40)),
      ...replaced(() => '\u0000'.repeat(33)),
      ...replaced((part) => (part.endsWith('Z') ? part.slice(0, -1) : 'x'.repeat(33))),
      ...replaced((part) => (part.endsWith('Z') ? '0000-01-01T00:00:00.000Z' : 'x'.repeat(33))),
      ...replaced((part) => (part.endsWith('Z') ? '2026-02-30T00:00:00.000Z' : 'x'.repeat(33))),
      ...replaced((part) => (part.endsWith('Z') ? 'infinity' : 'x'.repeat(33))),
    ]) {
      const response = await get(user, token)
      expect(response.status, shown(token)).toBe(422)
      expect(await pointers(response), shown(token)).toEqual(['/since'])
    }
  })

  test('a since token is at most 512 characters long', async () => {
    const user = await newUser()
    const { next } = await changesOf(user)
    expect(next.length).toBeLessThanOrEqual(512)
    if (isRemote) return
    const send = sendWith({ SYNC_EPOCH: 'x'.repeat(32) })
    const { accessToken } = user
    const reply = send('GET', '/tasks/changes', { accessToken })
    const { next: longest } = await read(reply, 200, Changes)
    expect(longest.length).toBeLessThanOrEqual(512)
    expect((await get(user, longest, send)).status).toBe(200)
  })

  test("a since token of another user is a 410, and shows nobody's tasks", async () => {
    const [user, other] = await Promise.all([newUser(), newUser()])
    await Promise.all([user.newTask({ title: 'mine' }), other.newTask({ title: 'theirs' })])
    for (const limit of [1, 100]) {
      const { next } = await changesOf(other, { limit })
      const { detail } = await problem(get(user, next), 410)
      expect(detail).toContain('without')
      expect(detail).toContain('drop')
    }
  })

  test('a since token of another user is a 401 once the session has ended', async () => {
    const [user, other] = await Promise.all([newUser(), newUser()])
    const { next } = await changesOf(other)
    expect((await user.send('DELETE', '/auth/sessions')).status).toBe(204)
    await problem(get(user, next), 401)
  })

  test("a since token made by hand reaches the user's own tasks alone", async () => {
    const [user, other] = await Promise.all([newUser(), newUser()])
    const theirs = await other.newTask({ title: 'theirs' })
    await discard(other, await other.newTask({ title: 'theirs too' }))
    const mine = await user.newTask({ title: 'mine' })
    const { next } = await changesOf(other)
    const renamed = decode(next).map((part) =>
      part === other.id
        ? user.id
        : part === theirs.updated_at || /^\d{4}-.*Z$/.test(part)
          ? '2001-01-01T00:00:00.000Z'
          : part
    )
    const forged = withBegan(encode(renamed), time(-60))
    const { tasks, deleted } = await pull(user, { since: forged })
    expect(tasks).toEqual([mine])
    expect(deleted).toEqual([])
  })

  test('a since token is good for 30 days from the reply that began the pull', async () => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const { next } = await changesOf(user)
    const good = await changesOf(user, { since: aged(next, 30 * day - 60) })
    expect(good.tasks).toEqual([task])
    for (const seconds of [30 * day + 60, 31 * day, 400 * day])
      await problem(get(user, aged(next, seconds)), 410)
  })

  test('the 30 days of a since token begin anew with the last page, and not with those before', async () => {
    const user = await newUser()
    for (const title of ['a', 'b', 'c']) await user.newTask({ title })
    const first = await changesOf(user, { limit: 1 })
    const start = time(-29 * day)
    const second = await changesOf(user, { since: withBegan(first.next, start), limit: 1 })
    expect(second.more).toBe(true)
    expect(decode(second.next)[began(second.next)]).toBe(start)
    const third = await changesOf(user, { since: second.next, limit: 1 })
    const last = third.more ? await changesOf(user, { since: third.next, limit: 1 }) : third
    expect(last.more).toBe(false)
    expect((decode(last.next)[began(last.next)] ?? '') > time(-60)).toBe(true)
    // A client that syncs is never too old, however long nothing changed.
    const again = await changesOf(user, { since: withBegan(last.next, start) })
    expect((decode(again.next)[began(again.next)] ?? '') > time(-60)).toBe(true)
  })

  test('a since token whose pull would have begun after now is a 410', async () => {
    const user = await newUser()
    const { next } = await changesOf(user)
    for (const seconds of [60, day, 400 * day])
      await problem(get(user, withBegan(next, time(seconds))), 410)
    await problem(get(user, withBegan(next, '9999-12-31T23:59:59.999Z')), 410)
  })

  test('a since token with a place in the future is a 200 without tasks, and never a 500', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x' })
    const { next } = await changesOf(user)
    const start = decode(next)[began(next)]
    const future = decode(next).map((part) =>
      /^\d{4}-.*Z$/.test(part) && part !== start ? '9999-12-31T23:59:59.999Z' : part
    )
    const page = await changesOf(user, { since: withBegan(encode(future), time(-60)) })
    expect(page).toMatchObject({ tasks: [], deleted: [], more: false })
    expect((await get(user, page.next)).status).toBe(200)
  })

  test('a since token does not outlive its user', async () => {
    const user = await newUser()
    const { next } = await changesOf(user)
    expect((await user.send('DELETE', '/auth/me')).status).toBe(204)
    await problem(get(user, next), 401)
  })

  test.runIf(!isRemote)('a since token of another SYNC_EPOCH is a 410', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x' })
    const { accessToken } = user
    const at = (SYNC_EPOCH: string | undefined) => sendWith({ SYNC_EPOCH })
    const tokens = await Promise.all(
      [undefined, '', '2', 'A', 'a'].map(async (epoch) => {
        const reply = at(epoch)('GET', '/tasks/changes', { accessToken })
        return { epoch, next: (await read(reply, 200, Changes)).next }
      })
    )
    for (const { epoch, next } of tokens)
      for (const other of [undefined, '', '2', 'A', 'a', '22']) {
        const isSame = (epoch ?? '') === (other ?? '')
        expect((await get(user, next, at(other))).status, `${epoch} ${other}`).toBe(
          isSame ? 200 : 410
        )
      }
  })

  test.runIf(!isRemote)(
    'a since token costs one request to the database, and none when it does not decode',
    async () => {
      const user = await newUser()
      const { next } = await changesOf(user)
      const { send, requests } = throughProxy()
      expect((await get(user, next, send)).status).toBe(200)
      expect(await requests()).toBe(1)
      await problem(get(user, aged(next, 40 * day), send), 410)
      expect(await requests()).toBe(2)
      await problem(get(user, 'x', send), 422)
      expect(await requests()).toBe(2)
    }
  )
})

test('times of one user are never used twice, not even when the clock of the database goes back', async () => {
  const user = await newUser()
  await sql`update users set changed_at = now() + interval '1 hour' where id = ${user.id}`
  const { next } = await changesOf(user)
  const times: string[] = []
  let since = next
  for (let n = 0; n < 5; n++) {
    const { id, created_at, updated_at } = await user.newTask({ title: `${n}` })
    expect(created_at).toBe(updated_at)
    times.push(updated_at)
    const page = await changesOf(user, { since })
    expect(page.tasks.map((task: Task) => task.id)).toEqual([id])
    since = page.next
  }
  const steps = times.map((one, n) => Date.parse(one) - Date.parse(times[n - 1] ?? one))
  expect(steps).toEqual([0, 1, 1, 1, 1])
})
