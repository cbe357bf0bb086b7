import { sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import type { ApplyGlobalResponse } from 'hono/client'
import { createMiddleware } from 'hono/factory'
import { methodNotAllowed as refuseOtherMethods } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { timeout } from 'hono/timeout'
import email from './account/email.ts'
import exportMe from './account/export.ts'
import me from './account/me.ts'
import password from './account/password.ts'
import forgottenPassword from './auth/forgotten-password.ts'
import sessions from './auth/sessions.ts'
import signup from './auth/signup.ts'
import { cleanUp } from './cleanup.ts'
import { type Bindings, configurationOf, type Env } from './env.ts'
import { deadline } from './http/deadline.ts'
import { crossOrigin, noStore, ownScripts, securityHeaders } from './http/headers.ts'
import { log, reason } from './http/log.ts'
import {
  methodNotAllowed,
  notFound,
  onError,
  type Problem,
  problemException,
  tooSlow,
} from './http/problem.ts'
import tasks from './tasks/routes.ts'

/** Serves the OpenAPI document and the page that shows it, which `dev/assets.ts` has built. */
const documentation = async (c: Context<Env>) => {
  const file = await c.env.ASSETS.fetch(c.req.raw)
  return file.status === 404 ? c.notFound() : c.newResponse(file.body, file)
}

const configured = createMiddleware<Env>(async (c, next) => {
  const configuration = configurationOf(c.env)
  if ('fault' in configuration) throw problemException(503, configuration.fault)
  c.set('configuration', configuration)
  await next()
})

export const app = new Hono<Env>().notFound(notFound).onError(onError)

const routes = app
  .use(requestId(), log, securityHeaders)
  .use('/auth/*', noStore, deadline)
  .use('/tasks/*', noStore)
  .use(crossOrigin, refuseOtherMethods({ app, onMethodNotAllowed: methodNotAllowed }))
  .get('/', (c) => c.redirect('/app/', 302))
  .get('/health', (c) => c.json({ status: 'ok' as const }, 200))
  .get('/openapi.json', documentation)
  .get('/docs', ownScripts, documentation)
  .get('/docs/*', documentation)
  .use(configured)
  .get('/health/ready', timeout(3000, tooSlow), async (c) => {
    await c.var.configuration.db.execute(sql`select 1`)
    return c.json({ status: 'ready' as const }, 200)
  })
  .route('/auth/signup', signup)
  // /auth/login, /auth/refresh, /auth/logout and /auth/sessions
  .route('/auth', sessions)
  .route('/auth/me/export', exportMe)
  .route('/auth/me', me)
  .route('/auth/email', email)
  // Before /auth/password, which needs an access token.
  .route('/auth/password', forgottenPassword)
  .route('/auth/password', password)
  .route('/tasks', tasks)

/** Every route of the service with all its replies, for the typed client. */
export type AppType = ApplyGlobalResponse<
  typeof routes,
  Record<400 | 401 | 413 | 415 | 429 | 500 | 503, { json: Problem }>
>

export default {
  fetch: app.fetch,
  async scheduled(_event: unknown, env: Bindings) {
    const configuration = configurationOf(env)
    if ('fault' in configuration) throw new Error(configuration.fault)
    await cleanUp(configuration.db).catch((error) => {
      console.error(JSON.stringify({ level: 'error', cron: 'cleaning', ...reason(error) }))
      // The platform logs what is thrown, and the error itself quotes SQL.
      throw new Error('The daily cleaning failed')
    })
  },
}
