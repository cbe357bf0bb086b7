import { env } from 'cloudflare:workers'
import { decode } from 'hono/jwt'
import { encodeBase64Url } from 'hono/utils/encode'

const encode = (part: unknown) =>
  encodeBase64Url(new TextEncoder().encode(JSON.stringify(part)).buffer).replace(/=/g, '')

export const now = () => Math.floor(Date.now() / 1000)
export const week = 7 * 24 * 60 * 60

/** A token as anybody could make it: any header, any payload, signed with any secret. */
export const forge = async (
  payload: unknown,
  {
    secret = env.JWT_SECRET,
    header = { alg: 'HS256', typ: 'JWT' } as unknown,
    hash = 'SHA-256',
  } = {}
) => {
  const key = await crypto.subtle.importKey(
    'raw',
    new TextEncoder().encode(secret),
    { name: 'HMAC', hash },
    false,
    ['sign']
  )
  const content = `${encode(header)}.${encode(payload)}`
  const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(content))
  return `${content}.${encodeBase64Url(signature).replace(/=/g, '')}`
}

/** The claims of a token that is good in itself, for this user. */
export const claims = (sub: unknown, changes: Record<string, unknown> = {}) => ({
  sub,
  email: 'ada@example.com',
  iat: now(),
  exp: now() + week,
  ...changes,
})

/** The session that a token is of. */
export const sidOf = (token: string) => String(decode(token).payload.sid)
