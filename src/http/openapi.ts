import * as z from 'zod/mini'
import { details, Problem, titles } from './problem.ts'
import { tooManyRequests } from './rate-limit.ts'
import { bodyTooLarge } from './validation.ts'

type JSONSchema = z.core.JSONSchema.JSONSchema
type Fields = Record<string, JSONSchema>
type Status = keyof typeof titles

/** Shortens zod's JSON Schema without changing what it means. */
const simplify = ({ jsonSchema }: { jsonSchema: JSONSchema }) => {
  // The format says the same in one word.
  if (/^(uuid|date|date-time|email|uri)$/.test(jsonSchema.format ?? '')) delete jsonSchema.pattern
  // A number in a query is checked as text, with a pattern.
  if (jsonSchema.type === 'integer') delete jsonSchema.pattern
  if (jsonSchema.minLength === 0) delete jsonSchema.minLength

  const [first, second] = (jsonSchema.anyOf ?? []) as [JSONSchema?, JSONSchema?]
  const isNullable = typeof first?.type === 'string' && second?.type === 'null'
  // A parameter that may repeat: an array of one looks like the one.
  const isOneOrMore = first?.type === 'array'
  if (!isNullable && !isOneOrMore) return
  delete jsonSchema.anyOf
  const { description, ...rest } = first
  Object.assign(jsonSchema, rest, isNullable && { type: [first.type, 'null'] })
  if (description) jsonSchema.description ??= description
}

const toJSONSchema = (schema: z.ZodMiniType) =>
  z.toJSONSchema(schema, { io: 'input', override: simplify })

const nameOf = (schema: z.ZodMiniType): string => {
  const { id } = z.globalRegistry.get(schema as z.core.$ZodType) ?? {}
  if (!id) throw new Error('A schema of the document needs z.meta({ id })')
  return id
}

const idOf = (schema: z.ZodMiniType) =>
  nameOf(schema instanceof z.ZodMiniPipe ? (schema.def.in as z.ZodMiniType) : schema)

/** The reference to a schema that has an id. */
export const ref = (schema: z.ZodMiniType) => ({ $ref: `#/components/schemas/${idOf(schema)}` })

/**
 * Tells a default in words. As a keyword it would make generators such as openapi-typescript demand
 * the field of whoever sends it.
 */
const tellDefault = ({ default: value, description, ...schema }: JSONSchema): JSONSchema => ({
  ...schema,
  ...(value === undefined
    ? description && { description }
    : {
        description: [description, `Default: \`${JSON.stringify(value)}\`.`]
          .filter(Boolean)
          .join(' '),
      }),
})

/** zod's definition of a schema that has an id, with references to the components of the document. */
const definitionOf = (schema: z.ZodMiniType): JSONSchema => {
  const text = JSON.stringify(toJSONSchema(schema).$defs?.[idOf(schema)])
  return JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/'))
}

const tellDefaults = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, tellDefault(field)]))

/** The schemas as components of the document, by their ids. */
export const componentsOf = (schemas: z.ZodMiniType[]) =>
  Object.fromEntries(
    schemas.map((schema) => {
      const { properties, ...definition } = definitionOf(schema)
      return [
        idOf(schema),
        { ...definition, ...(properties && { properties: tellDefaults(properties as Fields) }) },
      ]
    })
  )

const headerParameter = (name: string, description: string, maxLength: number) => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string', minLength: 1, maxLength, pattern: '^[ -~]+$' },
})

export const ifMatch = headerParameter(
  'If-Match',
  'Entity tags, or `*`. The request is refused with 412 when the task has none of the tags, because it has changed.',
  8192
)
export const ifNoneMatch = headerParameter(
  'If-None-Match',
  'Entity tags, or `*`. A read is answered with 304 when nothing has changed. A write is refused with 412 when the task has one of the tags or, with `*`, when it exists.',
  8192
)
export const idempotencyKey = headerParameter(
  'Idempotency-Key',
  'A key that you choose, such as `"8e03978e-40d5-43e8-bc93-6894a57f9324"`. The same request with the same key within 24 hours gets the first reply again, and nothing is done twice.',
  600
)

/** The parameters that a query schema stands for. */
export const queryParameters = (query: z.ZodMiniType) =>
  Object.entries((toJSONSchema(query).properties ?? {}) as Fields).map(
    ([name, { description, ...schema }]) => ({
      name,
      in: 'query',
      description,
      schema,
      ...(schema.type === 'array' && { style: 'form', explode: true }),
    })
  )

export type Examples = Record<string, { summary: string; value: unknown }>
type Content = Record<string, { schema: JSONSchema; example?: unknown; examples?: Examples }>

export const json = (schema: JSONSchema, example: unknown): Content => ({
  'application/json': { schema, example },
})

export const body = (schema: z.ZodMiniType, examples: Examples, required = true) => ({
  required,
  content: { 'application/json': { schema: ref(schema), examples } },
})

