import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { post, sql, value } from './client.ts'

describe('values', () => {
  // An expression, its raw text, and the value that the driver parses it to
  const TYPES: [string, string, unknown][] = [
    ['true', 't', true],
    ['false', 'f', false],
    ["'-32768'::int2", '-32768', -32768],
    ['2147483647', '2147483647', 2147483647],
    ["'9223372036854775807'::int8", '9223372036854775807', '9223372036854775807'],
    ['0.1::float4', '0.1', 0.1],
    ['1e300::float8', '1e+300', 1e300],
    ["'NaN'::float8", 'NaN', Number.NaN],
    ["'-Infinity'::float8", '-Infinity', Number.NEGATIVE_INFINITY],
    ['123456789012345678901234567890.1230', '123456789012345678901234567890.1230', undefined],
    ["'text'::text", 'text', 'text'],
    ["'ab'::char(4)", 'ab  ', 'ab  '],
    ["'v'::varchar(9)", 'v', 'v'],
    ["'n'::name", 'n', 'n'],
    [
      "'AAAAAAAA-0000-4000-8000-000000000001'::uuid",
      'aaaaaaaa-0000-4000-8000-000000000001',
      undefined,
    ],
    [`'{"a": [1, null],  "b":"x"}'::json`, '{"a": [1, null],  "b":"x"}', { a: [1, null], b: 'x' }],
    [`'{"b":1, "a":2}'::jsonb`, '{"a": 2, "b": 1}', { a: 2, b: 1 }],
    ["'null'::jsonb", 'null', null],
    ["'\\xdeadBEEF'::bytea", '\\xdeadbeef', Buffer.from('deadbeef', 'hex')],
    ["'2026-02-03'::date", '2026-02-03', new Date(2026, 1, 3)],
    ["'04:05:06.789'::time", '04:05:06.789', undefined],
    ["'04:05:06+02'::timetz", '04:05:06+02', undefined],
    [
      "'2026-02-03 04:05:06.5'::timestamp",
      '2026-02-03 04:05:06.5',
      new Date(2026, 1, 3, 4, 5, 6, 500),
    ],
    [
      "'2026-02-03T04:05:06.123456+02'::timestamptz",
      '2026-02-03 02:05:06.123456+00',
      new Date('2026-02-03T02:05:06.123Z'),
    ],
    ["'infinity'::timestamptz", 'infinity', Number.POSITIVE_INFINITY],
    ["'1 day 02:00'::interval", '1 day 02:00:00', undefined],
    ["'(1,2)'::point", '(1,2)', { x: 1, y: 2 }],
    ["'10.0.0.0/8'::cidr", '10.0.0.0/8', '10.0.0.0/8'],
    ["'1010'::bit(4)", '1010', '1010'],
    ["'[1,5)'::int4range", '[1,5)', '[1,5)'],
    ['42::oid', '42', 42],
    ["'pg_class'::regclass", 'pg_class', 'pg_class'],
    ["row(1, 'a b', null)", '(1,"a b",)', '(1,"a b",)'],
    ['array[1, null, 3]', '{1,NULL,3}', [1, null, 3]],
    [
      'array[[1,2],[3,4]]',
      '{{1,2},{3,4}}',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ["array['a b', 'c\"d', 'NULL', '']", '{"a b","c\\"d","NULL",""}', ['a b', 'c"d', 'NULL', '']],
    ["'{}'::text[]", '{}', []],
    ['array[true, false]', '{t,f}', [true, false]],
    ["to_tsvector('simple', 'b a')", "'a':2 'b':1", undefined],
    ["'<a/>'::xml", '<a/>', undefined],
    ['null::int4', null as unknown as string, null],
    ["'null'::text", 'null', 'null'],
  ]

  it('a value of every type is the raw text of Postgres', async () => {
    const queries = [
      { query: "set local time zone 'UTC'" },
      ...TYPES.map(([expression]) => ({ query: `select ${expression}` })),
    ]
    const { status, body } = await post({ queries })
    assert.equal(status, 200, JSON.stringify(body))
    const texts = body.results.slice(1).map((result: { rows: string[][] }) => result.rows[0]?.[0])
    assert.deepEqual(
      texts,
      TYPES.map(([, text]) => text)
    )
  })

  for (const arrayMode of [true, false]) {
    it(`a value of every type is parsed by the driver, with arrayMode ${arrayMode}`, async () => {
      const parsed = TYPES.filter(([, , expected]) => expected !== undefined)
      const list = parsed.map(([expression], index) => `${expression} as c${index}`).join()
      const result = await sql.query(`select ${list}`, [], { arrayMode, fullResults: true })
      assert.equal(result.rowAsArray, arrayMode)
      assert.equal(Array.isArray(result.rows[0]), arrayMode)
      const row = Object.values(result.rows[0] ?? {})
      for (const [index, [expression, , expected]] of parsed.entries()) {
        assert.deepEqual(row[index], expected, expression)
      }
    })
  }

  it('a text keeps every character', async () => {
    const text = 'ÄÖ ß 中文 🙂 \u0001 \t\r\n " \\ \' {} \u2028 \ufffd e\u0301'
    assert.equal(await value('select $1', [text]), text)
    assert.equal(await value('select length($1)::text', ['🙂é中']), '3')
    const [row] = (await sql`select ${text} as "spält 🙂"`).rows
    assert.deepEqual(row, { 'spält 🙂': text })
  })

  it('a row is an object when the header or the query turns the array mode off', async () => {
    const query = 'select 1 as a, null as b'
    const objects = [{ a: '1', b: null }]
    const arrays = [['1', null]]
    const raw = { 'Neon-Raw-Text-Output': 'true' }
    for (const [mode, arrayMode, rows] of [
      ['true', undefined, arrays],
      ['true', true, arrays],
      ['true', false, objects],
      ['true', null, arrays],
      ['false', undefined, objects],
      ['TRUE', undefined, objects],
      ['1', undefined, objects],
      ['false', true, arrays],
    ] as const) {
      const { body } = await post({ query, arrayMode }, { ...raw, 'Neon-Array-Mode': mode })
      assert.deepEqual(body.rows, rows, `${mode} ${arrayMode}`)
      assert.equal(body.rowAsArray, rows === arrays)
    }
  })

  it('a value is JSON when raw text is off', async () => {
    const expected: [string, unknown][] = [
      ['true', true],
      ['1::int2', 1],
      ['-5', -5],
      ['5::int8', '5'],
      ['1.5::float8', 1.5],
      ['1e20::float8', 1e20],
      ["'NaN'::float8", 'NaN'],
      ["'Infinity'::float4", 'Infinity'],
      ['1.50', '1.50'],
      ["'2026-02-03'::date", '2026-02-03'],
      [`'{"a": [1, "x"]}'::json`, { a: [1, 'x'] }],
      ["'7'::jsonb", 7],
      ['null', null],
      ["'tea'", 'tea'],
      ['array[1,null,3]', [1, null, 3]],
      [
        'array[[true,false],[false,null]]',
        [
          [true, false],
          [false, null],
        ],
      ],
      ["array['a b', 'c\"d\\e', 'NULL', null, '']", ['a b', 'c"d\\e', 'NULL', null, '']],
      [`array['{"a": "}{,"}'::jsonb]`, [{ a: '}{,' }]],
      ['array[1.5::float8]', [1.5]],
      ["array['NaN'::float4]", ['NaN']],
      ['array[7::int8]', ['7']],
      [
        "'[0:1][2:3]={{1,2},{3,4}}'::int[]",
        [
          [1, 2],
          [3, 4],
        ],
      ],
      ["'{}'::int[]", []],
    ]
    const list = expected.map(([expression], index) => `${expression} as c${index}`).join()
    for (const headers of [{}, { 'Neon-Raw-Text-Output': 'True' }]) {
      const { body } = await post({ query: `select ${list}` }, headers)
      for (const [index, [expression, json]] of expected.entries()) {
        assert.deepEqual(body.rows[0][`c${index}`], json, expression)
      }
    }
    const { body } = await post({ query: 'select 1 as a, 2 as b' }, { 'Neon-Array-Mode': 'true' })
    assert.deepEqual(body.rows, [[1, 2]])
  })
})
