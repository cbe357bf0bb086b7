import { sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import type { ApplyGlobalResponse } from 'hono/client'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { secureHeaders } from 'hono/secure-headers'
import { timeout } from 'hono/timeout'
import account from './account.ts'
import auth from './auth.ts'
import { cleanUp } from './cleanup.ts'
import { type Bindings, configurationOf, type Env } from './env.ts'
import { log, reason } from './log.ts'
import { notFound, onError, type Problem, problem, refusal } from './problem.ts'
import session from './session.ts'
import tasks from './tasks.ts'

const noStore = createMiddleware(async (c, next) => {
  c.header('Cache-Control', 'no-store')
  await next()
})

/** What `dev/docs.ts` wrote: the OpenAPI document, and the page that shows it. */
const documentation = async (c: Context<Env>) => {
  const file = await c.env.ASSETS.fetch(c.req.raw)
  return file.status === 404 ? c.notFound() : c.newResponse(file.body, file)
}

const ownScripts = createMiddleware(async (c, next) => {
  c.header(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
  )
  await next()
})

const configured = createMiddleware<Env>(async (c, next) => {
  const configuration = configurationOf(c.env)
  if ('fault' in configuration) throw refusal(503, configuration.fault)
  c.set('configuration', configuration)
  await next()
})

const within = (milliseconds: number) =>
  timeout(milliseconds, () =>
    refusal(503, 'The request took too long. Try again shortly.', { 'Retry-After': '2' })
  )

const securityHeaders = secureHeaders({
  strictTransportSecurity: 'max-age=31536000; includeSubDomains',
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  // For pages that open windows or share processes, for old browsers, or said by this policy.
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  removePoweredBy: false,
  // The docs have a policy of their own.
  overwrite: false,
})

const allowOrigins = cors({
  origin: (origin, c) => {
    const configuration = configurationOf(c.env)
    return 'corsOrigins' in configuration && configuration.corsOrigins.includes(origin)
      ? origin
      : null
  },
  allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowHeaders: ['Authorization', 'Content-Type', 'If-Match', 'If-None-Match', 'Idempotency-Key'],
  exposeHeaders: ['Link', 'Location', 'ETag', 'Retry-After', 'X-Request-Id'],
  // For the refresh cookie.
  credentials: true,
  maxAge: 600,
})

/** For a request with an Origin: all others are spared the cost of it. */
const crossOrigin = createMiddleware<Env>((c, next) => {
  if (c.req.header('Origin')) return allowOrigins(c, next)
  c.header('Vary', 'Origin')
  return next()
})

export const app = new Hono<Env>().notFound(notFound).onError(onError)

const routes = app
  .use(
    requestId(),
    log,
    securityHeaders,
    crossOrigin,
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        problem(c, 405, `This path answers ${methods.join(', ')} only.`, {
          headers: { Allow: methods.join(', ') },
        }),
    })
  )
  // A login may ask the database more often than twice; elsewhere the deadline of each call will do.
  .use('/auth/*', noStore, within(9000))
  .use('/tasks/*', noStore)
  .get('/health', (c) => c.json({ status: 'ok' as const }, 200))
  .get('/openapi.json', documentation)
  .get('/docs', ownScripts, documentation)
  .get('/docs/*', documentation)
  .use(configured)
  .get('/', (c) => c.redirect('/docs', 302))
  .get('/health/ready', within(3000), async (c) => {
    await c.var.configuration.db.execute(sql`select 1`)
    return c.json({ status: 'ready' as const }, 200)
  })
  .route('/auth', auth)
  .route('/auth', session)
  .route('/auth', account)
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
      // Not the error itself, which quotes SQL and would be logged.
      throw new Error('The daily cleaning failed')
    })
  },
}
