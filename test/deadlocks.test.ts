import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import worker from '../src/index.ts'
import {
  accessTokenOf,
  cookieOf,
  logIn,
  newEmail,
  newPassword,
  newUser,
  type Options,
  password,
  refresh,
  type Send,
  tryLogIn,
  trySignUp,
} from './api.ts'
import { sha256, sql } from './rows.ts'
import { sidOf } from './tokens.ts'
import { atOnce, isEmbedded, unlimited } from './writers.ts'

const clean = () => worker.scheduled({}, env)

/**
 * Gives a user many rows of every kind that the daily cleaning deletes. The order in which they ran
 * out is another than that in which they are stored, so that two statements meet from both ends.
 */
const addDeadRows = async (id: string, count: number) => {
  // Both in one statement: a cleaning in between would take the sessions that the tokens belong to.
  await sql`with over as (
      insert into sessions (user_id, expires_at)
      select ${id}, now() - random() * interval '1 day' from generate_series(1, ${count}::int)
      returning id)
    insert into refresh_tokens (hash, session_id, spent_at)
    select ${sha256(sql`id::text || n`)}, id, now() - (31 + random()) * interval '1 day'
    from over, generate_series(1, 2) n`
  await sql`insert into tasks (user_id, title, deleted_at)
    select ${id}, 'x', now() - (31 + random()) * interval '1 day' from generate_series(1, ${count}::int)`
  await sql`insert into replies (user_id, key, fingerprint, rows, created_at)
    select ${id}, n, ${sha256(sql`n::text`)}, '[]', now() - (1 + random()) * interval '1 day'
    from generate_series(1, ${count}::int) n`
}

/** Counts the rows of this user that the daily cleaning deletes. */
const deadRows = async (id: string) => {
  const [row] = await sql`select
      (select count(*)::int from sessions where user_id = ${id} and expires_at < now()) as sessions,
      (select count(*)::int from refresh_tokens t join sessions s on s.id = t.session_id
        where s.user_id = ${id} and spent_at < now() - interval '30 days') as tokens,
      (select count(*)::int from tasks where user_id = ${id} and deleted_at is not null) as tasks,
      (select count(*)::int from replies where user_id = ${id}) as replies`
  return row
}

const none = { sessions: 0, tokens: 0, tasks: 0, replies: 0 }

describe('the daily cleaning among other statements', () => {
  // With its one connection, the embedded Postgres never runs two statements at once.
  test.skipIf(isEmbedded)('the cleaning does not wait for rows that others hold', async () => {
    const { id } = await newUser()
    await addDeadRows(id, 3)
    const held = sql`with
        session as (select id from sessions where user_id = ${id} order by expires_at limit 1 for update),
        task as (select id from tasks where user_id = ${id} limit 1 for update),
        reply as (select key from replies where user_id = ${id} limit 1 for update)
      select key, pg_sleep(3)::text from session, task, reply`.then((rows) => rows)
    const free = async () =>
      (await sql`select key from replies where user_id = ${id} for update skip locked`).length
    await expect.poll(free).toBe(2)
    let isHeld = true
    held.finally(() => {
      isHeld = false
    })
    await clean()
    expect(isHeld).toBe(true)
    expect(await deadRows(id)).toMatchObject({ sessions: 1, tasks: 1, replies: 1 })
    await held
    await clean()
    expect(await deadRows(id)).toEqual(none)
  })

  test('cleanings do not deadlock with each other, nor with account deletions', async () => {
    for (let round = 0; round < (isEmbedded ? 1 : 6); round++) {
      const users = await atOnce(4, () => newUser())
      const stays = await newUser()
      await Promise.all([...users, stays].map(({ id }) => addDeadRows(id, isEmbedded ? 20 : 1000)))
      const deletions = users.map(async (user) => (await user.send('DELETE', '/auth/me')).status)
      const cleanings = [clean(), clean(), clean()]
      expect(await Promise.all(deletions)).toEqual(users.map(() => 204))
      await Promise.all(cleanings)
      await clean()
      expect(await deadRows(stays.id)).toEqual(none)
    }
  })
})

