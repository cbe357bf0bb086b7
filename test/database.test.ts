import { env } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import {
  type Changes,
  isRemote,
  newUser,
  password,
  problem,
  refuseHashes,
  sendWith,
  sql,
} from './api.ts'
import { claims, forge } from './tokens.ts'

/**
 * The API behind a proxy that fails as `fault` says for so many requests, after so many that pass,
 * and counts them all.
 */
const throughProxy = (fault = '', times = 0, after = 0, changes: Changes = {}) => {
  const label = crypto.randomUUID()
  const url = new URL(env.PROXY_URL)
  url.searchParams.set('application_name', `${label}.${fault}.${times}.${after}`)
  return {
    send: sendWith({ ...changes, DATABASE_URL: url.href }),
    requests: async () =>
      Number(await (await fetch(`http://${url.host}/requests/${label}`)).text()),
  }
}

describe.runIf(!isRemote)('the requests to Neon', () => {
  const email = `${crypto.randomUUID()}@example.com`
  const id = crypto.randomUUID()
  const inOrder: [number, string, string, number, unknown?][] = [
    [201, 'POST', '/auth/signup', 1, { email, password }],
    [409, 'POST', '/auth/signup', 1, { email, password }],
    [422, 'POST', '/auth/signup', 0, { email }],
    [200, 'POST', '/auth/login', 2, { email, password }],
    [401, 'POST', '/auth/login', 1, { email, password: 'wrong password' }],
    [401, 'POST', '/auth/login', 1, { email: `not.${email}`, password }],
    [422, 'POST', '/auth/login', 0, { email: 'ada', password }],
    [403, 'POST', '/auth/refresh', 0],
    [200, 'GET', '/health', 0],
    [302, 'GET', '/', 0],
    [404, 'GET', '/nowhere', 0],
  ]
  test.each(inOrder)('%i for %s %s takes %i', async (status, method, path, count, json) => {
    const { send, requests } = throughProxy()
    expect((await send(method, path, { json })).status).toBe(status)
    expect(await requests()).toBe(count)
  })

  const withToken: [number, string, string, number, unknown?][] = [
    [200, 'GET', '/auth/me', 1],
    [405, 'POST', '/auth/me', 0],
    // The user, the sessions, a page of tasks, and one that is empty.
    [200, 'GET', '/auth/me/export', 4],
    [204, 'DELETE', '/auth/me', 1],
    [204, 'PUT', '/auth/password', 2, { current_password: password, new_password: 'another one' }],
    [403, 'PUT', '/auth/password', 1, { current_password: 'wrong one', new_password: password }],
    [422, 'PUT', '/auth/password', 0, { current_password: password }],
    [204, 'POST', '/auth/logout', 1],
    [200, 'GET', '/auth/sessions', 1],
    [204, 'DELETE', '/auth/sessions', 1],
    [404, 'DELETE', `/auth/sessions/${id}`, 1],
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
    [404, 'GET', `/tasks/${id}`, 1],
    [404, 'GET', '/tasks/x', 1],
    [204, 'DELETE', '/tasks/:id', 1],
  ]
  test.each(withToken)('%i for %s %s takes %i', async (status, method, path, count, json) => {
    const user = await newUser()
    const task = await user.newTask({ title: 'x' })
    const { send, requests } = throughProxy()
    const { token } = user
    const response = await send(method, path.replace(':id', task.id), { json, token })
    expect(response.status).toBe(status)
    // What is streamed asks for more as it is read.
    await response.text()
    expect(await requests()).toBe(count)
  })

  test('a refresh takes one, and none without a cookie', async () => {
    const { cookie } = await newUser()
    const { send, requests } = throughProxy()
    const headers = { 'Sec-Fetch-Site': 'same-origin' }
    await problem(send('POST', '/auth/refresh', { headers }), 401)
    expect(await requests()).toBe(0)
    for (const count of [1, 2]) {
      const response = await send('POST', '/auth/refresh', {
        headers: { ...headers, Cookie: cookie },
      })
      expect(response.status).toBe(200)
      expect(await requests()).toBe(count)
    }
  })

  test('a login that comes too early takes one', async () => {
    const json = { email: `${crypto.randomUUID()}@example.com`, password }
    await sql`insert into guesses (email_hash, failures, blocked_until) values
      (encode(sha256(convert_to(${json.email}, 'UTF8')), 'hex'), 10, now() + interval '1 minute')`
    const { send, requests } = throughProxy()
    await problem(send('POST', '/auth/login', { json }), 429)
    expect(await requests()).toBe(1)
  })

  test('a refused token makes none, and one of a user who is gone makes one', async () => {
    const refused = throughProxy()
    await problem(refused.send('GET', '/tasks'), 401)
    await problem(refused.send('GET', '/tasks', { token: 'x' }), 401)
    const token = await forge(claims(id), { secret: 'another secret of more than 32 bytes' })
    await problem(refused.send('GET', '/tasks', { token }), 401)
    expect(await refused.requests()).toBe(0)
    const gone = throughProxy()
    await problem(
      gone.send('POST', '/tasks', { token: await forge(claims(id)), json: { title: 'x' } }),
      401
    )
    expect(await gone.requests()).toBe(1)
  })
})

