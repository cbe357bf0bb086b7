import * as z from 'zod/mini'
import { PasswordChange } from '../account/password.ts'
import { Session } from '../auth/sessions.ts'
import { AccessToken } from '../auth/tokens.ts'
import { Credentials, User } from '../auth/user.ts'
import { TaskQuery } from '../tasks/query.ts'
import { Completion, NewTask, Task, TaskPatch } from '../tasks/task.ts'
import { Problem, titles } from './problem.ts'

type JSONSchema = z.core.JSONSchema.JSONSchema
type Fields = Record<string, JSONSchema>

/** What the schemas that validate do not say of their fields. */
const taskNotes: Record<keyof Task, JSONSchema> = {
  id: {},
  url: { description: 'Where the task is, on the origin that was asked.' },
  title: { description: 'Trimmed; not blank.' },
  description: {},
  completed: {},
  completed_at: {
    description: 'Set when `completed` becomes true, cleared when it becomes false.',
  },
  priority: {},
  tags: { description: 'Each trimmed; of doubles, ignoring case, the first stays.' },
  due_date: { description: 'A calendar date, the same in every time zone.' },
  due_time: { description: 'A local time, `HH:MM`. Needs a `due_date`, and is cleared with it.' },
  order: {
    description:
      'The place in a hand-sorted list. To put a task between two others, take a number between theirs.',
  },
  created_at: {},
  updated_at: { description: 'Moves with every write but an empty `PATCH`.' },
}

const notes: Record<string, Fields> = {
  Credentials: {
    email: { description: 'Trimmed and lower-cased.' },
    password: { description: 'Kept exactly as it is. At most 72 bytes in UTF-8.' },
  },
  User: { email: { format: 'email' } },
  AccessToken: {
    access_token: { description: 'Good for 7 days, sent as `Authorization: Bearer …`.' },
  },
  Task: taskNotes,
  NewTask: taskNotes,
  TaskPatch: taskNotes,
  Problem: {
    title: { description: 'The name of the status.' },
    status: { minimum: 400, maximum: 599 },
    detail: { description: 'A sentence for a person to read.' },
    request_id: { description: 'As in `X-Request-Id`; it finds the request in our log.' },
    errors: { description: 'Each fault, with a JSON Pointer to it.' },
  },
}

const queryNotes: Record<keyof z.input<typeof TaskQuery>, string> = {
  completed: 'Only those done, or only those not done.',
  priority: 'Any of these. May repeat.',
  tag: 'All of these: whole tags, ignoring case. May repeat.',
  due_from: 'Due on this day or later.',
  due_to: 'Due on this day or earlier.',
  search: 'Part of the title or the description, ignoring case.',
  sort: 'A leading `-` turns the order round. Tasks without a due date, or without a place, come last when ascending and first when descending. Ties are broken by `id`.',
  limit: 'How many tasks a page holds at most.',
  cursor: 'From the `Link` of the page before, with the same `sort`.',
}

/** Makes zod's JSON Schema easier to read, and means the same. */
const simplify = ({ jsonSchema }: { jsonSchema: JSONSchema }) => {
  // What the format says already, at great length.
  if (/^(uuid|date|date-time)$/.test(jsonSchema.format ?? '')) delete jsonSchema.pattern
  // A number in a query is checked as the text that it is.
  if (jsonSchema.type === 'integer') delete jsonSchema.pattern
  if (jsonSchema.minLength === 0) delete jsonSchema.minLength

  const [first, second] = (jsonSchema.anyOf ?? []) as [JSONSchema?, JSONSchema?]
  const isNullable = typeof first?.type === 'string' && second?.type === 'null'
  // In a query an array of one looks like the one.
  const isOneOrMore = first?.type === 'array'
  if (!isNullable && !isOneOrMore) return
  delete jsonSchema.anyOf
  Object.assign(jsonSchema, first, isNullable && { type: [first.type, 'null'] })
}

const toJSONSchema = (schema: z.ZodMiniType) =>
  z.toJSONSchema(schema, { io: 'input', override: simplify })

const fieldsOf = (schema: JSONSchema) => Object.entries((schema.properties ?? {}) as Fields)

const schemas = {
  Credentials,
  PasswordChange,
  Session,
  User,
  AccessToken,
  Task,
  NewTask,
  TaskPatch,
  Completion,
  Problem,
}

const component = (name: string, schema: z.ZodMiniType) => {
  const definition = toJSONSchema(schema).$defs?.[name]
  if (!definition) throw new Error(`The schema ${name} needs z.meta({ id: '${name}' })`)
  const fields = fieldsOf(definition).map(([field, json]) => [
    field,
    { ...json, ...notes[name]?.[field] },
  ])
  return { ...definition, properties: Object.fromEntries(fields) }
}

const defaults: Record<string, unknown> = z.parse(TaskQuery, {})

export const queryParameters = (query: z.ZodMiniType) =>
  fieldsOf(toJSONSchema(query)).map(([name, schema]) => ({
    name,
    in: 'query',
    description: queryNotes[name as keyof typeof queryNotes],
    schema: name in defaults ? { ...schema, default: defaults[name] } : schema,
    ...(schema.type === 'array' && { style: 'form', explode: true }),
  }))

