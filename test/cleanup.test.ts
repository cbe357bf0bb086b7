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

  test('the cleaning deletes the tokens of mails that have expired, and no other', async () => {
    const users = [await newUser(), await newUser()]
    for (const [n, { id }] of users.entries())
      await sql`insert into mail_tokens (user_id, purpose, hash, salt, email, expires_at)
        select ${id}, 'reset', ${sha256(id)}, 'salt', 'ada@example.com',
          now() + make_interval(mins => ${n ? -1 : 1})`
    await clean()
    const left = await sql`select user_id from mail_tokens
      where user_id = any(${users.map(({ id }) => id)}) and purpose = 'reset'`
    expect(left).toEqual([{ user_id: users[0]?.id }])
  })

  test('the cleaning deletes counts of mails whose last mail is over an hour old, and no other', async () => {
    const prefix = crypto.randomUUID()
    await sql`insert into mail_counts (hash, sent_at)
      select ${sha256(sql`${prefix} || last`)},
        array[now() - make_interval(mins => last), now() - interval '1 day']
      from unnest(array[0, 59, 61]) last`
    await clean()
    const left = await sql`select last::text from unnest(array[0, 59, 61]) last
      join mail_counts on hash = ${sha256(sql`${prefix} || last`)} order by 1`
    expect(left.map(({ last }) => last)).toEqual(['0', '59'])
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
