import { describe, expect, test } from 'vitest'
import {
  isRemote,
  newEmail,
  newPassword,
  newUser,
  password,
  problem,
  refresh,
  throughProxy,
  tryLogIn,
  wrongPassword,
} from './api.ts'
import { mailbox, type Purpose, purposes } from './mail.ts'
import { blockFor, sha256, sql } from './rows.ts'
import { claims, forge } from './tokens.ts'

describe.runIf(!isRemote)('requests to the database', () => {
  const email = newEmail()
  const unknownId = crypto.randomUUID()
  const unknownToken = 'x'.repeat(43)

  // In this order: the second needs the user of the first, and so on.
  test.each<[status: number, method: string, path: string, count: number, json?: unknown]>([
    [201, 'POST', '/auth/signup', 1, { email, password }],
    [409, 'POST', '/auth/signup', 1, { email, password }],
    [422, 'POST', '/auth/signup', 0, { email }],
    [200, 'POST', '/auth/login', 2, { email, password }],
    [401, 'POST', '/auth/login', 1, { email, password: wrongPassword }],
    [401, 'POST', '/auth/login', 1, { email: `not.${email}`, password }],
    [422, 'POST', '/auth/login', 0, { email: 'ada', password }],
    [202, 'POST', '/auth/password/forgot', 1, { email }],
    [202, 'POST', '/auth/password/forgot', 1, { email: `not.${email}` }],
    [422, 'POST', '/auth/password/forgot', 0, { email: 'ada' }],
    [422, 'POST', '/auth/password/reset', 1, { token: unknownToken, new_password: password }],
    [422, 'POST', '/auth/password/reset', 0, { token: 'x', new_password: password }],
    [422, 'POST', '/auth/email/confirm', 1, { token: unknownToken }],
    [422, 'POST', '/auth/email/confirm', 0, { token: 'x' }],
    [403, 'POST', '/auth/refresh', 0],
    [200, 'GET', '/health', 0],
    [302, 'GET', '/', 0],
    [404, 'GET', '/nowhere', 0],
  ])(
    'a %i of %s %s makes %i request(s) to the database',
    async (status, method, path, count, json) => {
      const { send, requests } = throughProxy()
      expect((await send(method, path, { json })).status).toBe(status)
      expect(await requests()).toBe(count)
    }
  )

  test.each<[status: number, method: string, path: string, count: number, json?: unknown]>([
    [200, 'GET', '/auth/me', 1],
    [405, 'POST', '/auth/me', 0],
    // The user, the sessions, one page of tasks and an empty page, and an empty page of the trash.
    [200, 'GET', '/auth/me/export', 5],
    [204, 'DELETE', '/auth/me', 1],
    [204, 'PUT', '/auth/password', 2, { current_password: password, new_password: newPassword }],
    [403, 'PUT', '/auth/password', 1, { current_password: wrongPassword, new_password: password }],
    [422, 'PUT', '/auth/password', 0, { current_password: password }],
    [202, 'POST', '/auth/email/resend', 1],
    [202, 'PUT', '/auth/email', 2, { email: newEmail(), current_password: password }],
    [202, 'PUT', '/auth/email', 2, { email, current_password: password }],
    [403, 'PUT', '/auth/email', 1, { email, current_password: wrongPassword }],
    [422, 'PUT', '/auth/email', 0, { email }],
    [204, 'POST', '/auth/logout', 1],
    [200, 'GET', '/auth/sessions', 1],
    [204, 'DELETE', '/auth/sessions', 1],
    [404, 'DELETE', '/auth/sessions/:unknown', 1],
    [404, 'DELETE', '/auth/sessions/x', 1],
    [200, 'GET', '/tasks', 1],
    [200, 'GET', '/tasks?sort=-title&limit=3&completed=true&tag=a&search=b&due_from=2026-01-01', 1],
    [422, 'GET', '/tasks?limit=0', 0],
    [422, 'GET', '/tasks?cursor=x', 0],
    [201, 'POST', '/tasks', 1, { title: 'x' }],
    [422, 'POST', '/tasks', 0, { title: '' }],
    [204, 'DELETE', '/tasks?completed=true', 1],
    [422, 'DELETE', '/tasks?sort=title', 0],
    [200, 'GET', '/tasks/:id', 1],
    [200, 'PUT', '/tasks/:id', 1, { title: 'y' }],
    [200, 'PATCH', '/tasks/:id', 1, { title: 'z' }],
    [200, 'PATCH', '/tasks/:id', 1, {}],
    [422, 'PATCH', '/tasks/:id', 0, { title: null }],
    [422, 'PATCH', '/tasks/:id', 1, { due_time: '10:00' }],
    [200, 'PATCH', '/tasks/:id/complete', 1, { completed: true }],
    [200, 'PATCH', '/tasks/:id/complete', 1],
    [404, 'GET', '/tasks/:unknown', 1],
    [404, 'GET', '/tasks/x', 1],
    [204, 'DELETE', '/tasks/:id', 1],
  ])(
    'a %i of %s %s, with an access token, makes %i request(s) to the database',
    async (status, method, path, count, json) => {
      const { accessToken, newTask } = await newUser()
      const { id } = await newTask({ title: 'x' })
      const { send, requests } = throughProxy()
      const url = path.replace(':id', id).replace(':unknown', unknownId)
      const response = await send(method, url, { json, accessToken })
      expect(response.status).toBe(status)
      // An export asks for the next page while it is read.
      await response.text()
      expect(await requests()).toBe(count)
    }
  )

  const stale = { 'If-Match': '"2001-02-03T04:05:06.789Z"' }
  const absent = { 'If-None-Match': '*' }
  const key = { 'Idempotency-Key': 'k' }

  // In `:deleted` is the id of a task in the trash. Two requests: the second explains the refusal.
  test.each<
    [
      status: number,
      method: string,
      path: string,
      count: number,
      json?: unknown,
      headers?: Record<string, string>,
    ]
  >([
    [304, 'GET', '/tasks', 1, undefined, absent],
    [304, 'HEAD', '/tasks', 1, undefined, absent],
    [400, 'GET', '/tasks', 0, undefined, { 'If-None-Match': 'x' }],
    [200, 'GET', '/tasks?deleted=true', 1],
    [422, 'GET', '/tasks?deleted=true&sort=title', 0],
    [304, 'GET', '/tasks/:id', 1, undefined, absent],
    [404, 'GET', '/tasks/:deleted', 1, undefined, absent],
    [412, 'POST', '/tasks', 0, { title: 'x' }, stale],
    [412, 'DELETE', '/tasks', 0, undefined, absent],
    [200, 'PATCH', '/tasks/:id', 1, { title: 'y' }, { 'If-Match': '*' }],
    [200, 'PATCH', '/tasks/:id', 1, {}, { 'If-None-Match': '"x"' }],
    [412, 'PATCH', '/tasks/:id', 2, { title: 'y' }, stale],
    [412, 'PATCH', '/tasks/:id', 2, {}, stale],
    [412, 'PATCH', '/tasks/:id', 2, { title: 'y' }, { ...stale, ...key }],
    [404, 'PATCH', '/tasks/:deleted', 2, { title: 'y' }, stale],
    [404, 'PATCH', '/tasks/:deleted', 1, { title: 'y' }],
    [404, 'PATCH', '/tasks/:deleted', 1, { title: 'y' }, key],
    [412, 'PATCH', '/tasks/:id/complete', 2, undefined, stale],
    [412, 'PUT', '/tasks/:id', 2, { title: 'y' }, stale],
    [412, 'DELETE', '/tasks/:id', 2, undefined, stale],
    [404, 'DELETE', '/tasks/:deleted', 1],
    [201, 'PUT', `/tasks/${unknownId}`, 1, { title: 'y' }, absent],
    [412, 'PUT', '/tasks/:id', 2, { title: 'y' }, absent],
    [409, 'PUT', '/tasks/:deleted', 2, { title: 'y' }, absent],
    [404, 'PUT', '/tasks/x', 2, { title: 'y' }, absent],
    [200, 'POST', '/tasks/:deleted/restore', 1],
    [200, 'POST', '/tasks/:id/restore', 1, undefined, stale],
    [412, 'POST', '/tasks/:deleted/restore', 2, undefined, stale],
    [404, 'POST', `/tasks/${unknownId}/restore`, 1],
    [404, 'POST', `/tasks/${unknownId}/restore`, 2, undefined, stale],
    [200, 'GET', '/tasks/changes', 1],
    [200, 'GET', '/tasks/changes?limit=1', 1],
    [422, 'GET', '/tasks/changes?since=x', 0],
    [405, 'POST', '/tasks/changes', 0],
    [200, 'POST', '/tasks/batch', 1, [{ op: 'delete', id: unknownId }]],
    [200, 'POST', '/tasks/batch', 1, [{ op: 'delete', id: unknownId }], key],
    [412, 'POST', '/tasks/batch', 0, [{ op: 'delete', id: unknownId }], stale],
    [422, 'POST', '/tasks/batch', 0, []],
    [405, 'GET', '/tasks/batch', 0],
    [201, 'POST', '/tasks', 1, { title: 'x' }, key],
    [400, 'POST', '/tasks', 0, { title: 'x' }, { 'Idempotency-Key': 'a b' }],
    [200, 'PATCH', '/tasks/:id', 1, {}, key],
  ])(
    'a %i of %s %s makes %i request(s) to the database: %j %j',
    async (status, method, path, count, json, headers = {}) => {
      const user = await newUser()
      const { id } = await user.newTask({ title: 'x' })
      const deleted = await user.newTask({ title: 'y' })
      await user.send('DELETE', `/tasks/${deleted.id}`)
      const { send, requests } = throughProxy()
      const url = path.replace(':id', id).replace(':deleted', deleted.id)
      const response = await send(method, url, { json, headers, accessToken: user.accessToken })
      expect(response.status).toBe(status)
      expect(await requests()).toBe(count)
    }
  )

  test('a refresh makes one request to the database, and none without a cookie', async () => {
    const { cookie } = await newUser()
    const { send, requests } = throughProxy()
    await problem(refresh('', { through: send }), 401)
    expect(await requests()).toBe(0)
    // The second time the token is spent already.
    for (const count of [1, 2]) {
      expect((await refresh(cookie, { through: send })).status).toBe(200)
      expect(await requests()).toBe(count)
    }
  })

  test('a token of a mail makes one request to the database', async () => {
    const box = mailbox()
    const spend = async (purpose: Purpose) => {
      const user = await box.newUser()
      const token = await box.newToken(purpose, user)
      const { send, requests } = throughProxy()
      const [path, json] =
        purpose === 'reset'
          ? ['/auth/password/reset', { token, new_password: newPassword }]
          : ['/auth/email/confirm', { token }]
      expect((await send('POST', path as string, { json })).status).toBe(204)
      expect(await requests()).toBe(1)
    }
    for (const purpose of purposes) await spend(purpose)
  })

  test('a request to send a confirmed address its link again makes one request to the database', async () => {
    const box = mailbox()
    const { accessToken, confirmToken } = await box.newUser()
    await box.confirm(confirmToken)
    const { send, requests } = throughProxy()
    expect((await send('POST', '/auth/email/resend', { accessToken })).status).toBe(204)
    expect(await requests()).toBe(1)
  })

  test('a login during the wait after wrong passwords makes one request to the database', async () => {
    const email = newEmail()
    await sql`insert into guesses (email_hash, failures) values (${sha256(email)}, 10)`
    await blockFor(email, 60)
    const { send, requests } = throughProxy()
    await problem(tryLogIn({ email, password }, send), 429)
    expect(await requests()).toBe(1)
  })

  test('a request with a bad access token makes no request to the database', async () => {
    const { send, requests } = throughProxy()
    const otherSecret = 'another secret of more than 32 bytes'
    const forged = await forge(claims(unknownId), { secret: otherSecret })
    for (const accessToken of [undefined, 'x', forged])
      await problem(send('GET', '/tasks', { accessToken }), 401)
    expect(await requests()).toBe(0)
  })

  test('a deleted user makes one request to the database, and none if the body or query is faulty', async () => {
    const accessToken = await forge(claims(unknownId))
    const { send, requests } = throughProxy()
    await problem(send('POST', '/tasks', { accessToken, json: { title: '' } }), 422)
    await problem(send('GET', '/tasks?limit=0', { accessToken }), 422)
    expect(await requests()).toBe(0)
    await problem(send('POST', '/tasks', { accessToken, json: { title: 'x' } }), 401)
    expect(await requests()).toBe(1)
  })
})
