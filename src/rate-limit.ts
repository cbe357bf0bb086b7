import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Bindings, Env } from './env.ts'
import { refusal } from './problem.ts'

type Limit = 'AUTH_LIMIT' | 'TASKS_LIMIT'

/** The period of both limits in wrangler.toml, in seconds: the binding does not tell what is left of it. */
const period = '60'

const warned = new WeakMap<Bindings, Set<Limit>>()

const warnOnce = (env: Bindings, limit: Limit) => {
  const limits = warned.get(env) ?? new Set()
  if (!limits.has(limit))
    console.warn(
      JSON.stringify({ level: 'warn', message: `${limit} is not bound: no limit applies` })
    )
  warned.set(env, limits.add(limit))
}

/** Counts a request under `key` in a Workers rate limiting binding; one too many is a 429. */
export const rateLimit = <E extends Env>(limit: Limit, key: (c: Context<E>) => string) =>
  createMiddleware<E>(async (c, next) => {
    const binding = c.env[limit]
    if (!binding) warnOnce(c.env, limit)
    else if (!(await binding.limit({ key: key(c) })).success)
      throw refusal(429, `Too many requests. Wait ${period} seconds.`, { 'Retry-After': period })
    await next()
  })
