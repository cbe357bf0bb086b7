import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { neon } from '@neondatabase/serverless'
import { atEnd, startApi, startBrowser } from './start.ts'

/**
 * A proxy in front of the API that loses replies to refreshes while `isLosing`: the API has sent the
 * reply, and the browser never gets it. `lost` counts them.
 */
const startLosingProxy = async (api: string) => {
  const state = { isLosing: false, lost: 0, url: '' }
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming
    const passed = request(new URL(url, api), { method, headers }, (reply) => {
      if (state.isLosing && url === '/auth/refresh') {
        reply.resume()
        state.lost++
        return
      }
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  atEnd(async () => {
    server.closeAllConnections()
    server.close()
  })
  state.url = `http://localhost:${(server.address() as AddressInfo).port}`
  return state
}

test('a page that is reloaded twenty times in the middle of a refresh stays signed in', async () => {
  const { url, databaseUrl } = await startApi()
  const proxy = await startLosingProxy(url)
  const sql = neon(databaseUrl)
  const page = await (await startBrowser()).newPage({ baseURL: proxy.url })
  await page.goto('/docs')

  const credentials = { email: `${randomUUID()}@example.com`, password: 'correct horse battery' }
  for (const path of ['/auth/signup', '/auth/login'])
    await page.evaluate(
      ([path, body]) =>
        fetch(path as string, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: body as string,
        }),
      [path, JSON.stringify(credentials)]
    )

  /** The status of a refresh, and the status of a request with the access token that it gave. */
  const refresh = () =>
    page.evaluate(async () => {
      const reply = await fetch('/auth/refresh', { method: 'POST' })
      const { access_token } = (await reply.json()) as { access_token: string }
      const me = await fetch('/auth/me', { headers: { Authorization: `Bearer ${access_token}` } })
      return [reply.status, me.status]
    })

  for (let reload = 1; reload <= 20; reload++) {
    proxy.isLosing = true
    await page.evaluate(() => {
      void fetch('/auth/refresh', { method: 'POST' }).catch(() => {})
    })
    while (proxy.lost < reload) await new Promise((resolve) => setImmediate(resolve))
    await page.reload()
    proxy.isLosing = false
    // As if the reload had taken longer than the grace period.
    await sql`update refresh_tokens set spent_at = spent_at - interval '11 seconds'`
    assert.deepEqual(await refresh(), [200, 200], `after reload ${reload}`)
  }
})
