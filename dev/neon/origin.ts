const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

/**
 * Whether a request with this `Origin` header may use the database. Neon allows every origin,
 * because its passwords are secret. The local Neon has the same password everywhere, so any page
 * that a developer opens could read the database. Only pages served from this machine may.
 *
 * DNS rebinding is covered. When evil.example resolves to 127.0.0.1, its page is of the same origin
 * as this server, but the browser still sends `Origin: http://evil.example:4444` with every POST,
 * and only a POST runs a query. A request without an Origin therefore does not come from a page.
 */
export function isAllowedOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  // A browser sends an origin in its normal form; whatever else parses as a URL is not an origin.
  return url.origin === origin && /^https?:$/.test(url.protocol) && LOOPBACK.test(url.hostname)
}
