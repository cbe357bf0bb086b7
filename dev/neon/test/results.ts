import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { neon } from '@neondatabase/serverless'
import { failure, local, post, sql, value } from './client.ts'

describe('results', () => {
  it('a result has exactly the keys of Neon', async () => {
    const { status, headers, body } = await post({ query: 'select 1 as a' })
    assert.equal(status, 200)
    assert.equal(headers.get('content-type'), 'application/json')
    assert.equal(headers.get('content-length'), String(JSON.stringify(body).length))
    assert.equal(headers.get('access-control-allow-origin'), '*')
    const field = { name: 'a', tableID: 0, columnID: 0, dataTypeID: 23, dataTypeSize: 4 }
    assert.deepEqual(body, {
      command: 'SELECT',
      rowCount: 1,
      rows: [['1']],
      fields: [{ ...field, dataTypeModifier: -1, format: 'text' }],
      rowAsArray: true,
    })
  })

  it('each field of a result names its table, column, type and modifier', async () => {
    await sql`create table item (id int primary key, name varchar(9), price numeric(8,2), at timestamptz(3))`
    const oid = Number(await value("select 'item'::regclass::oid::text"))
    const { fields, rows, rowCount } =
      await sql`select at, price, name, id, id + 1 as more from item`
    const common = { format: 'text' }
    assert.deepEqual(fields, [
      {
        name: 'at',
        tableID: oid,
        columnID: 4,
        dataTypeID: 1184,
        dataTypeSize: 8,
        dataTypeModifier: 3,
        ...common,
      },
      {
        name: 'price',
        tableID: oid,
        columnID: 3,
        dataTypeID: 1700,
        dataTypeSize: -1,
        dataTypeModifier: 524294,
        ...common,
      },
      {
        name: 'name',
        tableID: oid,
        columnID: 2,
        dataTypeID: 1043,
        dataTypeSize: -1,
        dataTypeModifier: 13,
        ...common,
      },
      {
        name: 'id',
        tableID: oid,
        columnID: 1,
        dataTypeID: 23,
        dataTypeSize: 4,
        dataTypeModifier: -1,
        ...common,
      },
      {
        name: 'more',
        tableID: 0,
        columnID: 0,
        dataTypeID: 23,
        dataTypeSize: 4,
        dataTypeModifier: -1,
        ...common,
      },
    ])
    assert.deepEqual([rows, rowCount], [[], 0])
  })

  it('the command and row count of a result come from the command tag', async () => {
    const expected: [string, string, number | null, number][] = [
      ['create table counter (n int)', 'CREATE', null, 0],
      ['insert into counter values (1), (2), (3)', 'INSERT', 3, 0],
      ['insert into counter select 9 where false', 'INSERT', 0, 0],
      ['insert into counter values (4) returning n', 'INSERT', 1, 1],
      ['update counter set n = n + 1', 'UPDATE', 4, 0],
      ['delete from counter where n > 4', 'DELETE', 1, 0],
      ['select * from counter', 'SELECT', 3, 3],
      ['with x as (delete from counter returning 1) select count(*) from x', 'SELECT', 1, 1],
      ['values (1), (2)', 'SELECT', 2, 2],
      ['explain select 1', 'EXPLAIN', null, 1],
      ['show server_version', 'SHOW', null, 1],
      ['create table if not exists counter ()', 'CREATE', null, 0],
      ['truncate counter', 'TRUNCATE', null, 0],
      ['drop table counter', 'DROP', null, 0],
      ['do $$ begin end $$', 'DO', null, 0],
      ['', '', null, 0],
      ['-- nothing', '', null, 0],
    ]
    for (const [query, command, rowCount, rows] of expected) {
      const { status, body } = await post({ query })
      assert.equal(status, 200, `${query}: ${body.message}`)
      assert.deepEqual(
        [body.command, body.rowCount, body.rows.length],
        [command, rowCount, rows],
        query
      )
    }
  })

  it('a result can have no columns, or two of the same name', async () => {
    const none = await post({ query: 'select from generate_series(1, 2)' })
    assert.deepEqual([none.body.rows, none.body.fields, none.body.rowCount], [[[], []], [], 2])
    assert.deepEqual((await sql`select`).rows, [{}])
    const same = await post({ query: 'select 1 as a, 2 as a' })
    assert.deepEqual(same.body.rows, [['1', '2']])
    const { rows } = await sql`select 1 as a, 2 as a, 3 as "__proto__"`
    assert.equal(JSON.stringify(rows), '[{"a":2,"__proto__":3}]')
  })

  it('the driver returns plain rows without fullResults', async () => {
    assert.deepEqual(await neon(local.url)`select 1 as a`, [{ a: 1 }])
    assert.deepEqual(await neon(local.url, { arrayMode: true })`select 1 as a`, [[1]])
  })

  it('a reply of more than 10 MiB is a 507', async () => {
    const fits = await value("select repeat('x', 10 * 1024 * 1024 - 1000)")
    assert.equal(fits?.length, 10 * 1024 * 1024 - 1000)
    for (const query of [
      "select repeat('x', 10 * 1024 * 1024)",
      "select repeat('ö', 6 * 1024 * 1024)",
      "select repeat('x', 1000) from generate_series(1, 11000)",
      "select repeat('x', 1000) from generate_series(1, 100000)",
    ]) {
      const { status, headers, body } = await post({ query })
      assert.equal(status, 507, query)
      assert.equal(body.message, 'response is too large (max is 10485760 bytes)')
      assert.equal(headers.get('access-control-allow-origin'), '*')
    }
    const error = await failure(sql`select repeat('x', 10 * 1024 * 1024)`)
    assert.match(error.message, /HTTP status 507/)
    assert.equal(await value('select 1'), '1')
  })
})
