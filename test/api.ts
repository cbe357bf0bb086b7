import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { neon } from '@neondatabase/serverless'
import { expect } from 'vitest'
import type * as z from 'zod/mini'
import { parse } from 'zod/mini'
import { AccessToken } from '../src/auth/tokens.ts'
import { User } from '../src/auth/user.ts'
import type { Bindings } from '../src/env.ts'
import { Problem } from '../src/http/problem.ts'
import { app } from '../src/index.ts'
import { Task } from '../src/tasks/task.ts'
import { asDocumented } from './document.ts'

declare global {
  namespace Cloudflare {
    interface Env {
      DATABASE_URL: string
      JWT_SECRET: string
      PROXY_URL: string
      API_URL?: string
      ASSETS: Fetcher
      AUTH_LIMIT: RateLimit
      TASKS_LIMIT: RateLimit
    }
    interface GlobalProps {
      mainModule: typeof import('../src/index.ts')
    }
  }
}

/** With API_URL set, a server that is up is tested, and not the Worker in this process. */
export const isRemote = Boolean(env.API_URL)
export const origin = env.API_URL ?? 'http://localhost'

/** Straight to the database, for what no request can do. */
export const sql = neon(env.DATABASE_URL)

/** An address of its own for each caller, so that no test uses up the limit of another. */
const freshAddress = () =>
  `2001:db8:${crypto.randomUUID().replaceAll('-', '').slice(0, 24).match(/.{4}/g)?.join(':')}`

export type Options = {
  token?: string | undefined
  /** A body to send as JSON. */
  json?: unknown
  body?: BodyInit
  headers?: Record<string, string>
}

export const request = (
  method: string,
  path: string,
  { token, json, body, headers }: Options = {}
): Request =>
  new Request(new URL(path, origin), {
    method,
    redirect: 'manual',
    headers: {
      'CF-Connecting-IP': freshAddress(),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined ? { body: JSON.stringify(json) } : body !== undefined && { body }),
  })

/** Sends a request to the API under test. Throws where the reply is not as documented. */
export const send = async (method: string, path: string, options?: Options): Promise<Response> => {
  const message = request(method, path, options)
  const response = await (isRemote ? fetch(message) : exports.default.fetch(message))
  return asDocumented(message, response)
}

export type Changes = { [Name in keyof Bindings]?: Bindings[Name] | undefined }

/** As `send`, to the Worker in this process, with other bindings than those of the run. */
export const sendWith = (changes: Changes) => {
  const bindings = { ...env, ...changes }
  return async (method: string, path: string, options?: Options): Promise<Response> => {
    const message = request(method, path, options)
    return asDocumented(message, await app.fetch(message, bindings, createExecutionContext()))
  }
}

/** The body of a reply that has this status and fits this schema to the letter. */
export const read = async <Schema extends z.ZodMiniType>(
  response: Response | Promise<Response>,
  status: number,
  schema: Schema
): Promise<z.output<Schema>> => {
  const { status: actual, headers, ...rest } = await response
  const body = await (await response).json()
  expect({ status: actual, body, ...rest }).toMatchObject({ status })
  expect(headers.get('Content-Type')).toMatch(/^application\/json/)
  return parse(schema, body)
}

/** The problem that a reply states, which must be one in every respect. */
export const problem = async (response: Response | Promise<Response>, status: number) => {
  const { headers } = await response
  const body = await (await response).json()
  expect({ status: (await response).status, body }).toMatchObject({ status, body: { status } })
  expect(headers.get('Content-Type')).toBe('application/problem+json')
  const parsed = parse(Problem, body)
  expect(parsed.request_id).toBe(headers.get('X-Request-Id'))
  return parsed
}

/** The pointers of a 422, in order. */
export const pointers = async (response: Response | Promise<Response>) =>
  (await problem(response, 422)).errors?.map(({ pointer }) => pointer)

export const password = 'correct horse battery'

/** The cookie of a reply as a request gives it back, without what is only for the browser. */
export const cookieOf = (response: Response) =>
  response.headers.get('Set-Cookie')?.split(';')[0] ?? ''

/** A login of a user: its access token, and the cookie that refreshes it. */
export const logIn = async (email: string, options: Options & { password?: string } = {}) => {
  const json = { email, password: options.password ?? password }
  const response = await send('POST', '/auth/login', { ...options, json })
  const { access_token: token } = await read(response, 200, AccessToken)
  return { token, cookie: cookieOf(response) }
}

/** A refresh with this cookie, from a page of our own unless the headers say otherwise. */
export const refresh = (
  cookie: string,
  headers: Record<string, string> = { 'Sec-Fetch-Site': 'same-origin' }
) => send('POST', '/auth/refresh', { headers: { Cookie: cookie, ...headers } })

/** Has the database refuse another password hash of this user, until the function given is called. */
export const refuseHashes = async (id: string) => {
  const name = `refuse_${id.replaceAll('-', '')}`
  await sql.query(`create function ${name}() returns trigger language plpgsql as
    $$ begin raise exception 'no new hash'; end $$`)
  await sql.query(`create trigger ${name} before update on users for each row
    when (old.id = '${id}') execute function ${name}()`)
  return () => sql.query(`drop function ${name} cascade`)
}

/** A user of this test's own, signed up and logged in. */
export const newUser = async () => {
  const email = `${crypto.randomUUID()}@example.com`
  const { id } = await read(send('POST', '/auth/signup', { json: { email, password } }), 201, User)
  const { token, cookie } = await logIn(email)
  return {
    id,
    email,
    token,
    cookie,
    send: (method: string, path: string, options?: Options) =>
      send(method, path, { token, ...options }),
    /** Creates a task and gives it as the reply has it. */
    newTask: (json: z.input<typeof import('../src/tasks/task.ts').NewTask>) =>
      read(send('POST', '/tasks', { token, json }), 201, Task),
  }
}
