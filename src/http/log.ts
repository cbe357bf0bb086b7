import { DrizzleQueryError } from 'drizzle-orm'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import { routePath } from 'hono/route'
import { neonFailure, postgresError } from '../database/neon.ts'
import type { Env } from '../env.ts'

/** What the log says of an error. A driver's message is left out, because it quotes SQL and its values. */
export const reason = (error: unknown) => {
  if (error instanceof HTTPException) return { error: error.message }
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  return {
    error: cause instanceof Error ? cause.name : typeof cause,
    neon: neonFailure(error),
    sqlstate: postgresError(error)?.code,
  }
}

/** Writes one line of JSON for each request. */
export const log = createMiddleware<Env>(async (c, next) => {
  const start = Date.now()
  await next()
  const { status } = c.res
  const line = {
    level: status < 500 ? 'info' : 'error',
    method: c.req.method,
    route: routePath(c),
    status,
    ms: Date.now() - start,
    request_id: c.var.requestId,
    ...(status >= 500 && reason(c.error)),
  }
  console.log(JSON.stringify(line))
})
