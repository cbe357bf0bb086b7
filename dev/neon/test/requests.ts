import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { local, post, RAW, value } from './client.ts'

describe('requests', () => {
  it('a malformed body is a 400', async () => {
    for (const body of [
      '',
      '{',
      'null',
      '[]',
      '"select 1"',
      '{}',
      '{"query":1}',
      '{"query":"select 1","params":{}}',
      '{"query":"select 1","params":null}',
      '{"query":"select 1","arrayMode":"true"}',
      '{"queries":{}}',
      '{"queries":["select 1"]}',
      '{"queries":[{"query":"select 1"},null]}',
      '{"query":"select 1"} x',
      '{"query":"select $1","params":["\\ud800"]}',
      Buffer.from('{"query":"select \'\xff\'"}', 'latin1'),
      Buffer.from('\ufeff{"query":"select 1"}'),
    ]) {
      const reply = await post(body)
      assert.equal(reply.status, 400, String(body))
      assert.match(reply.body.message, /^could not parse the HTTP request body: /, String(body))
      assert.equal(reply.headers.get('access-control-allow-origin'), '*')
    }
    assert.equal(
      (await post('{"query":"select $1","params":["\\ud83d\\ude42"]}')).body.rows[0][0],
      '🙂'
    )
    assert.equal((await post('{"query":"select 1","more":[]}')).status, 200)
  })

  it('another path or method is a 400', async () => {
    const headers = { 'Neon-Connection-String': local.url }
    for (const [method, path] of [
      ['GET', '/sql'],
      ['PUT', '/sql'],
      ['DELETE', '/sql'],
      ['POST', '/'],
      ['POST', '/sql/'],
      ['POST', '/other'],
      ['OPTIONS', '/other'],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${local.port}${path}`, { method, headers })
      assert.equal(response.status, 400, `${method} ${path}`)
      assert.equal(await response.json(), 'query is not supported')
    }
    const body = JSON.stringify({ query: 'select 1' })
    const response = await fetch(`http://127.0.0.1:${local.port}/sql?a=b`, {
      method: 'POST',
      headers,
      body,
    })
    assert.equal(response.status, 200)
  })

  it('a preflight request without an Origin is answered as by Neon', async () => {
    const response = await fetch(`http://127.0.0.1:${local.port}/sql`, { method: 'OPTIONS' })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('allow'), 'OPTIONS, POST')
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.match(
      String(response.headers.get('access-control-allow-headers')),
      /Neon-Connection-String/
    )
    assert.equal(response.headers.get('access-control-max-age'), '86400')
  })

  it('a body of 9 MB is served, and one of more than 10 MiB is a 413', async () => {
    for (const size of [1_000_000, 9_000_000]) {
      assert.equal(await value('select length($1)::text', ['x'.repeat(size)]), String(size))
    }
    assert.equal(await value(`select length('${'ö'.repeat(500_000)}')::text`), '500000')
    const { status, body } = await post({
      query: 'select 1',
      params: ['x'.repeat(10 * 1024 * 1024)],
    })
    assert.equal(status, 413)
    assert.equal(body.message, 'request is too large (max is 10485760 bytes)')
  })

  it('a body can arrive in pieces', async () => {
    const headers = { ...RAW, 'Neon-Connection-String': local.url }
    const out = request({
      port: local.port,
      host: '127.0.0.1',
      path: '/sql',
      method: 'POST',
      headers,
    })
    const [first, second] = [Buffer.from('{"query":"select \'ö'), Buffer.from('\'"}')]
    await new Promise((resolve) => out.write(first.subarray(0, -1), resolve))
    // Two turns of the event loop, in which the server, in this process, reads the first piece.
    for (let turn = 0; turn < 2; turn++) await setImmediate()
    out.end(Buffer.concat([first.subarray(-1), second]))
    const [response] = await once(out, 'response')
    const { rows } = JSON.parse(Buffer.concat(await response.toArray()).toString())
    assert.deepEqual(rows, [['ö']])
  })
})
