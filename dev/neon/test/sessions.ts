import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { local, onPostgreSQL, post, sql, value } from './client.ts'

describe('sessions', () => {
  // More requests at once than there can be connections, so that each connection gets one.
  async function everywhere(query: string, expected: string | null) {
    const values = await Promise.all(Array.from({ length: 25 }, () => value(query)))
    assert.deepEqual([...new Set(values)], [expected], query)
  }

  it('a BEGIN without a COMMIT does not reach the next request', async () => {
    for (const query of ['begin', 'start transaction isolation level serializable']) {
      assert.deepEqual((await post({ query })).status, 200)
      await sql`create table if not exists stray (n int)`
      await everywhere("select current_setting('transaction_isolation')", 'read committed')
      await post({ query: 'rollback' })
      await everywhere("select to_regclass('stray')::text", 'stray')
      await sql`drop table stray`
    }
  })

  it('settings, locks and temporary tables do not reach the next request', async () => {
    const [locks] = (await sql`select count(*) from pg_locks where locktype = 'advisory'`).rows
    for (const query of [
      "set time zone 'Asia/Tokyo'",
      "set search_path = 'nowhere'",
      "select set_config('my.own', 'x', false)",
      'create temporary table scratch (n int)',
      'prepare mine as select 1',
      'declare c cursor with hold for select 1',
      'listen channel',
      'select pg_advisory_lock(42)',
      'set session characteristics as transaction read only',
      'set role pg_monitor',
    ]) {
      assert.equal((await post({ query })).status, 200, query)
    }
    await everywhere(
      "select current_setting('TimeZone') = 'Asia/Tokyo' or current_schema() is null",
      'f'
    )
    await everywhere("select nullif(current_setting('my.own', true), '')", null)
    await everywhere("select to_regclass('scratch')::text", null)
    await everywhere('select count(*)::text from pg_prepared_statements', '0')
    await everywhere('select count(*)::text from pg_cursors where name <> $$$$', '0')
    await everywhere('select count(*)::text from pg_listening_channels()', '0')
    await everywhere("select current_setting('transaction_read_only')", 'off')
    await everywhere("select (current_role = 'pg_monitor')::text", 'false')
    assert.deepEqual((await sql`select count(*) from pg_locks where locktype = 'advisory'`).rows, [
      locks,
    ])
  })

  it('each of 50 requests at once gets its own rows', async () => {
    await sql`create table seat (n int primary key)`
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const rows =
          n % 2 === 0
            ? (await sql`insert into seat values (${n}) returning n`).rows
            : (
                await sql.transaction([
                  sql`insert into seat values (${n})`,
                  sql`select ${n}::int as n`,
                ])
              )[1]?.rows
        assert.deepEqual(rows, [{ n }])
      })
    )
    assert.equal(await value('select count(*)::text from seat'), '50')
  })

  it('queries run side by side on PostgreSQL', onPostgreSQL, async () => {
    const start = performance.now()
    await Promise.all(Array.from({ length: 10 }, () => sql`select pg_sleep(0.5)`))
    assert.ok(performance.now() - start < 2000)
  })

  it('clients that disconnect do not stop the server', async () => {
    const slow = 'select count(*) from generate_series(1, 300000) a'
    await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const abort = new AbortController()
        const going = sql.query(slow, [], { fetchOptions: { signal: abort.signal } })
        setTimeout(() => abort.abort(), n * 5)
        await going.catch(() => {})
      })
    )
    // A client that sends half a request
    const socket = connect(local.port, '127.0.0.1')
    socket.end(`POST /sql HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"query`)
    await once(socket, 'connect')
    assert.equal(await value('select 1'), '1')
  })

  it('a query is cancelled when its client disconnects', onPostgreSQL, async () => {
    const abort = new AbortController()
    const fetchOptions = { signal: abort.signal }
    const single = sql.query('select pg_sleep(60)', [], { fetchOptions })
    const batch = sql.transaction([sql`insert into seat values (-1)`, sql`select pg_sleep(60)`], {
      fetchOptions,
    })
    setTimeout(() => abort.abort(), 300)
    await Promise.allSettled([single, batch])
    const sleeping =
      "select count(*)::text from pg_stat_activity where query like '%pg_sleep(60)' and state = 'active'"
    for (let tries = 0; tries < 20 && (await value(sleeping)) !== '0'; tries++) await sleep(100)
    assert.equal(await value(sleeping), '0')
    assert.equal(await value('select count(*)::text from seat where n = -1'), '0')
  })

  it('a connection that PostgreSQL terminates is replaced', onPostgreSQL, async () => {
    const { status, body } = await post({ query: 'select pg_terminate_backend(pg_backend_pid())' })
    assert.deepEqual([status, body.code], [400, '57P01'])
    await everywhere('select 1', '1')
  })
})
