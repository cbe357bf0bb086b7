import { createMiddleware } from 'hono/factory'
import type { Env } from '../env.ts'
import { problemException } from './problem.ts'

/** What a precondition names: anything that exists, or some entity tags, without their quotes. */
type Tags = '*' | string[]

export type Preconditions = { ifMatch?: Tags; ifNoneMatch?: Tags }
export type PreconditionsEnv = Env & { Variables: { preconditions: Preconditions } }

export const malformedTags = (name: string) =>
  `${name} must be * or a list of entity tags in double quotes.`

// RFC 9110, section 8.8.3. Tags are separated by commas, and elements of the list may be empty (5.6.1).
// No two repetitions meet, so that a long header takes linear time.
const element = /[\t ]*(?:(W\/)?"([!\x23-\x7e\x80-\uffff]*)"[\t ]*)?(?:,|$)/y

/** The tags of a header that hold under this comparison (RFC 9110, section 8.8.3.2). */
const parse = (name: string, header: string, comparison: 'strong' | 'weak'): Tags => {
  if (header.trim() === '*') return '*'
  const tags: string[] = []
  let isEmpty = true
  element.lastIndex = 0
  while (element.lastIndex < header.length) {
    const match = element.exec(header)
    if (!match) throw problemException(400, malformedTags(name))
    const [, weak, tag] = match
    if (tag === undefined) continue
    isEmpty = false
    if (!weak || comparison === 'weak') tags.push(tag)
  }
  if (isEmpty) throw problemException(400, malformedTags(name))
  return tags
}

/** Reads `If-Match` and `If-None-Match` (RFC 9110, section 13.1). A malformed one is a 400. */
export const preconditions = createMiddleware<PreconditionsEnv>((c, next) => {
  const ifMatch = c.req.header('If-Match')
  const ifNoneMatch = c.req.header('If-None-Match')
  const reads = c.req.method === 'GET' || c.req.method === 'HEAD'
  c.set('preconditions', {
    ...(ifMatch !== undefined && !reads && { ifMatch: parse('If-Match', ifMatch, 'strong') }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch: parse('If-None-Match', ifNoneMatch, 'weak') }),
  })
  return next()
})