test('no statement deadlocks while users write, log in, change passwords and go', async () => {
  const end = Date.now() + (isEmbedded ? 2 : 5) * 1000
  const counts: Record<string, number> = {}

  const sendCounted: Send = async (method, path, options) => {
    const response = await unlimited(method, path, options)
    const name = `${method} ${path.replace(/[\da-f-]{36}|\?.*/g, '*')} ${response.status}`
    counts[name] = (counts[name] ?? 0) + 1
    expect(response.status, name).toBeLessThan(500)
    return response
  }

  /** An account in which everything happens at once, until it is deleted or the time is over. */
  const live = async () => {
    const email = newEmail()
    await trySignUp({ email, password })
    let session = await logIn(email)
    let current = password
    let isGone = false
    const ids = Array.from({ length: 12 }, () => crypto.randomUUID())
    const pick = () => ids[Math.floor(Math.random() * ids.length)] as string
    const json = { title: 'x' }
    /** A new key most of the time, and now and then one that was used for an equal request. */
    const keyFor = (kind: string) => ({
      'Idempotency-Key': `${kind}-${Math.floor(Math.random() * 500)}`,
    })
    const write = (method: string, path: string, options: Options = {}) =>
      sendCounted(method, path, { accessToken: session.accessToken, ...options })
    const newSession = async () => {
      const response = await tryLogIn({ email, password: current }, sendCounted)
      if (response.status !== 200) return
      return { cookie: cookieOf(response), accessToken: await accessTokenOf(response) }
    }
    const batch = (order: string[]) =>
      write('POST', '/tasks/batch', {
        json: order.map((id, n) => ({
          op: (['create', 'update', 'restore', 'update', 'restore', 'delete'] as const)[n % 6],
          id,
          ...([0, 1, 3].includes(n % 6) && { task: json }),
        })),
        headers: keyFor(`batch-${order[0]}`),
      })
    const acts: (() => Promise<unknown>)[] = [
      () => write('POST', '/tasks', { json, headers: keyFor('create') }),
      () => write('PUT', `/tasks/${pick()}`, { json, headers: { 'If-None-Match': '*' } }),
      () => write('PUT', `/tasks/${pick()}`, { json }),
      () => write('PATCH', `/tasks/${pick()}`, { json, headers: keyFor('update') }),
      () => write('PATCH', `/tasks/${pick()}/complete`),
      () => write('DELETE', `/tasks/${pick()}`),
      () => write('DELETE', '/tasks?completed=true'),
      () => write('POST', `/tasks/${pick()}/restore`),
      () => batch(ids),
      () => batch([...ids].reverse()),
      () => write('GET', '/tasks/changes'),
      async () => {
        const response = await refresh(session.cookie, { through: sendCounted })
        if (response.status !== 200) return
        const cookie = cookieOf(response) || session.cookie
        session = { cookie, accessToken: await accessTokenOf(response) }
      },
      async () => {
        const other = await newSession()
        if (!other) return
        await Promise.all([
          refresh(other.cookie, { through: sendCounted }),
          write('DELETE', `/auth/sessions/${sidOf(other.accessToken)}`),
        ])
      },
      async () => {
        const new_password = current === password ? newPassword : password
        const change = { current_password: current, new_password }
        const { status } = await write('PUT', '/auth/password', { json: change })
        if (status === 204) current = new_password
        if (Math.random() < 0.7) return
        await write('DELETE', '/auth/sessions')
        session = (await newSession()) ?? session
      },
    ]
    const lifetime = Math.min(end, Date.now() + 1000)
    await Promise.all(
      acts.map(async (act) => {
        while (Date.now() < lifetime) await act()
        while (!isGone) {
          const { status } = await write('DELETE', '/auth/me')
          isGone ||= status === 204
          if (!isGone) session = (await newSession()) ?? session
        }
      })
    )
  }

  /** Dead rows in accounts that go and in accounts that stay, for the cleaning to find. */
  const decay = async () => {
    const user = await newUser()
    await addDeadRows(user.id, 50)
    await sendCounted('DELETE', '/auth/me', { accessToken: user.accessToken })
    await addDeadRows((await newUser()).id, 50)
  }

  await Promise.all(
    [live, live, live, live, decay, clean, clean].map(async (act) => {
      while (Date.now() < end) await act()
    })
  )
  // Nothing is proven where everything is refused. The embedded Postgres does too little in its time.
  if (isEmbedded) return
  for (const done of [
    'POST /tasks 201',
    'PATCH /tasks/* 200',
    'POST /tasks/batch 200',
    'POST /tasks/*/restore 200',
    'POST /auth/refresh 200',
    'POST /auth/login 200',
    'PUT /auth/password 204',
    'DELETE /auth/me 204',
  ])
    expect(counts).toHaveProperty([done])
})
