import { DrizzleQueryError } from 'drizzle-orm'
import type { Context, ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import * as z from 'zod/mini'
import { postgresError } from '../database/neon.ts'
import type { Env } from '../env.ts'
import { challenge } from './bearer.ts'

/** The statuses of problems, with their names in HTTP. */
export const titles = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
type Status = keyof typeof titles

/** The most faults that a 422 names. More would only swell the reply. */
export const mostErrors = 100

/** An error as RFC 9457 writes it. */
export const Problem = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z
      .enum(Object.values(titles) as [string, ...string[]])
      .check(z.meta({ description: 'The name of the status.' })),
    status: z.int().check(z.minimum(400), z.maximum(599), z.meta({ format: 'int32' })),
    detail: z
      .string()
      .check(
        z.maxLength(1000),
        z.meta({ description: 'A sentence that a person can read.', pattern: '^.+$' })
      ),
    request_id: z
      .string()
      .check(
        z.regex(/^[\w=-]+$/),
        z.maxLength(255),
        z.meta({ description: 'The same as in `X-Request-Id`.' })
      ),
    errors: z.optional(
      z
        .array(
          z.strictObject({
            pointer: z.string().check(
              // A body of 64 KiB may be one name, in which JSON Pointer doubles some characters.
              z.maxLength(131_072),
              z.meta({
                description: 'The JSON Pointer (RFC 6901) of the value.',
                format: 'json-pointer',
              })
            ),
            detail: z
              .string()
              .check(
                z.maxLength(1000),
                z.meta({ description: 'What is expected of it.', pattern: '^.+$' })
              ),
          })
        )
        .check(
          z.maxLength(mostErrors),
          z.meta({ description: `What is invalid, at most the first ${mostErrors} values.` })
        )
    ),
  })
  .check(z.meta({ id: 'Problem' }))
export type Problem = z.infer<typeof Problem>

/** The sentences that more than one route answers with. The API document shows them too. */
export const details = {
  emptyBody: 'The body is empty. It must be JSON.',
  notUtf8: 'The body is not valid UTF-8.',
  notJson: 'The body must be JSON in UTF-8, with Content-Type: application/json.',
  needsAccessToken: 'This needs a valid access token. POST /auth/login gives one.',
  noSuchPath: 'There is nothing at this path.',
  invalid: 'Some values are invalid. See `errors`.',
  unknownField: 'is not a known field',
  ourFault: 'Something went wrong on our side. Quote the request_id when you report it.',
  databaseTrouble: 'The database cannot be reached right now. Try again shortly.',
  tooSlow: 'The request took too long. Try again shortly.',
}

/** Seconds after which to try again when the database is in trouble. */
const retryAfter = { 'Retry-After': '2' }

/** The members of a problem that not every problem has. */
type Extensions<Body extends Problem> = Omit<
  Body,
  'type' | 'title' | 'status' | 'detail' | 'request_id'
>

/**
 * The reply that says what went wrong, for a handler to return. `Body` is a problem with further
 * members (RFC 9457, section 3.2).
 */
export const problem = <S extends Status, Body extends Problem = Problem>(
  c: Context,
  status: S,
  detail: string,
  { headers, ...members }: { headers?: Record<string, string> } & Partial<Extensions<Body>> = {}
) => {
  const body: Problem = {
    type: 'about:blank',
    title: titles[status],
    status,
    detail,
    request_id: c.get('requestId'),
    ...members,
  }
  return c.json(body as Body, status, { ...headers, 'Content-Type': 'application/problem+json' })
}

/** The 401, with the challenge that it must have. */
export const unauthorized = (c: Context, detail = details.needsAccessToken) =>
  problem(c, 401, detail, { headers: challenge(c) })

/** The 422 that names each invalid value. */
export const invalid = (c: Context, errors: NonNullable<Problem['errors']>) =>
  problem(c, 422, details.invalid, { errors: errors.slice(0, mostErrors) })

/** The 405, with the methods that the path has. */
export const methodNotAllowed = (c: Context, methods: string[]) =>
  problem(c, 405, `This path answers ${methods.join(', ')} only.`, {
    headers: { Allow: methods.join(', ') },
  })

/** A problem as an exception, for where no handler can return it. onError turns it into the reply. */
export const problemException = (
  status: Status,
  message: string,
  headers: Record<string, string> = {},
  members: Pick<Problem, 'errors'> = {}
) => new HTTPException(status, { message, res: new Response(null, { headers }), cause: members })

/** The 503 for a database that gives no answer or a damaged one. */
export const databaseTrouble = () => problemException(503, details.databaseTrouble, retryAfter)

/** The 503 for a request that has used up its time. */
export const tooSlow = () => problemException(503, details.tooSlow, retryAfter)

export const onError: ErrorHandler<Env> = (error, c) => {
  if (error instanceof HTTPException) {
    // Every 401 gets our own words: those of hono's jwt middleware are plain text.
    if (error.status === 401) return unauthorized(c)
    return problem(c, error.status as Status, error.message, {
      ...(error.cause as Pick<Problem, 'errors'> | undefined),
      headers: Object.fromEntries(error.res?.headers ?? []),
    })
  }
  // Postgres refused a value (class 22) or a constraint (class 23): validation should have, so the bug is ours.
  if (error instanceof DrizzleQueryError && !/^2[23]/.test(postgresError(error)?.code ?? ''))
    return onError(databaseTrouble(), c)
  return problem(c, 500, details.ourFault)
}

export const notFound: NotFoundHandler<Env> = (c) => problem(c, 404, details.noSuchPath)