export const ref = (name: keyof typeof schemas) => ({ $ref: `#/components/schemas/${name}` })

export type Examples = Record<string, { summary: string; value: unknown }>
type Content = Record<string, { schema: JSONSchema; example?: unknown; examples?: Examples }>

export const json = (schema: JSONSchema, example: unknown): Content => ({
  'application/json': { schema, example },
})

export const body = (schema: JSONSchema, examples: Examples, required = true) => ({
  required,
  content: { 'application/json': { schema, examples } },
})

export const status = (word: string): JSONSchema => ({
  type: 'object',
  properties: { status: { const: word } },
  required: ['status'],
  additionalProperties: false,
})

const headers = {
  'X-Request-Id': { description: 'Finds the request in our log.', schema: { type: 'string' } },
  Location: { description: 'Where it is.', schema: { type: 'string', format: 'uri-reference' } },
  Link: {
    description: 'The next page, `<URL>; rel="next"` (RFC 8288). The last page has none.',
    schema: { type: 'string' },
  },
  'Set-Cookie': {
    description: '`__Host-refresh`, for `POST /auth/refresh` alone; empty where a session ends.',
    schema: { type: 'string' },
  },
  'Content-Disposition': { description: 'A name for the file.', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
  'WWW-Authenticate': {
    description: '`Bearer`, and the error when a token was sent (RFC 6750).',
    schema: { type: 'string' },
  },
}
type Header = keyof typeof headers

/** A reply with the header that all have, and those named. */
export const reply = (description: string, content?: Content, ...names: Header[]) => ({
  description,
  headers: Object.fromEntries(
    ['X-Request-Id', ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }])
  ),
  ...(content && { content }),
})

type Refusal = Pick<Problem, 'detail' | 'errors'> & { when: string; header?: Header }

const refusals = {
  400: {
    when: 'The body is not JSON, or not UTF-8.',
    detail: 'The body is empty. It must be JSON.',
  },
  401: {
    when: 'There is no token, it is not good, its session is over, or its user is gone.',
    detail: 'A valid access token is needed. POST /auth/login gives one.',
    header: 'WWW-Authenticate',
  },
  404: {
    when: 'There is no such task, or it is not yours: the two are one answer.',
    detail: 'There is no such task.',
  },
  409: {
    when: 'The e-mail address is taken.',
    detail: 'This e-mail address is already registered.',
  },
  413: {
    when: 'The body is larger than 64 KiB.',
    detail: 'The body is larger than 64 KiB.',
  },
  415: {
    when: 'The body is not `application/json` in UTF-8.',
    detail: 'The body must be JSON in UTF-8, with Content-Type: application/json.',
  },
  422: {
    when: 'The request is well-formed and wrong: `errors` points at each fault.',
    detail: 'The request is well-formed and wrong: see errors.',
    errors: [{ pointer: '/colour', detail: 'is not a known field' }],
  },
  429: {
    when: 'There were too many requests.',
    detail: 'Too many requests. Wait 60 seconds.',
    header: 'Retry-After',
  },
  500: {
    when: 'A fault of ours.',
    detail: 'Something went wrong on our side. The request id finds it in our log.',
  },
  503: {
    when: 'The database is in trouble, or the service is not configured.',
    detail: 'The database is out of reach or in trouble. Try again shortly.',
    header: 'Retry-After',
  },
} satisfies Record<number, Refusal>

/** The reply with this status and, for an example, this detail. */
export const refusal = (status: keyof typeof titles, { when, detail, errors, header }: Refusal) => {
  const request_id = '5f2b1c0e-8a44-4d0b-9a3d-6f2f0c4b7d11'
  const example: Problem = {
    type: 'about:blank',
    title: titles[status],
    status,
    detail,
    request_id,
    ...(errors && { errors }),
  }
  const content = { 'application/problem+json': { schema: ref('Problem'), example } }
  return reply(when, content, ...(header ? [header] : []))
}

const nameOf = (status: keyof typeof titles) => titles[status].replaceAll(' ', '')

/** The replies with these statuses, as components. */
export const or = (...statuses: (keyof typeof refusals)[]) =>
  Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }])
  )

export const components = {
  schemas: Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, component(name, schema)])
  ),
  headers,
  responses: Object.fromEntries(
    (Object.keys(refusals).map(Number) as (keyof typeof refusals)[]).map((status) => [
      nameOf(status),
      refusal(status, refusals[status]),
    ])
  ),
  securitySchemes: {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'The `access_token` of `POST /auth/login`.',
    },
    refresh: {
      type: 'apiKey',
      in: 'cookie',
      name: '__Host-refresh',
      description:
        'Comes with a login, for `POST /auth/refresh` alone, and is spent by it. A browser sends it by itself.',
    },
  },
}

export type Operation = {
  operationId: string
  summary: string
  description?: string
  tags: ['Auth' | 'Tasks' | 'Service']
  security?: [{ bearer: [] }] | [{ refresh: [] }]
  parameters?: object[]
  requestBody?: object
  responses: Record<number, object>
}
export type Path = { parameters?: object[] } & {
  [method in 'get' | 'put' | 'post' | 'delete' | 'patch']?: Operation
}

export const security: [{ bearer: [] }] = [{ bearer: [] }]
export const id = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid' },
}
