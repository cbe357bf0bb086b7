import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { before, describe, it } from 'node:test'
import { local, RAW, sql, value } from './client.ts'

describe('origins', () => {
  const INSERT = 'insert into visit values (1)'

  before(() => sql`create table visit (n int)`)

  /** Sends a request as a page of `origin` makes it; fetch would not send every such header. */
  async function send(method: string, origin: string | string[], body = '') {
    const headers = { ...RAW, 'Neon-Connection-String': local.url, Origin: origin }
    const { port } = local
    const outgoing = request({ host: '127.0.0.1', port, path: '/sql', method, headers }).end(body)
    const [response]: IncomingMessage[] = await once(outgoing, 'response')
    assert.ok(response)
    const text = Buffer.concat(await response.toArray()).toString()
    const { vary, 'access-control-allow-origin': allowed } = response.headers
    return { status: response.statusCode, text, vary, allowed }
  }

  for (const origin of [
    'http://localhost',
    'http://localhost:3000',
    'https://localhost:8443',
    'http://127.0.0.1:5173',
    'http://127.8.9.255',
    'http://[::1]:3000',
    'http://app.localhost:3000',
    'https://a.b.localhost',
  ]) {
    it(`a page of ${origin} may query the database`, async () => {
      for (const [method, body, expected] of [
        ['OPTIONS', '', 200],
        ['POST', JSON.stringify({ query: 'select 1' }), 200],
        ['POST', JSON.stringify({ queries: [{ query: 'select 1' }] }), 200],
        ['POST', JSON.stringify({ query: 'select 1/0' }), 400],
        ['POST', '{', 400],
      ] as const) {
        const { status, allowed, vary } = await send(method, origin, body)
        assert.deepEqual([status, allowed, vary], [expected, origin, 'Origin'], method + body)
      }
    })
  }

  for (const origin of [
    'null',
    '',
    'https://example.com',
    // The Origin after DNS rebinding
    `http://evil.example:${local.port}`,
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://evil-localhost',
    'http://localhost@evil.example',
    'http://evil.example/.localhost',
    'http://evil.example#.localhost',
    'http://evil.example\\.localhost',
    'http://localhost, http://evil.example',
    'http://localhost http://evil.example',
    'http://localhost:70000',
    'http://localhost/',
    'http://.localhost',
    'HTTP://LOCALHOST',
    'localhost',
    '//localhost',
    'file://localhost',
    'ftp://localhost',
    'ws://localhost',
    'chrome-extension://localhost',
    'http://0.0.0.0:3000',
    'http://128.0.0.1',
    'http://192.168.0.1',
    'http://2130706433',
    'http://[::2]',
    'http://[::ffff:127.0.0.1]',
    '*',
  ]) {
    it(`a page of ${JSON.stringify(origin)} is refused before its query runs`, async () => {
      for (const [method, body] of [
        ['OPTIONS', ''],
        ['POST', JSON.stringify({ query: INSERT })],
        ['POST', JSON.stringify({ queries: [{ query: INSERT }] })],
      ] as const) {
        const { status, text, allowed } = await send(method, origin, body)
        assert.deepEqual([status, allowed], [403, undefined], method + body)
        assert.match(JSON.parse(text).message, /only web pages on localhost may use the local Neon/)
      }
      assert.equal(await value('select count(*)::text from visit'), '0')
    })
  }

  it('a request with two Origin headers is refused', async () => {
    const origins = ['http://localhost', 'https://example.com']
    for (const list of [origins, origins.toReversed()]) {
      const { status } = await send('POST', list, JSON.stringify({ query: INSERT }))
      assert.equal(status, 403)
    }
    assert.equal(await value('select count(*)::text from visit'), '0')
  })
})
