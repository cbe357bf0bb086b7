import { expect, test } from 'vitest'
import { app } from '../src/index.ts'
import { openapi } from '../src/openapi.ts'
import { send } from './api.ts'

test('the document and the app know the same operations', () => {
  const served = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}').replace(/\/\*$/, '')}`)
  const documented = Object.entries(openapi.paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((key) => key !== 'parameters')
      .map((method) => `${method.toUpperCase()} ${path}`)
  )
  expect(documented.sort()).toEqual([...new Set(served)].sort())
})

test('the document is served as it is', async () => {
  const response = await send('GET', '/openapi.json')
  expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(openapi)))
})

test('the docs are a page of our own origin alone', async () => {
  const response = await send('GET', '/docs')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toMatch(/^text\/html/)
  const policy = response.headers.get('Content-Security-Policy')
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  const page = await response.text()
  expect(page).not.toMatch(/https?:\/\/|<script>|<style|\son\w+=|style=/)
  const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
  expect(assets.length).toBeGreaterThan(1)
  for (const path of assets) expect((await send('GET', path)).status).toBe(200)
})