/** The headers of replies, as components of the document. */
export const headers = {
  'X-Request-Id': {
    required: true,
    description: 'Names the request in our log. Quote it when you report a problem.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\w=-]+$' },
  },
  'Access-Control-Allow-Origin': {
    description: 'The origin that asked, when it is one of `CORS_ORIGINS`.',
    schema: { type: 'string', format: 'uri', maxLength: 267 },
  },
  Location: {
    required: true,
    description: 'The path of what the reply is about.',
    schema: { type: 'string', format: 'uri-reference', maxLength: 64 },
  },
  Link: {
    description: 'The next page, `<URL>; rel="next"` (RFC 8288). The last page has none.',
    schema: { type: 'string', maxLength: 20_000, pattern: '^<.+>; rel="next"$' },
  },
  ETag: {
    required: true,
    description: 'The entity tag, for `If-Match` and `If-None-Match` (RFC 9110, section 8.8.3).',
    schema: { type: 'string', maxLength: 64, pattern: '^(W/)?"[^"]+"$' },
  },
  'Set-Cookie': {
    required: true,
    description: '`__Host-refresh`, for `POST /auth/refresh` alone. Empty when a session ends.',
    schema: { type: 'string', maxLength: 256, pattern: '^__Host-refresh=' },
  },
  'Content-Disposition': {
    required: true,
    description: 'The name of the file.',
    schema: { type: 'string', const: 'attachment; filename="edge-todo.json"' },
  },
  'Retry-After': {
    description: 'The seconds to wait.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 900 },
  },
  'WWW-Authenticate': {
    required: true,
    description: 'The challenge of RFC 6750. It has an error when an access token was sent.',
    schema: {
      type: 'string',
      enum: ['Bearer realm="tasks"', 'Bearer realm="tasks", error="invalid_token"'],
    },
  },
}
type Header = keyof typeof headers

/**
 * A reply with the headers named, and those that every reply has. A name with a question mark stands
 * for a header that this reply may lack.
 */
export const reply = (
  description: string,
  content?: Content,
  ...names: (Header | `${Header}?`)[]
) => ({
  description,
  headers: Object.fromEntries(
    ['X-Request-Id', 'Access-Control-Allow-Origin', ...names].map((name) => {
      const bare = name.replace('?', '') as Header
      const header =
        bare === name
          ? { $ref: `#/components/headers/${name}` }
          : { ...headers[bare], required: false }
      return [bare, header]
    })
  ),
  ...(content && { content }),
})

type Refusal = Pick<Problem, 'detail' | 'errors'> & { when: string; headers?: Header[] }

/** The reply with a problem. `when` says what leads to it, and `detail` is that of the example. */
export const problemReply = (status: Status, { when, detail, errors, headers = [] }: Refusal) => {
  const example: Problem = {
    type: 'about:blank',
    title: titles[status],
    status,
    detail,
    request_id: '5f2b1c0e-8a44-4d0b-9a3d-6f2f0c4b7d11',
    ...(errors && { errors }),
  }
  const content = { 'application/problem+json': { schema: ref(Problem), example } }
  return reply(when, content, ...headers)
}

/** The problems that many routes answer with. */
const common = {
  400: { when: 'The body is not JSON, or not UTF-8.', detail: details.emptyBody },
  401: {
    when: 'The access token is missing or not valid, its session is over, or its user is gone.',
    detail: details.needsAccessToken,
    headers: ['WWW-Authenticate'],
  },
  413: { when: 'The body is too large.', detail: bodyTooLarge() },
  415: { when: 'The body is not `application/json` in UTF-8.', detail: details.notJson },
  422: {
    when: 'Some values are invalid. `errors` names each of them.',
    detail: details.invalid,
    errors: [{ pointer: '/colour', detail: details.unknownField }],
  },
  429: {
    when: 'There were too many requests.',
    detail: tooManyRequests,
    headers: ['Retry-After'],
  },
  500: { when: 'There is a bug in the service.', detail: details.ourFault },
  503: {
    when: 'The database cannot be reached, or the service is not configured.',
    detail: details.databaseTrouble,
    headers: ['Retry-After'],
  },
} satisfies { [S in Status]?: Refusal }
type Common = keyof typeof common

const componentName = (status: Common) => titles[status].replaceAll(' ', '')

/** The replies with these statuses, as references to the components. */
export const or = (...statuses: Common[]) =>
  Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${componentName(status)}` }])
  )

/** The common problems as components of the document. */
export const responses = Object.fromEntries(
  (Object.keys(common).map(Number) as Common[]).map((status) => [
    componentName(status),
    problemReply(status, common[status]),
  ])
)

export type Operation = {
  operationId: string
  summary: string
  description?: string
  tags: ['Auth' | 'Account' | 'Tasks' | 'Service']
  security?: [{ bearer: [] }] | [{ refresh: [] }]
  parameters?: object[]
  requestBody?: object
  responses: Record<number, object>
}
export type Path = { parameters?: object[] } & {
  [method in 'get' | 'put' | 'post' | 'delete' | 'patch']?: Operation
}

/** The reply to a reader who has the present state already. */
export const notModified = reply('Nothing has changed.', undefined, 'ETag')

/** Marks an operation that needs an access token. */
export const security: [{ bearer: [] }] = [{ bearer: [] }]

/** The path parameter `id`. */
export const id = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid', minLength: 36, maxLength: 36 },
}
