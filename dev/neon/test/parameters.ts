import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { post, sql, value } from './client.ts'

describe('parameters', () => {
  it('a parameter of any JSON type reaches Postgres as text', async () => {
    for (const [param, cast, text] of [
      ['a', 'text', 'a'],
      ['', 'text', ''],
      [null, 'text', null],
      [null, 'int', null],
      [7, 'int', '7'],
      [-1.5, 'numeric', '-1.5'],
      [9007199254740991, 'int8', '9007199254740991'],
      [true, 'bool', 'true'],
      [false, 'bool', 'false'],
      ['2026-02-03', 'date', '2026-02-03'],
      [{ a: [1, null] }, 'jsonb', '{"a": [1, null]}'],
      [[1, null, 3], 'int[]', '{1,NULL,3}'],
      [[], 'int[]', '{}'],
      [
        [
          [1, 2],
          [3, 4],
        ],
        'int[]',
        '{{1,2},{3,4}}',
      ],
      [
        ['a b', 'c"d', 'e\\f', 'NULL', '', null],
        'text[]',
        '{"a b","c\\"d","e\\\\f","NULL","",NULL}',
      ],
      [[true, false], 'bool[]', '{t,f}'],
      [[{ a: 'x"y' }], 'jsonb[]', '{"{\\"a\\": \\"x\\\\\\"y\\"}"}'],
      ['\\xDEAD', 'bytea', '\\xdead'],
    ] as const) {
      assert.equal(await value(`select $1::${cast}::text`, [param]), text, JSON.stringify(param))
    }
  })

  it('a parameter has the type that the statement gives it', async () => {
    assert.equal(await value("select pg_typeof($1 || 'a')::text", ['1']), 'text')
    assert.equal(await value('select pg_typeof($1 + 1)::text', ['1']), 'integer')
    assert.equal(await value('select jsonb_typeof(to_jsonb($1::int))', ['3']), 'number')
    const { body } = await post({ query: 'select $1::int', params: ['x'] })
    assert.equal(body.code, '22P02')
  })

  it('parameters of the driver reach Postgres with their values', async () => {
    const date = new Date('2026-02-03T04:05:06.789Z')
    const [row] = (
      await sql`select ${1}::int as i, ${true}::bool as b, ${null}::text as n, ${date}::timestamptz as d,
        ${['x', 'y z']}::text[] as a, ${JSON.stringify({ k: 1 })}::jsonb as j, ${Buffer.from('hé')}::bytea as y`
    ).rows
    const y = Buffer.from('hé')
    assert.deepEqual(row, { i: 1, b: true, n: null, d: date, a: ['x', 'y z'], j: { k: 1 }, y })
  })

  it('parameters can be left out, but too few or too many are an error', async () => {
    assert.equal(await value('select 1::text'), '1')
    assert.equal((await post({ query: 'select 1' })).status, 200)
    assert.equal((await post({ query: 'select $1', params: [] })).body.code, '08P01')
    assert.equal((await post({ query: 'select 1', params: ['a'] })).body.code, '08P01')
    const many = await post({ query: 'select 1', params: Array(70_000).fill('a') })
    assert.equal(many.status, 400)
    assert.match(many.body.message, /value too large to transmit/)
    assert.equal(await value('select 1'), '1')
  })

  it('a zero byte in a parameter or a query is an error', async () => {
    assert.equal((await post({ query: 'select $1', params: ['a\0b'] })).body.code, '22021')
    const { status, body } = await post({ query: 'select \0 1' })
    assert.equal(status, 400)
    assert.match(body.message, /embedded null/)
  })
})
