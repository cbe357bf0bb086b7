import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../env.ts'
import { sha256Hex } from './encoding.ts'
import { problemException } from './problem.ts'

export type IdempotencyEnv = Env & { Variables: { idempotencyKey?: string } }

export const malformedKey =
  'Idempotency-Key must be one key: 1 to 255 printable ASCII characters in double quotes, or letters, digits, dots, underscores, colons and hyphens without quotes.'
export const keyUsed = 'is another request than the first with this Idempotency-Key'

/** A string in double quotes (RFC 9651, section 3.3.3), or a bare key. */
const parse = (header: string): string | undefined => {
  const [, quoted] = /^"((?:[ !\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header) ?? []
  const key = quoted?.replace(/\\(.)/g, '$1') ?? /^[\w.:-]+$/.exec(header)?.[0]
  return key && key.length <= 255 ? key : undefined
}

/**
 * Reads the `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07) of a POST or PATCH. A
 * malformed one is a 400. Other methods are idempotent by themselves, so theirs is ignored.
 */
export const idempotency = createMiddleware<IdempotencyEnv>(async (c, next) => {
  const header = c.req.header('Idempotency-Key')
  if (header !== undefined && /^(POST|PATCH)$/.test(c.req.method)) {
    const key = parse(header)
    if (!key) throw problemException(400, malformedKey)
    c.set('idempotencyKey', key)
  }
  await next()
})

const sorted = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(sorted)
  if (typeof json !== 'object' || json === null) return json
  return Object.entries(json)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, sorted(value)])
}

/** The body without what does not count: spacing, and the order of fields. */
const canonical = (body: string): string => {
  try {
    return JSON.stringify(sorted(JSON.parse(body)))
  } catch {
    // It is empty, or nested so deeply that the stack runs out: then it is compared letter by letter.
    return body
  }
}

/**
 * Tells whether two requests are the same: the SHA-256 of the method, the path, the query, and the
 * body as it was sent. Defaults are not filled in, so a later release with other defaults recognises
 * the request too.
 */
export const fingerprint = async (c: Pick<Context, 'req'>): Promise<string> => {
  const { pathname, search } = new URL(c.req.url)
  // A body that was not validated is ignored, here too.
  const body = 'arrayBuffer' in c.req.bodyCache ? await c.req.text() : ''
  return sha256Hex(JSON.stringify([c.req.method, pathname, search, canonical(body)]))
}
