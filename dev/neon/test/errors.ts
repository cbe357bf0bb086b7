import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NeonDbError } from '@neondatabase/serverless'
import { failure, post, sql, value } from './client.ts'

describe('errors', () => {
  const FIELDS = [
    ...['message', 'severity', 'code', 'detail', 'hint', 'position', 'internalPosition'],
    ...['internalQuery', 'where', 'schema', 'table', 'column', 'dataType', 'constraint'],
    ...['file', 'line', 'routine'],
  ].sort()

  it('an error has all the fields of Postgres', async () => {
    await sql`create table child (id int primary key, qty int not null constraint positive check (qty > 0))`
    await sql`insert into child values (1, 1)`
    const { status, headers, body } = await post({ query: 'insert into child values (1, 2)' })
    assert.equal(status, 400)
    assert.equal(headers.get('access-control-allow-origin'), '*')
    assert.deepEqual(Object.keys(body).sort(), FIELDS)
    const { file, line, routine, ...rest } = body
    assert.match(line, /^\d+$/)
    assert.deepEqual([file, routine], ['nbtinsert.c', '_bt_check_unique'])
    assert.deepEqual(rest, {
      message: 'duplicate key value violates unique constraint "child_pkey"',
      severity: 'ERROR',
      code: '23505',
      detail: 'Key (id)=(1) already exists.',
      hint: null,
      position: null,
      internalPosition: null,
      internalQuery: null,
      where: null,
      schema: 'public',
      table: 'child',
      column: null,
      dataType: null,
      constraint: 'child_pkey',
    })
  })

  it('an error of the driver is a NeonDbError with the SQLSTATE', async () => {
    for (const [query, expected] of [
      ['selec 1', { code: '42601', position: '1', severity: 'ERROR' }],
      ['select nope', { code: '42703', position: '8' }],
      ['select * from nowhere', { code: '42P01', position: '15' }],
      ["select length('a') + ('b' || 1)::int", { code: '22P02' }],
      ['select 1/0', { code: '22012' }],
      [
        'insert into child values (2, 0)',
        { code: '23514', constraint: 'positive', table: 'child' },
      ],
      ['insert into child values (2)', { code: '23502', column: 'qty' }],
      ['select sqrt(1, 2, 3)', { code: '42883', hint: /No function matches|might need/ }],
      [
        "do $$ begin execute 'selec 1'; end $$",
        {
          code: '42601',
          internalPosition: '1',
          internalQuery: 'selec 1',
          where: /inline_code_block/,
        },
      ],
      [
        "do $$ begin raise exception 'mine' using errcode = 'AB123', hint = 'h', detail = 'd', datatype = 't'; end $$",
        { code: 'AB123', message: 'mine', hint: 'h', detail: 'd', dataType: 't' },
      ],
    ] as const) {
      const error = await failure(sql.query(query))
      assert.equal(error.name, 'NeonDbError')
      for (const [name, wanted] of Object.entries(expected)) {
        const actual = error[name as keyof NeonDbError]
        if (wanted instanceof RegExp) assert.match(String(actual), wanted, `${query}: ${name}`)
        else assert.equal(actual, wanted, `${query}: ${name}`)
      }
    }
  })

  it('several statements in one query are an error, and none of them runs', async () => {
    for (const query of ['select 1; select 2', 'drop table child; select 1']) {
      const { status, body } = await post({ query })
      assert.equal(status, 400)
      assert.equal(body.code, '42601')
      assert.equal(body.message, 'cannot insert multiple commands into a prepared statement')
    }
    assert.equal(await value('select count(*)::text from child'), '1')
    assert.equal(await value('select 1;'), '1')
  })

  it('COPY is an error, and the server answers the next query', async () => {
    for (const query of ['copy child from stdin', 'copy child to stdout']) {
      const { status, body } = await post({ query })
      assert.equal(status, 400)
      assert.equal(body.message, 'unexpected message from server')
    }
    assert.equal(await value('select count(*)::text from child'), '1')
  })

  it('an expression that is nested too deeply is an error', async () => {
    const { body } = await post({ query: `select 1${'+1'.repeat(100_000)}` })
    assert.equal(body.code, '54001')
    assert.equal(await value('select 1'), '1')
  })

  it('a statement that fails writes nothing', async () => {
    await failure(sql`insert into child select g, 2 - g from generate_series(0, 5) g`)
    assert.equal(await value('select count(*)::text from child'), '1')
  })
})
