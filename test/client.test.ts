import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createClient } from '../src/client.ts'
import { app } from '../src/index.ts'
import { isRemote, newEmail, origin, password } from './api.ts'

const network = fetch

// The client uses fetch, which here reaches the Worker in this process.
beforeAll(() => {
  if (isRemote) return
  vi.stubGlobal('fetch', (input: RequestInfo, init?: RequestInit) => {
    const request = new Request(input, init)
    return new URL(request.url).origin === origin
      ? app.fetch(request, env, createExecutionContext())
      : network(request)
  })
})
afterAll(() => {
  vi.unstubAllGlobals()
})

test('the typed client signs up, logs in, and creates, completes, lists and deletes a task', async () => {
  const json = { email: newEmail(), password }
  const visitor = createClient(origin)
  expect((await visitor.auth.signup.$post({ json })).status).toBe(201)
  const login = await visitor.auth.login.$post({ json })
  if (login.status !== 200) throw new Error(`login: ${login.status}`)
  const { access_token } = await login.json()

  const client = createClient(origin, access_token)
  const created = await client.tasks.$post({ json: { title: 'Buy milk', tags: ['home'] } })
  if (created.status !== 201) throw new Error(`create: ${created.status}`)
  const { id } = await created.json()
  const param = { id }
  const done = await client.tasks[':id'].complete.$patch({ param })
  expect(await done.json()).toMatchObject({ id, completed: true })
  const listed = await client.tasks.$get({ query: { completed: 'true', tag: ['home'] } })
  expect(await listed.json()).toMatchObject([{ id }])
  expect((await client.tasks[':id'].$delete({ param })).status).toBe(204)
  expect((await client.tasks[':id'].$get({ param })).status).toBe(404)
  expect((await visitor.tasks.$get({ query: {} })).status).toBe(401)
})
