import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import worker from '../src/index.ts'
import { newUser, statusWith } from './api.ts'
import { sha256, sql } from './rows.ts'

const clean = () => worker.scheduled({}, env)

describe('the daily cleaning', () => {
  test('the cleaning deletes sessions that have run out, and no other', async () => {
    const { id, accessToken } = await newUser()
    await sql`insert into sessions (user_id, expires_at)
      select ${id}, now() + make_interval(hours => n) from generate_series(-2500, 2) n where n <> 0`
    await clean()
    const [row] = await sql`select count(*)::int as sessions, min(expires_at) > now() as live
      from sessions where user_id = ${id}`
    // Two of those above, and the session of the login.
    expect(row).toEqual({ sessions: 3, live: true })
    expect(await statusWith(accessToken)).toBe(200)
  })

  test('the cleaning deletes refresh tokens that were spent over 30 days ago', async () => {
    const { id } = await newUser()
    await sql`insert into refresh_tokens (hash, session_id, spent_at)
      select ${sha256(sql`${id} || n`)}, s.id, now() - make_interval(days => n)
      from sessions s, generate_series(28, 32) n where s.user_id = ${id}`
    await clean()
    const rows = await sql`select
        hash, round(extract(epoch from now() - spent_at) / 86400)::int as days
      from refresh_tokens t join sessions s on s.id = t.session_id where s.user_id = ${id}
      order by spent_at desc nulls first`
    expect(rows.map(({ days }) => days)).toEqual([null, 28, 29])
  })

  test('the cleaning deletes old counts of wrong passwords, and none that still matters', async () => {
    const prefix = crypto.randomUUID()
    await sql`insert into guesses (email_hash, since)
      select ${sha256(sql`${prefix} || n`)}, now() - interval '1 day'
      from generate_series(1, 2001) n`
    await sql`insert into guesses (email_hash, failures, since, blocked_until)
      select ${sha256(sql`${prefix} || name`)}, 10, now() - since::interval, now() + wait::interval
      from (values
        ('new', '0', null), ('counts', '14 minutes', null), ('waits', '1 day', '10 minutes'),
        ('waited', '1 day', '-14 minutes'), ('stale', '1 day', '-2 hours')
      ) as row (name, since, wait)`
    await clean()
    const left = await sql`select name
      from unnest(array['new', 'counts', 'waits', 'waited', 'stale', '1', '1000', '2001']) name
      join guesses on email_hash = ${sha256(sql`${prefix} || name`)} order by name`
    expect(left.map(({ name }) => name)).toEqual(['counts', 'new', 'waited', 'waits'])
  })

  test('a cleaning that fails throws an error without SQL', async () => {
    const down = { ...env, DATABASE_URL: 'postgresql://owner:pa55word@127.0.0.1:9/main' }
    await expect(worker.scheduled({}, down)).rejects.toThrow(/^The daily cleaning failed$/)
  })

  test('a cleaning with a bad configuration throws an error that names the variable', async () => {
    const misconfigured = { ...env, JWT_SECRET: 'short' }
    await expect(worker.scheduled({}, misconfigured)).rejects.toThrow('JWT_SECRET')
  })
})
