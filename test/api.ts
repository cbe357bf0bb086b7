import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { expect } from 'vitest'
import type * as z from 'zod/mini'
import { array, parse } from 'zod/mini'
import { Session } from '../src/auth/sessions.ts'
import { AccessToken } from '../src/auth/tokens.ts'
import { User } from '../src/auth/user.ts'
import type { Bindings } from '../src/env.ts'
import { Problem } from '../src/http/problem.ts'
import { app } from '../src/index.ts'
import { type NewTask, Task } from '../src/tasks/task.ts'
import { asDocumented } from './document.ts'

declare global {
  namespace Cloudflare {
    interface Env {
      DATABASE_URL: string
      JWT_SECRET: string
      PROXY_URL: string
      API_URL?: string
      EMAIL_FROM: string
      APP_URL: string
      EMAIL: NonNullable<Bindings['EMAIL']>
      ASSETS: Fetcher
      AUTH_LIMIT: RateLimit
      REFRESH_LIMIT: RateLimit
      USER_LIMIT: RateLimit
    }
    interface GlobalProps {
      mainModule: typeof import('../src/index.ts')
    }
  }
}

// The schemas of the replies, which the tests import from here.
export { AccessToken, Task, User }
export const Sessions = array(Session)
export const Tasks = array(Task)

/** With API_URL set, the tests go to the server there instead of the Worker in this process. */
export const isRemote = Boolean(env.API_URL)
export const origin = env.API_URL ?? 'http://localhost'

/** An IP address that no test has sent from yet, so that no test uses up the rate limit of another. */
const freshAddress = () =>
  `2001:db8:${crypto.randomUUID().replaceAll('-', '').slice(0, 24).match(/.{4}/g)?.join(':')}`

export type Options = {
  accessToken?: string | undefined
  /** A body to send as JSON. */
  json?: unknown
  /** A body to send as it is, without a Content-Type. */
  body?: BodyInit
  headers?: Record<string, string>
}

export const request = (
  method: string,
  path: string,
  { accessToken, json, body, headers }: Options = {}
): Request =>
  new Request(new URL(path, origin), {
    method,
    redirect: 'manual',
    headers: {
      'CF-Connecting-IP': freshAddress(),
      ...(accessToken !== undefined && { Authorization: `Bearer ${accessToken}` }),
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined ? { body: JSON.stringify(json) } : body !== undefined && { body }),
  })

/** Sends a request to the API under test. Throws when the reply is not as documented. */
export const send = async (method: string, path: string, options?: Options): Promise<Response> => {
  const message = request(method, path, options)
  const response = await (isRemote ? fetch(message) : exports.default.fetch(message))
  return asDocumented(message, response)
}

export type Send = typeof send
export type Overrides = { [Name in keyof Bindings]?: Bindings[Name] | undefined }

/**
 * Sends to the Worker in this process, with some of its bindings replaced. `newContext` makes the
 * context that keeps what the Worker does after its reply.
 */
export const sendWith = (overrides: Overrides, newContext = createExecutionContext): Send => {
  const bindings = { ...env, ...overrides }
  return async (method, path, options) => {
    const message = request(method, path, options)
    return asDocumented(message, await app.fetch(message, bindings, newContext()))
  }
}

type Fault = {
  /** What goes wrong, by its name in test/setup/proxy.ts. */
  fault?: string
  /** How many requests to Neon fail. */
  times?: number
  /** How many requests to Neon pass before the first that fails. */
  after?: number
  overrides?: Overrides
}

/** Sends to a Worker whose requests to Neon pass through a proxy, which counts them and can fail. */
export const throughProxy = ({ fault = '', times = 1, after = 0, overrides }: Fault = {}) => {
  const label = crypto.randomUUID()
  const url = new URL(env.PROXY_URL)
  url.searchParams.set('application_name', `${label}.${fault}.${times}.${after}`)
  return {
    send: sendWith({ ...overrides, DATABASE_URL: url.href }),
    /** The number of requests to Neon so far. */
    requests: async () =>
      Number(await (await fetch(`http://${url.host}/requests/${label}`)).text()),
  }
}

/** A body of any bytes and any media type. */
export const raw = (body: BodyInit, type = 'application/json'): Options => ({
  body,
  headers: { 'Content-Type': type },
})

export const utf8 = (text: string) => new TextEncoder().encode(text)

/** A body without a Content-Length, in chunks of `size` bytes. */
export const chunked = (bytes: Uint8Array, size: number) =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
      controller.close()
    },
  })

type Reply = Response | Promise<Response>

