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
export const idempotency = createMiddleware<IdempotencyEnv>((c, next) => {
  const header = c.req.header('Idempotency-Key')
  if (header !== undefined && /^(POST|PATCH)$/.test(c.req.method)) {
    const key = parse(header)
    if (!key) throw problemException(400, malformedKey)
    c.set('idempotencyKey', key)
  }
  return next()
})

type Piece = { text: string } | { json: unknown }

/**
 * Writes JSON without spaces and with the fields of each object in alphabetical order. The pieces
 * still to be written wait in a list, because a body may be nested more deeply than functions can
 * call themselves.
 */
const canonical = (json: unknown): string => {
  const written: string[] = []
  const rest: Piece[] = [{ json }]
  for (let piece = rest.pop(); piece; piece = rest.pop()) {
    if ('text' in piece) {
      written.push(piece.text)
      continue
    }
    const { json } = piece
    if (typeof json !== 'object' || json === null) {
      written.push(JSON.stringify(json))
      continue
    }
    const isArray = Array.isArray(json)
    const members = Object.entries(json)
    if (!isArray) members.sort(([a], [b]) => (a < b ? -1 : 1))
    written.push(isArray ? '[' : '{')
    rest.push({ text: isArray ? ']' : '}' })
    for (const [name, member] of members.reverse())
      rest.push({ json: member }, { text: isArray ? ',' : `,${JSON.stringify(name)}:` })
  }
  return written.join('')
}

/**
 * Tells whether two requests are the same: the SHA-256 of the method, the path, the query, and the
 * body as it was sent. Spacing and the order of fields do not count. Defaults are not filled in, so
 * a later release with other defaults recognises the request too.
 */
export const fingerprint = async (c: Pick<Context, 'req'>): Promise<string> => {
  const { pathname, search } = new URL(c.req.url)
  // A body that no validator has accepted is ignored, and may be of any kind and size.
  const hasBody = c.req.valid('json' as never) !== undefined
  const body = hasBody ? canonical(await c.req.json()) : ''
  return sha256Hex(JSON.stringify([c.req.method, pathname, search, body]))
}
