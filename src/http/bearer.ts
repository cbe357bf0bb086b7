import type { Context } from 'hono'

/** The access token that a request carries (RFC 6750, section 2.1). No other place is read. */
export const bearerToken = (c: Context): string | undefined =>
  /^bearer\s+(\S+)/i.exec(c.req.header('Authorization') ?? '')?.[1]

/** The header of a 401. It names the error only when a token was sent (RFC 6750, section 3). */
export const challenge = (c: Context) => ({
  'WWW-Authenticate': bearerToken(c)
    ? 'Bearer realm="tasks", error="invalid_token"'
    : 'Bearer realm="tasks"',
})
