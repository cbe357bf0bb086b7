import { format } from '@cfworker/json-schema'
import { describe, expect, test } from 'vitest'
import { app } from '../src/index.ts'
import { openapi } from '../src/openapi.ts'
import { request, send } from './api.ts'
import { asDocumented } from './document.ts'

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

test.each(['/openapi.json', '/docs', '/docs/page.css'])(
  '%s is a 304 when it has not changed',
  async (path) => {
    const tag = (await send('GET', path)).headers.get('ETag') ?? ''
    const response = await send('GET', path, { headers: { 'If-None-Match': tag } })
    expect(response.status).toBe(304)
    expect(await response.text()).toBe('')
  }
)

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

/** Every schema in the document that has a type, with the path that leads to it. */
const schemas = (node: unknown, path = ''): [string, Record<string, unknown>][] => {
  if (typeof node !== 'object' || node === null) return []
  const inner = Object.entries(node)
    // What is a value, and not a part of the document.
    .filter(([key]) => !/^(examples?|default|enum|const)$/.test(key))
    .flatMap(([key, value]) => schemas(value, `${path}/${key}`))
  return 'type' in node && !path.includes('securitySchemes')
    ? [[path, node as Record<string, unknown>], ...inner]
    : inner
}

describe('every schema of the document', () => {
  const all = schemas(JSON.parse(JSON.stringify(openapi)))

  test('bounds its strings, arrays and numbers', () => {
    const bounds: Record<string, string[]> = {
      string: ['maxLength'],
      array: ['maxItems'],
      number: ['minimum', 'maximum'],
      integer: ['minimum', 'maximum'],
    }
    const unbounded = all
      .filter(([, schema]) => !('enum' in schema || 'const' in schema))
      .filter(([, schema]) =>
        [schema.type].flat().some((type) => bounds[String(type)]?.some((name) => !(name in schema)))
      )
    expect(unbounded.map(([path]) => path)).toEqual([])
  })

  test('has formats that are checked in every reply, or that other keywords check', () => {
    const formats = new Set(all.flatMap(([, schema]) => schema.format ?? []))
    const known = [...Object.keys(format), 'password', 'int32', 'double', 'jwt']
    expect([...formats].filter((name) => !known.includes(String(name)))).toEqual([])
  })
})

describe('the check of every reply', () => {
  const ok = { status: 'ok' }
  const user = { id: crypto.randomUUID(), email: 'ada@example.com', email_verified: true }
  const reply = (
    body: unknown,
    status = 200,
    headers: Record<string, string> = { 'Content-Type': 'application/json' }
  ) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return new Response(text, { status, headers: { 'X-Request-Id': 'id', ...headers } })
  }
  const check = (path: string, response: Response) => asDocumented(request('GET', path), response)

  test.each<[string, string, Response, string]>([
    ['an undocumented status', '/health', reply(ok, 201), 'status is not documented'],
    [
      'an undocumented media type',
      '/health',
      reply(ok, 200, { 'Content-Type': 'text/plain' }),
      'media type',
    ],
    ['a missing media type', '/health', reply(ok, 200, {}), 'media type'],
    ['a wrong value', '/health', reply({ status: 'fine' }), 'does not fit'],
    ['a field too many', '/health', reply({ ...ok, uptime: 1 }), 'does not fit'],
    ['a missing field', '/auth/me', reply(user), 'does not fit'],
    ['a wrong format', '/auth/me', reply({ ...user, created_at: 'today' }), 'does not fit'],
    ['a wrong item of a list', '/tasks', reply([{ id: 1 }]), 'does not fit'],
    [
      'a body where there is none',
      '/',
      reply('/app/', 302, { Location: '/app/', 'Content-Type': '' }),
      'a body',
    ],
    [
      'an undocumented header',
      '/health',
      reply(ok, 200, { 'Retry-After': '1' }),
      'header Retry-After is not',
    ],
    [
      'a header out of bounds',
      '/tasks',
      reply('', 429, { 'Retry-After': '0' }),
      'header Retry-After is',
    ],
    ['a success at an unknown path', '/nowhere', reply(ok), 'status is not documented'],
    ['an error that is no problem', '/nowhere', reply('Not found', 404), 'media type'],
    [
      'half a problem',
      '/tasks/x',
      reply({ status: 404 }, 404, { 'Content-Type': 'application/problem+json' }),
      'does not fit',
    ],
  ])('refuses %s', async (_, path, response, reason) => {
    await expect(check(path, response)).rejects.toThrow(reason)
  })

  test('refuses a reply without a header that the document promises', async () => {
    const response = reply(ok)
    response.headers.delete('X-Request-Id')
    await expect(check('/health', response)).rejects.toThrow('header X-Request-Id is missing')
  })

  test('leaves the body to be read', async () => {
    expect(await (await check('/health', reply(ok))).json()).toEqual(ok)
  })
})
