import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Bindings, Env } from '../env.ts'
import { problemException } from './problem.ts'

type Limit = 'AUTH_LIMIT' | 'REFRESH_LIMIT' | 'USER_LIMIT'

/**
 * The period of every limit in wrangler.toml, in seconds. A refused client waits for the whole of
 * it, because the binding does not tell how much is left.
 */
const period = 60
export const tooManyRequests = `Too many requests. Wait ${period} seconds.`

const warned = new WeakMap<Bindings, Set<Limit>>()

const warnOnce = (env: Bindings, limit: Limit) => {
  const limits = warned.get(env) ?? new Set()
  if (limits.has(limit)) return
  warned.set(env, limits.add(limit))
  console.warn(
    JSON.stringify({ level: 'warn', message: `${limit} is not bound: no limit applies` })
  )
}

/** Counts one request under `key` in a Workers rate limiting binding, and refuses one too many. */
export const consume = async (c: { env: Bindings }, limit: Limit, key: string): Promise<void> => {
  const binding = c.env[limit]
  if (!binding) warnOnce(c.env, limit)
  else if (!(await binding.limit({ key })).success)
    throw problemException(429, tooManyRequests, { 'Retry-After': String(period) })
}

/** Counts each request under the key that `key` takes from it. */
export const rateLimit = <E extends Env>(limit: Limit, key: (c: Context<E>) => string) =>
  createMiddleware<E>(async (c, next) => {
    await consume(c, limit, key(c))
    await next()
  })

/** The address that the request comes from, as Cloudflare tells it. */
export const clientAddress = (c: Context) => c.req.header('CF-Connecting-IP') ?? ''
