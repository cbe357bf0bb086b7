import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { failure, post, type Reply, sql, value } from './client.ts'

describe('batches', () => {
  before(() => sql`create table counter (n int primary key deferrable initially immediate)`)

  it('a batch runs in one transaction', async () => {
    const [a, b, c] = await sql.transaction([
      sql`insert into counter values (1), (2)`,
      sql`select n from counter order by n`,
      sql`select txid_current()::text = ${'0'} as x`,
    ])
    assert.deepEqual(
      [a?.command, a?.rowCount, b?.rows, c?.rows],
      ['INSERT', 2, [{ n: 1 }, { n: 2 }], [{ x: false }]]
    )
    const ids = await sql.transaction([
      sql`select txid_current()::text as id`,
      sql`select txid_current()::text as id`,
    ])
    assert.deepEqual(ids[0]?.rows, ids[1]?.rows)
    const { body } = await post({ queries: [] })
    assert.deepEqual(body, { results: [] })
  })

  it('a batch is rolled back when a statement fails, and answers with its error', async () => {
    const error = await failure(
      sql.transaction([
        sql`insert into counter values (3)`,
        sql`insert into counter values (1)`,
        sql`insert into counter values (4)`,
      ])
    )
    assert.deepEqual(
      [error.name, error.code, error.constraint],
      ['NeonDbError', '23505', 'counter_pkey']
    )
    assert.equal(await value('select count(*)::text from counter'), '2')
  })

  it('a batch is rolled back when its commit fails', async () => {
    const error = await failure(
      sql.transaction([sql`set constraints all deferred`, sql`insert into counter values (5), (1)`])
    )
    assert.equal(error.code, '23505')
    assert.equal(await value('select count(*)::text from counter'), '2')
  })

  it('a batch is rolled back when its reply is too large', async () => {
    const big = { query: "select repeat('x', 6000000)" }
    const { status } = await post({
      queries: [{ query: 'insert into counter values (6)' }, big, big],
    })
    assert.equal(status, 507)
    assert.equal(await value('select count(*)::text from counter'), '2')
  })

  it('each query of a batch can set its own array mode', async () => {
    const { body } = await post(
      {
        queries: [
          { query: 'select 1 as a', arrayMode: true },
          { query: 'select 1 as a', arrayMode: false },
          { query: 'select 1 as a' },
        ],
      },
      { 'Neon-Raw-Text-Output': 'true' }
    )
    const results = body.results.map((result: { rows: unknown; rowAsArray: boolean }) => [
      result.rows,
      result.rowAsArray,
    ])
    assert.deepEqual(results, [
      [[['1']], true],
      [[{ a: '1' }], false],
      [[{ a: '1' }], false],
    ])
  })

  const settings = ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable']

  for (const [header, level] of [
    ['ReadUncommitted', 'read uncommitted'],
    ['ReadCommitted', 'read committed'],
    ['RepeatableRead', 'repeatable read'],
    ['Serializable', 'serializable'],
  ] as const) {
    it(`a batch runs at isolation level ${header}`, async () => {
      const queries = settings.map((name) => sql`select current_setting(${name}) as is`)
      for (const readOnly of [true, false]) {
        for (const deferrable of [true, false]) {
          const results = await sql.transaction(queries, {
            isolationLevel: header,
            readOnly,
            deferrable,
          })
          const actual = results.map(({ rows }) => rows[0]?.is)
          assert.deepEqual(actual, [level, readOnly ? 'on' : 'off', deferrable ? 'on' : 'off'])
        }
      }
    })
  }

  it('a batch echoes its options, and a single query does not', async () => {
    const options = {
      'Neon-Batch-Isolation-Level': 'Serializable',
      'Neon-Batch-Read-Only': 'true',
      'Neon-Batch-Deferrable': 'true',
    }
    const names = Object.keys(options)
    const read = ({ headers }: Reply) => names.map((name) => headers.get(name))
    const batch = { queries: [{ query: 'select 1' }] }
    assert.deepEqual(read(await post(batch, options)), ['Serializable', 'true', 'true'])
    const off = { 'Neon-Batch-Read-Only': 'false', 'Neon-Batch-Deferrable': 'True' }
    assert.deepEqual(read(await post(batch, off)), [null, null, null])
    assert.deepEqual(read(await post({ query: 'select 1' }, options)), [null, null, null])
  })

  it('a read-only batch cannot write', async () => {
    const error = await failure(
      sql.transaction([sql`insert into counter values (7)`], { readOnly: true })
    )
    assert.equal(error.code, '25006')
  })

  it('an unknown isolation level is a 400 for a batch and for a single query', async () => {
    for (const level of ['serializable', 'READ COMMITTED', '', 'toString', 'Serializable; drop']) {
      for (const body of [{ queries: [{ query: 'select 1' }] }, { query: 'select 1' }]) {
        const reply = await post(body, { 'Neon-Batch-Isolation-Level': level })
        assert.equal(reply.status, 400, level)
        assert.equal(reply.body.message, 'invalid isolation level')
      }
    }
  })

  it('a batch that ends its own transaction leaves none open', async () => {
    await post({ queries: [{ query: 'commit' }, { query: 'begin' }, { query: 'select 1/0' }] })
    await post({ queries: [{ query: 'rollback' }, { query: 'begin' }] })
    await sql`insert into counter values (8)`
    await post({ query: 'rollback' })
    assert.equal(await value('select count(*)::text from counter'), '3')
  })
})
