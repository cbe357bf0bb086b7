import { DrizzleQueryError, sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requestId } from 'hono/request-id'
import { routePath } from 'hono/route'
import { secureHeaders } from 'hono/secure-headers'
import auth from './auth.ts'
import { configurationOf, type Env, postgresError } from './env.ts'
import { notFound, onError, problem, refusal } from './problem.ts'
import tasks from './tasks.ts'

/** What may be known of an error in a log: no message, for those of the driver quote SQL and values. */
const reason = (error: unknown) =>
  error instanceof DrizzleQueryError
    ? { error: error.cause?.name, sqlstate: postgresError(error)?.code }
    : { error: error instanceof Error ? error.name : typeof error }

const log = createMiddleware<Env>(async (c, next) => {
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

const noStore = createMiddleware(async (c, next) => {
  c.header('Cache-Control', 'no-store')
  await next()
})

const configured = createMiddleware<Env>(async (c, next) => {
  const configuration = configurationOf(c.env)
  if ('fault' in configuration) throw refusal(503, configuration.fault)
  c.set('configuration', configuration)
  await next()
})

const app = new Hono<Env>().notFound(notFound).onError(onError)

const routes = app
  .use(
    requestId(),
    log,
    secureHeaders({
      strictTransportSecurity: 'max-age=31536000; includeSubDomains',
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      overwrite: false,
    }),
    cors({
      origin: (origin, c) => {
        const configuration = configurationOf(c.env)
        return 'corsOrigins' in configuration && configuration.corsOrigins.includes(origin)
          ? origin
          : null
      },
      allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowHeaders: [
        'Authorization',
        'Content-Type',
        'If-Match',
        'If-None-Match',
        'Idempotency-Key',
      ],
      exposeHeaders: ['Link', 'Location', 'ETag', 'Retry-After', 'X-Request-Id'],
      maxAge: 600,
    }),
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) =>
        problem(c, 405, `This path answers ${methods.join(', ')} only.`, {
          headers: { Allow: methods.join(', ') },
        }),
    })
  )
  .use('/auth/*', noStore)
  .use('/tasks/*', noStore)
  .get('/health', (c) => c.json({ status: 'ok' as const }, 200))
  .get('/docs/*', async (c) => {
    const page = await c.env.ASSETS.fetch(c.req.raw)
    if (!page.ok) return c.notFound()
    c.header(
      'Content-Security-Policy',
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return c.newResponse(page.body, page)
  })
  .use(configured)
  .get('/', (c) => c.redirect('/docs', 302))
  .get('/health/ready', async (c) => {
    await c.var.configuration.db.execute(sql`select 1`)
    return c.json({ status: 'ready' as const }, 200)
  })
  .route('/auth', auth)
  .route('/tasks', tasks)

/** Every route of the service, for the typed client. */
export type AppType = typeof routes

export default app