describe.runIf(!isRemote)('a database in trouble', () => {
  const faults = [
    'refuse',
    'hang',
    'stall',
    'cut',
    'error-500',
    'error-502',
    'error-429',
    'redirect',
    'html',
    'truncated',
    'empty',
    'no-columns',
    'no-values',
    'nulls',
  ]
  /** Whether a read is tried once more: not after a timeout, nor an answer that makes no sense. */
  const isTriedAgain = (fault: string) =>
    ['refuse', 'cut', 'error-500', 'error-502'].includes(fault)

  test.concurrent.each(faults)(
    'that answers with %s is a 503, and the next request works',
    async (fault) => {
      const user = await newUser()
      const task = await user.newTask({ title: 'Before' })
      const operations: [string, string, unknown?][] = [
        ['GET', '/tasks'],
        ['GET', `/tasks/${task.id}`],
        ['GET', '/auth/me'],
        ['GET', '/auth/me/export'],
        ['GET', '/auth/sessions'],
        ['POST', '/tasks', { title: 'New' }],
        ['PATCH', `/tasks/${task.id}`, { title: 'After' }],
        ['DELETE', `/auth/sessions/${crypto.randomUUID()}`],
        ['POST', '/auth/refresh'],
        ['POST', '/auth/login', { email: user.email, password }],
        ['POST', '/auth/signup', { email: `${crypto.randomUUID()}@example.com`, password }],
      ]
      const headers = { Cookie: user.cookie, 'Sec-Fetch-Site': 'same-origin' }
      await Promise.all(
        operations.map(async ([method, path, json]) => {
          const tries = method === 'GET' && isTriedAgain(fault) ? 2 : 1
          const { send, requests } = throughProxy(fault, tries)
          const start = Date.now()
          const response = await send(method, path, { json, token: user.token, headers })
          expect(Date.now() - start).toBeLessThan(10_000)
          expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
          expect(response.headers.get('Set-Cookie')).toBeNull()
          const { detail } = await problem(response, 503)
          expect(detail).not.toMatch(/select|insert|postgres|127\.0\.0\.1|html|boom/i)
          expect({ method, path, requests: await requests() }).toEqual({
            method,
            path,
            requests: tries,
          })
          const next = await send(method, path, { json, token: user.token, headers })
          expect(next.status).toBeLessThan(410)
          expect(next.status).not.toBe(401)
        })
      )
    }
  )

  test.each(faults.filter(isTriedAgain))(
    'for a moment, with %s, is not seen by a read, and a write is not tried again',
    async (fault) => {
      const user = await newUser()
      for (const path of ['/tasks', '/auth/me', '/auth/sessions']) {
        const { send, requests } = throughProxy(fault, 1)
        expect((await send('GET', path, { token: user.token })).status).toBe(200)
        expect(await requests()).toBe(2)
      }
      const { send, requests } = throughProxy(fault, 1)
      await problem(send('POST', '/tasks', { token: user.token, json: { title: 'x' } }), 503)
      expect(await requests()).toBe(1)
      const held = (await (await user.send('GET', '/tasks')).json()) as unknown[]
      // Only where the line was cut afterwards has it happened, and then once.
      expect(held).toHaveLength(fault === 'cut' ? 1 : 0)
    }
  )

  test.each(['cut', 'hang', 'html', 'no-values'])(
    'between the two requests of a login, with %s, lets nobody in',
    async (fault) => {
      const { email } = await newUser()
      const { send, requests } = throughProxy(fault, 1, 1)
      const json = { email, password }
      const response = await send('POST', '/auth/login', { json })
      expect(response.headers.get('Set-Cookie')).toBeNull()
      await problem(response, 503)
      expect(await requests()).toBe(2)
      expect((await send('POST', '/auth/login', { json })).status).toBe(200)
    }
  )

  test('that is slow at each request of a login is a 503 within 10 seconds', async () => {
    const { id, email } = await newUser()
    const { send, requests } = throughProxy('late', 9, 0, { BCRYPT_COST: '5' })
    // And then asks a third time, without a new hash.
    const takeHashes = await refuseHashes(id)
    try {
      const start = Date.now()
      const response = await send('POST', '/auth/login', { json: { email, password } })
      expect(Date.now() - start).toBeLessThan(10_000)
      expect(response.headers.get('Retry-After')).toBe('2')
      expect(response.headers.get('Set-Cookie')).toBeNull()
      await problem(response, 503)
      expect(await requests()).toBe(3)
    } finally {
      await takeHashes()
    }
  })

  test('that loses the reply to a refresh throws nobody out', async () => {
    const { cookie } = await newUser()
    const { send } = throughProxy('cut', 1)
    const headers = { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' }
    await problem(send('POST', '/auth/refresh', { headers }), 503)
    expect((await send('POST', '/auth/refresh', { headers })).status).toBe(200)
  })

  test('in the middle of an export cuts it off, so that it is not taken for all', async () => {
    const { token } = await newUser()
    const { send } = throughProxy('refuse', 2, 2)
    const response = await send('GET', '/auth/me/export', { token })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  })

  test('is a 503 of /health/ready within 3 seconds, and not one of /health', async () => {
    const { send } = throughProxy('hang', 1)
    const start = Date.now()
    await problem(send('GET', '/health/ready'), 503)
    expect(Date.now() - start).toBeLessThan(3500)
    expect((await send('GET', '/health/ready')).status).toBe(200)
    const down = sendWith({ DATABASE_URL: 'postgresql://owner:pa55word@127.0.0.1:9/main' })
    await problem(down('GET', '/health/ready'), 503)
    expect((await down('GET', '/health')).status).toBe(200)
  })

  test('is one that refuses our password, too', async () => {
    const url = new URL(env.DATABASE_URL)
    url.password = 'wrong'
    const { detail } = await problem(
      sendWith({ DATABASE_URL: url.href })('GET', '/health/ready'),
      503
    )
    expect(detail).not.toContain('wrong')
  })
})

describe('the tables', () => {
  test('a user who is deleted takes the tasks along', async () => {
    const user = await newUser()
    await user.newTask({ title: 'x' })
    await sql`delete from users where id = ${user.id}`
    expect(await sql`select 1 from tasks where user_id = ${user.id}`).toEqual([])
    for (const [method, path] of [
      ['GET', '/tasks'],
      ['DELETE', '/tasks'],
      ['GET', '/tasks/x'],
      ['DELETE', '/auth/sessions/x'],
      ['GET', '/auth/me'],
    ] as const)
      await problem(user.send(method, path), 401)
    await problem(user.send('POST', '/tasks', { json: { title: 'x' } }), 401)
  })

  test.each([
    ['tasks_title_length', { title: '' }],
    ['tasks_title_length', { title: 'x'.repeat(256) }],
    ['tasks_description_length', { description: 'x'.repeat(10_001) }],
    ['tasks_completed_has_completed_at', { completed: true }],
    ['tasks_completed_has_completed_at', { completed_at: '2026-01-01' }],
    ['tasks_tags_are_few_and_not_null', { tags: Array(21).fill('x') }],
    ['tasks_tags_are_few_and_not_null', { tags: [null] }],
    ['tasks_due_date_has_four_digit_year', { due_date: 'infinity' }],
    ['tasks_due_time_is_hours_and_minutes', { due_date: '2026-01-01', due_time: '24:00' }],
    ['tasks_due_time_is_hours_and_minutes', { due_date: '2026-01-01', due_time: '10:00:01' }],
    ['tasks_due_time_needs_due_date', { due_time: '10:00' }],
    ['tasks_order_is_finite', { order: 'NaN' }],
    ['tasks_order_is_finite', { order: '-Infinity' }],
  ])('%s keeps out %j', async (constraint, changes) => {
    const { id } = await newUser()
    const row = { title: 'x', completed: false, priority: 'low', tags: [], ...changes }
    const insert = sql`insert into tasks (user_id, title, description, completed, completed_at, priority, tags, due_date, due_time, "order")
      select ${id}, title, description, completed, completed_at, priority, tags, due_date, due_time, "order"
      from jsonb_populate_record(null::tasks, ${JSON.stringify(row)})`
    await expect(insert).rejects.toMatchObject({ constraint })
  })

  test.each([
    ['users_email_unique', (email: string) => email],
    ['users_email_is_normalized', (email: string) => email.toUpperCase()],
  ])('%s keeps out a second spelling', async (constraint, respell) => {
    const { email } = await newUser()
    const insert = sql`insert into users (email, hashed_password)
      select ${respell(email)}, hashed_password from users where email = ${email}`
    await expect(insert).rejects.toMatchObject({ constraint })
  })
})
