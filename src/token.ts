import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { jwt, sign } from 'hono/jwt'
import { encodeBase64Url } from 'hono/utils/encode'
import * as z from 'zod/mini'
import type { Configuration } from './env.ts'

/** How long a token is good for: 7 days, in seconds. */
const lifetime = 7 * 24 * 60 * 60
/** By how much the clocks of two places may differ, in seconds. */
const leeway = 60

const now = () => Math.floor(Date.now() / 1000)
const notLaterThan = (seconds: number) => (time: number) => time <= now() + seconds
const canonicalUuid = z.string().check(z.regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/))

/** What a token must claim beyond what hono's jwt checks, which lets most of it be absent. */
const Claims = z.object({
  sub: canonicalUuid,
  sid: z.optional(canonicalUuid),
  email: z.optional(z.string()),
  exp: z.int().check(z.refine(notLaterThan(lifetime + leeway))),
  iat: z.optional(z.number().check(z.refine(notLaterThan(leeway)))),
  nbf: z.optional(z.number().check(z.refine(notLaterThan(leeway)))),
})
export type Claims = z.infer<typeof Claims>

type Key = { secret: CryptoKey; jwk: { kty: 'oct'; alg: 'HS256'; k: string; kid: string } }

const importKey = async (secret: string): Promise<Key> => {
  const bytes = new TextEncoder().encode(secret)
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const base64Url = (bytes: ArrayBufferLike) => encodeBase64Url(bytes).replaceAll('=', '')
  // Enough of a hash to tell two secrets apart, and to tell nothing of either.
  const kid = base64Url(await crypto.subtle.digest('SHA-256', bytes)).slice(0, 8)
  return {
    secret: await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']),
    jwk: { kty: 'oct', alg: 'HS256', k: base64Url(bytes.buffer), kid },
  }
}

const imported = new WeakMap<Configuration, Key[]>()

/** The keys of the secrets, the present one first. Imported once, and not at each request. */
const keysOf = async (configuration: Configuration): Promise<Key[]> => {
  const known = imported.get(configuration)
  if (known) return known
  const keys = await Promise.all(configuration.jwtSecrets.map(importKey))
  imported.set(configuration, keys)
  return keys
}

/** An access token for this user and session. */
export const newToken = async (
  configuration: Configuration,
  { id, email, sid }: { id: string; email: string; sid: string }
): Promise<string> => {
  const [key] = (await keysOf(configuration)) as [Key]
  return sign({ sub: id, email, sid, iat: now(), exp: now() + lifetime }, key.jwk)
}

/** The kid in the header of a token: undefined where there is none, null where it is no header. */
const kidOf = (token: string): unknown => {
  try {
    const header = token.slice(0, token.indexOf('.'))
    return JSON.parse(atob(header.replaceAll('-', '+').replaceAll('_', '/'))).kid
  } catch {
    return null
  }
}

/** What the token of a request claims; nothing unless the token is good in itself. */
export const claimsOf = async (c: Context): Promise<Claims | undefined> => {
  const token = c.req.header('Authorization')?.split(/\s+/)[1] ?? ''
  const kid = kidOf(token)
  for (const { secret, jwk } of await keysOf(c.get('configuration'))) {
    // A token from before there were kids may be of either secret.
    if (kid !== undefined && kid !== jwk.kid) continue
    // Our own check of times follows: hono allows for no leeway between clocks.
    const verify = jwt({ secret, alg: 'HS256', verification: { iat: false, nbf: false } })
    // What it refuses is left without a payload, and so without claims.
    await verify(c, async () => {}).catch((error) => {
      if (!(error instanceof HTTPException)) throw error
    })
    const claims = z.safeParse(Claims, c.get('jwtPayload'))
    if (claims.success) return claims.data
  }
  return undefined
}
