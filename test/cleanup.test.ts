import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import worker from '../src/index.ts'
import { newUser, sendWith, sql } from './api.ts'

const clean = () => worker.scheduled({}, env)

test('the daily cleaning deletes the sessions that are over, and no other', async () => {
  const { id, token } = await newUser()
  await sql`insert into sessions (user_id, expires_at)
    select ${id}, now() + make_interval(hours => n) from generate_series(-2500, 2) n where n <> 0`
  await clean()
  const [row] = await sql`select count(*)::int as sessions, min(expires_at) > now() as live
    from sessions where user_id = ${id}`
  // Two of these, and that of the login.
  expect(row).toEqual({ sessions: 3, live: true })
  const { status } = await sendWith({})('GET', '/auth/me', { token })
  expect(status).toBe(200)
})

test('the daily cleaning deletes the refresh tokens spent over 30 days ago', async () => {
  const { id } = await newUser()
  await sql`insert into refresh_tokens (hash, session_id, spent_at)
    select encode(sha256(convert_to(${id} || n, 'UTF8')), 'hex'), s.id,
      now() - make_interval(days => n)
    from sessions s, generate_series(28, 32) n where s.user_id = ${id}`
  await clean()
  const rows =
    await sql`select hash, round(extract(epoch from now() - spent_at) / 86400)::int as days
    from refresh_tokens t join sessions s on s.id = t.session_id where s.user_id = ${id}
    order by spent_at desc nulls first`
  expect(rows.map(({ days }) => days)).toEqual([null, 28, 29])
})

test('the daily cleaning deletes the guesses made long ago, and none that still count', async () => {
  const prefix = crypto.randomUUID()
  const hash = (name: string) => `encode(sha256(convert_to('${prefix}' || ${name}, 'UTF8')), 'hex')`
  await sql.query(`insert into guesses (email_hash, since)
    select ${hash('n')}, now() - interval '1 day' from generate_series(1, 2001) n`)
  await sql.query(`insert into guesses (email_hash, failures, since, blocked_until)
    select ${hash('name')}, 10, now() - since::interval, now() + wait::interval from (values
      ('new', '0', null), ('counts', '14 minutes', null), ('waits', '1 day', '10 minutes'),
      ('waited', '1 day', '-14 minutes'), ('stale', '1 day', '-2 hours')
    ) as row (name, since, wait)`)
  await clean()
  const left = await sql.query(`select name from guesses join (
      select name, ${hash('name')} as hash from unnest(
        array['new', 'counts', 'waits', 'waited', 'stale', '1', '1000', '2001']) name
    ) as names on hash = email_hash order by name`)
  expect(left.map(({ name }) => name)).toEqual(['counts', 'new', 'waited', 'waits'])
})

test('the daily cleaning that fails says so, and quotes no SQL', async () => {
  const down = { ...env, DATABASE_URL: 'postgresql://owner:pa55word@127.0.0.1:9/main' }
  await expect(worker.scheduled({}, down)).rejects.toThrow(/^The daily cleaning failed$/)
})

test('the daily cleaning fails aloud when the service is misconfigured', async () => {
  await expect(worker.scheduled({}, { ...env, JWT_SECRET: 'short' })).rejects.toThrow('JWT_SECRET')
})
