import { env } from 'cloudflare:workers'
import { decode } from 'hono/jwt'
import { encodeBase64Url } from 'hono/utils/encode'
import { utf8 } from './api.ts'

export const base64Url = (bytes: Uint8Array) => encodeBase64Url(bytes.buffer).replace(/=/g, '')

/** One part of a JWT, such as its header. */
export const encodePart = (part: unknown) => base64Url(utf8(JSON.stringify(part)))

export const now = () => Math.floor(Date.now() / 1000)
/** How long an access token is valid, in seconds. */
export const week = 7 * 24 * 60 * 60

/** An access token as anybody could make it: any header, any payload, signed with any secret. */
export const forge = async (
  payload: unknown,
  {
    secret = env.JWT_SECRET,
    header = { alg: 'HS256', typ: 'JWT' } as unknown,
    digest = 'SHA-256',
  } = {}
) => {
  const algorithm = { name: 'HMAC', hash: digest }
  const key = await crypto.subtle.importKey('raw', utf8(secret), algorithm, false, ['sign'])
  const content = `${encodePart(header)}.${encodePart(payload)}`
  const signature = await crypto.subtle.sign('HMAC', key, utf8(content))
  return `${content}.${base64Url(new Uint8Array(signature))}`
}

/** The claims of a valid access token of the user with the id `sub`. */
export const claims = (sub: unknown, changes: Record<string, unknown> = {}) => ({
  sub,
  email: 'ada@example.com',
  iat: now(),
  exp: now() + week,
  ...changes,
})

/** The id of the session that an access token belongs to. */
export const sidOf = (accessToken: string) => String(decode(accessToken).payload.sid)

/** The refresh token in a cookie such as `__Host-refresh=<refresh token>`. */
export const refreshTokenOf = (cookie: string) => cookie.slice(cookie.indexOf('=') + 1)

/** The attributes of the cookie that a reply sets, in alphabetical order. */
export const cookieAttributes = ({ headers }: Response) =>
  headers.get('Set-Cookie')?.split('; ').slice(1).sort().join('; ')
