import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { secureHeaders } from 'hono/secure-headers'
import { configurationOf, type Env } from '../env.ts'

export const noStore = createMiddleware((c, next) => {
  c.header('Cache-Control', 'no-store')
  return next()
})

export const securityHeaders = secureHeaders({
  strictTransportSecurity: 'max-age=31536000; includeSubDomains',
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  // The rest is for pages that open windows, for old browsers, or covered by the policy above.
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  removePoweredBy: false,
  // The page at /docs sets a policy of its own.
  overwrite: false,
})

/** The policy of the page at /docs, which runs the scripts of our own origin. */
export const ownScripts = createMiddleware((c, next) => {
  c.header(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
  )
  return next()
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
  // The refresh cookie is a credential.
  credentials: true,
  maxAge: 600,
})

/** CORS, for requests with an `Origin`. All others are spared its cost. */
export const crossOrigin = createMiddleware<Env>((c, next) => {
  if (c.req.header('Origin')) return allowOrigins(c, next)
  c.header('Vary', 'Origin')
  return next()
})
