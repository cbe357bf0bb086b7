import type { Context, MiddlewareHandler } from 'hono'
import { jwt, sign } from 'hono/jwt'
import { decodeHeader } from 'hono/utils/jwt/jwt'
import * as z from 'zod/mini'
import type { Configuration } from '../env.ts'
import { bearerToken } from '../http/bearer.ts'
import { base64Url } from '../http/encoding.ts'

/** How long an access token is good for, in days. */
export const accessTokenDays = 7
const lifetime = accessTokenDays * 24 * 60 * 60
/** By how much the clocks of two edge locations may differ, in seconds. */
const leeway = 60

const now = () => Math.floor(Date.now() / 1000)
const notLaterThan = (seconds: number) => (time: number) => time <= now() + seconds
const canonicalUuid = z.string().check(z.regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/))

/** The claims that an access token must have. hono's jwt lets most of them be absent or of any type. */
export const Claims = z.object({
  sub: canonicalUuid,
  sid: z.optional(canonicalUuid),
  email: z.optional(z.string()),
  exp: z.int().check(z.refine(notLaterThan(lifetime + leeway))),
  iat: z.optional(z.number().check(z.refine(notLaterThan(leeway)))),
  nbf: z.optional(z.number().check(z.refine(notLaterThan(leeway)))),
})
export type Claims = z.infer<typeof Claims>

type Key = {
  /** Tells the keys apart in the header of a token. */
  kid: string
  /** What hono signs with. */
  jwk: { kty: 'oct'; alg: 'HS256'; k: string; kid: string }
  /** hono's jwt middleware for this key. */
  verify: MiddlewareHandler
}

const importKey = async (secret: string): Promise<Key> => {
  const bytes = new TextEncoder().encode(secret)
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  // Enough of a hash to tell two secrets apart, and too little to guess one by.
  const kid = base64Url(await crypto.subtle.digest('SHA-256', bytes)).slice(0, 8)
  return {
    kid,
    jwk: { kty: 'oct', alg: 'HS256', k: base64Url(bytes.buffer), kid },
    verify: jwt({
      secret: await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']),
      alg: 'HS256',
      // Claims checks these two: hono allows no leeway between clocks.
      verification: { iat: false, nbf: false },
    }),
  }
}

const imported = new WeakMap<Configuration, Key[]>()

/** The keys of the configuration, the present one first. An isolate imports them once. */
const keysOf = async (configuration: Configuration): Promise<Key[]> => {
  const known = imported.get(configuration)
  if (known) return known
  const keys = await Promise.all(configuration.jwtSecrets.map(importKey))
  imported.set(configuration, keys)
  return keys
}

/** A new access token for this user and session. */
export const signAccessToken = async (
  configuration: Configuration,
  { id, email, sid }: { id: string; email: string; sid: string }
): Promise<string> => {
  const [present] = (await keysOf(configuration)) as [Key]
  return sign({ sub: id, email, sid, iat: now(), exp: now() + lifetime }, present.jwk)
}

const kidOf = (token: string): unknown => {
  try {
    return (decodeHeader(token) as { kid?: unknown }).kid
  } catch {
    return null
  }
}

/**
 * The key that the request's access token names by its `kid`, if it is one of ours. A token without
 * a `kid` can only be of the present secret.
 */
export const keyOf = async (c: Context): Promise<Key | undefined> => {
  const kid = kidOf(bearerToken(c) ?? '')
  const keys = await keysOf(c.get('configuration'))
  return kid === undefined ? keys[0] : keys.find((key) => key.kid === kid)
}
