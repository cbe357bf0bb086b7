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

/** The schemas as components of the document, by their ids. */
export const componentsOf = (schemas: z.ZodMiniType[]) =>
  Object.fromEntries(
    schemas.map((schema) => {
      const id = idOf(schema)
      const definition = toJSONSchema(schema).$defs?.[id] as JSONSchema
      const fields = Object.entries((definition.properties ?? {}) as Fields)
      const properties = Object.fromEntries(
        fields.map(([field, json]) => [field, tellDefault(json)])
      )
      return [id, { ...definition, properties }]
    })
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
    description: 'Names the request in our log. Quote it when you report a problem.',
    schema: { type: 'string', maxLength: 255 },
  },
  Location: {
    description: 'The path of what the reply is about.',
    schema: { type: 'string', format: 'uri-reference', maxLength: 2048 },
  },
  Link: {
    description: 'The next page, `<URL>; rel="next"` (RFC 8288). The last page has none.',
    schema: { type: 'string', maxLength: 100_000 },
  },
  'Set-Cookie': {
    description: '`__Host-refresh`, for `POST /auth/refresh` alone. Empty when a session ends.',
    schema: { type: 'string', maxLength: 4096 },
  },
  'Content-Disposition': {
    description: 'The name of the file.',
    schema: { type: 'string', maxLength: 255 },
  },
  'Retry-After': {
    description: 'The seconds to wait.',
    schema: { type: 'integer', format: 'int32', minimum: 1, maximum: 900 },
  },
  'WWW-Authenticate': {
    description: '`Bearer`, with an error when an access token was sent (RFC 6750).',
    schema: { type: 'string', maxLength: 255 },
  },
}
type Header = keyof typeof headers

/** A reply with the headers named, and `X-Request-Id`, which every reply has. */
export const reply = (description: string, content?: Content, ...names: Header[]) => ({
  description,
  headers: Object.fromEntries(
    ['X-Request-Id', ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }])
  ),
  ...(content && { content }),
})

type Refusal = Pick<Problem, 'detail' | 'errors'> & { when: string; header?: Header }

/** The reply with a problem. `when` says what leads to it, and `detail` is that of the example. */
export const problemReply = (status: Status, { when, detail, errors, header }: Refusal) => {
  const example: Problem = {
    type: 'about:blank',
    title: titles[status],
    status,
    detail,
    request_id: '5f2b1c0e-8a44-4d0b-9a3d-6f2f0c4b7d11',
    ...(errors && { errors }),
  }
  const content = { 'application/problem+json': { schema: ref(Problem), example } }
  return reply(when, content, ...(header ? [header] : []))
}

/** The problems that many routes answer with. */
const common = {
  400: { when: 'The body is not JSON, or not UTF-8.', detail: details.emptyBody },
  401: {
    when: 'The access token is missing or not valid, its session is over, or its user is gone.',
    detail: details.needsAccessToken,
    header: 'WWW-Authenticate',
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
    header: 'Retry-After',
  },
  500: { when: 'There is a bug in the service.', detail: details.ourFault },
  503: {
    when: 'The database cannot be reached, or the service is not configured.',
    detail: details.databaseTrouble,
    header: 'Retry-After',
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

/** Marks an operation that needs an access token. */
export const security: [{ bearer: [] }] = [{ bearer: [] }]

/** The path parameter `id`. */
export const id = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid', maxLength: 36 },
}
