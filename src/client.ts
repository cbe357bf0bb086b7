import type { InferRequestType } from 'hono/client'
import { hc } from 'hono/client'
import type { AppType } from './index.ts'

export type { Problem } from './http/problem.ts'
export type { Outcome } from './tasks/batch.ts'
export type { Changes } from './tasks/changes.ts'
export type { Task } from './tasks/task.ts'

type Options = {
  /** The access token that POST /auth/login gives. Every request carries it. */
  token?: string
  /** Sends the requests, in place of the global `fetch`. */
  fetch?: typeof fetch
}

type Client = ReturnType<typeof hc<AppType>>

/**
 * The API at `baseUrl` as functions. The compiler checks their paths and bodies, and their replies
 * by status. An access token alone may stand in place of the options.
 */
export const createClient = (baseUrl: string, options: Options | string = {}): Client => {
  const { token, ...rest } = typeof options === 'string' ? { token: options } : options
  return hc<AppType>(baseUrl, {
    ...rest,
    ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
  })
}

/** An operation of a batch. */
export type Operation = InferRequestType<Client['tasks']['batch']['$post']>['json'][number]
