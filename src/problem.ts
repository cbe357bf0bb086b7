import { zValidator } from '@hono/zod-validator'
import { DrizzleQueryError } from 'drizzle-orm'
import type { Context, ErrorHandler, NotFoundHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import * as z from 'zod/mini'
import { type Env, postgresError } from './env.ts'

/** An error as RFC 9457 writes it; `pointer` is a JSON Pointer (RFC 6901). */
export const Problem = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    request_id: z.string(),
    errors: z.optional(z.array(z.strictObject({ pointer: z.string(), detail: z.string() }))),
  })
  .check(z.meta({ id: 'Problem' }))
export type Problem = z.infer<typeof Problem>

/** The statuses of problems and their names in HTTP. */
export const titles = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
type Status = keyof typeof titles

/** A reply that says what went wrong, for a handler to return. */
export const problem = <S extends Status>(
  c: Context,
  status: S,
  detail: string,
  { errors, headers }: { errors?: Problem['errors']; headers?: Record<string, string> } = {}
) =>
  c.json<Problem, S>(
    {
      type: 'about:blank',
      title: titles[status],
      status,
      detail,
      request_id: c.get('requestId'),
      ...(errors && { errors }),
    },
    status,
    { ...headers, 'Content-Type': 'application/problem+json' }
  )

/** The reply to what is well-formed and wrong: it names each fault. */
export const unprocessable = (c: Context, errors: NonNullable<Problem['errors']>) =>
  problem(c, 422, 'The request is well-formed and wrong: see errors.', { errors })

/** A problem as an exception, for where no handler can return it; onError makes the reply of it. */
export const refusal = (status: Status, message: string, headers: Record<string, string> = {}) =>
  new HTTPException(status, { message, res: new Response(null, { headers }) })

/** When the database does not answer, or not with what was asked for. */
export const databaseTrouble = () =>
  refusal(503, 'The database is out of reach or in trouble. Try again shortly.', {
    'Retry-After': '2',
  })

export const onError: ErrorHandler<Env> = (error, c) => {
  if (error instanceof HTTPException)
    return problem(c, error.status as Status, error.message, {
      headers: Object.fromEntries(error.res?.headers ?? []),
    })
  // Classes 22 and 23, bad values and broken constraints, are ours: validation let them through.
  if (error instanceof DrizzleQueryError && !/^2[23]/.test(postgresError(error)?.code ?? ''))
    return onError(databaseTrouble(), c)
  return problem(c, 500, 'Something went wrong on our side. The request id finds it in our log.')
}

export const notFound: NotFoundHandler<Env> = (c) => problem(c, 404, 'There is nothing here.')

const limit = bodyLimit({
  maxSize: 64 * 1024,
  onError: () => {
    throw refusal(413, 'The body is larger than 64 KiB.')
  },
})

const isJson = (contentType: string) => {
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const charset = parameters.find((parameter) => parameter.trim().startsWith('charset='))
  return (
    type.trim() === 'application/json' && /^(\s*charset=(utf-8|"utf-8")\s*)?$/.test(charset ?? '')
  )
}

/**
 * The length of the body, which the validator then reads from hono's cache. Strict where hono would
 * replace what is not UTF-8 and pass over another media type.
 */
const checkBody = async (c: Context): Promise<number> => {
  await limit(c, async () => {})
  const bytes = await c.req.arrayBuffer()
  if (bytes.byteLength && !isJson(c.req.header('Content-Type') ?? ''))
    throw refusal(415, 'The body must be JSON in UTF-8, with Content-Type: application/json.')
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    throw refusal(400, 'The body is not UTF-8.')
  }
  return bytes.byteLength
}

const pointer = (path: PropertyKey[]) =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

const faults = (issues: z.core.$ZodIssue[]) =>
  issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          pointer: pointer([...issue.path, key]),
          detail: 'is not a known field',
        }))
      : { pointer: pointer(issue.path), detail: issue.message }
  )

/**
 * Checks the JSON body or the query against `schema`. What does not fit is a 422 that names each
 * fault. A body may be left out where the schema is optional.
 */
export const validate = <Schema extends z.ZodMiniType, Target extends 'json' | 'query'>(
  target: Target,
  schema: Schema
) => {
  const check = zValidator(target, schema, (result, c) => {
    if (!result.success) return unprocessable(c, faults(result.error.issues))
  })
  const checkJson: typeof check = async (c, next) => {
    if (await checkBody(c)) return check(c, next)
    if (!z.safeParse(schema, undefined).success)
      throw refusal(400, 'The body is empty. It must be JSON.')
    await next()
  }
  return target === 'json' ? checkJson : check
}