/** The body of a reply that must have this status and fit this schema. */
export const read = async <Schema extends z.ZodMiniType>(
  reply: Reply,
  status: number,
  schema: Schema
): Promise<z.output<Schema>> => {
  const response = await reply
  const body = await response.json()
  // Includes the body, so that a failure shows it.
  expect({ status: response.status, body }).toMatchObject({ status })
  expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
  return parse(schema, body)
}

/** The problem in a reply that must be an error with this status. */
export const problem = async (reply: Reply, status: number) => {
  const response = await reply
  const body = await response.json()
  expect({ status: response.status, body }).toMatchObject({ status, body: { status } })
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const parsed = parse(Problem, body)
  expect(parsed.request_id).toBe(response.headers.get('X-Request-Id'))
  return parsed
}

/** All that a caller can see of an error but its request id and date, to compare two errors by. */
export const visible = async (reply: Reply, status: number) => {
  const response = await reply
  const { request_id: _, ...body } = await problem(response, status)
  const { 'x-request-id': __, date: ___, ...headers } = Object.fromEntries(response.headers)
  return { headers, body }
}

/** The sorted pointers of a reply that must be a 422. */
export const pointers = async (reply: Reply) =>
  (await problem(reply, 422)).errors?.map(({ pointer }) => pointer).sort()

/** Checks eight items at a time: more at once would only wait in line for the database. */
export const forAll = async <Item>(
  items: readonly Item[],
  check: (item: Item) => Promise<unknown>
) => {
  for (let at = 0; at < items.length; at += 8) await Promise.all(items.slice(at, at + 8).map(check))
}

export const password = 'correct horse battery'
export const newPassword = 'another password'
export const wrongPassword = 'wrong password'
export const newEmail = () => `${crypto.randomUUID()}@example.com`

export const trySignUp = (credentials: unknown, through: Send = send) =>
  through('POST', '/auth/signup', { json: credentials })

export const tryLogIn = (credentials: unknown, through: Send = send) =>
  through('POST', '/auth/login', { json: credentials })

export const accessTokenOf = async (reply: Reply) =>
  (await read(reply, 200, AccessToken)).access_token

/** The refresh cookie of a reply as a browser sends it back: its name and value, no attributes. */
export const cookieOf = (response: Response) =>
  response.headers.get('Set-Cookie')?.split(';')[0] ?? ''

/** Logs a user in, which begins a session with an access token and a refresh cookie. */
export const logIn = async (
  email: string,
  { through = send, ...options }: { password?: string; through?: Send; userAgent?: string } = {}
) => {
  const response = await through('POST', '/auth/login', {
    json: { email, password: options.password ?? password },
    ...(options.userAgent && { headers: { 'User-Agent': options.userAgent } }),
  })
  return { accessToken: await accessTokenOf(response), cookie: cookieOf(response) }
}

/** Refreshes with this cookie; unless `headers` say otherwise, from a page of our own origin. */
export const refresh = (
  cookie: string,
  { headers = { 'Sec-Fetch-Site': 'same-origin' } as Record<string, string>, through = send } = {}
) => through('POST', '/auth/refresh', { headers: { Cookie: cookie, ...headers } })

export const changePassword = (
  accessToken: string,
  json: unknown = { current_password: password, new_password: newPassword }
) => send('PUT', '/auth/password', { accessToken, json })

/** The status of a request that needs nothing but a valid access token: 200, or 401. */
export const statusWith = async (accessToken: string, through: Send = send) =>
  (await through('GET', '/auth/me', { accessToken })).status

export const sessionsOf = (accessToken: string) =>
  read(send('GET', '/auth/sessions', { accessToken }), 200, Sessions)

/** Signs up a user of this test's own and logs in. */
export const newUser = async () => {
  const email = newEmail()
  const { id } = await read(trySignUp({ email, password }), 201, User)
  const { accessToken, cookie } = await logIn(email)
  const sendAsUser: Send = (method, path, options) =>
    send(method, path, { accessToken, ...options })
  return {
    id,
    email,
    accessToken,
    cookie,
    send: sendAsUser,
    newTask: (json: z.input<typeof NewTask>) =>
      read(sendAsUser('POST', '/tasks', { json }), 201, Task),
    task: (id: string) => read(sendAsUser('GET', `/tasks/${id}`), 200, Task),
    tasks: (query = '') => read(sendAsUser('GET', `/tasks${query && `?${query}`}`), 200, Tasks),
  }
}
export type TestUser = Awaited<ReturnType<typeof newUser>>
export type TaskInput = Parameters<TestUser['newTask']>[0]
