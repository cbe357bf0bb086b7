import { type Schema, Validator } from '@cfworker/json-schema'
import { openapi } from '../src/openapi.ts'

type Reference = { $ref: string }
type Header = { required?: boolean; schema: Schema }
type Reply = {
  headers?: Record<string, Header | Reference>
  content?: Record<string, { schema: Schema }>
}
type Operation = { responses: Record<string, Reply | Reference> }
type Document = {
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Schema>
    headers: Record<string, Header>
    responses: Record<string, Reply>
  }
}

/** The document as a client gets it. */
const { paths, components }: Document = JSON.parse(JSON.stringify(openapi))

const resolve = <Value extends Header | Reply>(value: Value | Reference): Value => {
  if (!('$ref' in value)) return value as Value
  const [, , kind, name = ''] = value.$ref.split('/')
  return components[kind as 'headers' | 'responses'][name] as Value
}

/** A schema is prepared once, the first time that a reply is checked against it. */
const validators = new WeakMap<Schema, Validator>()

const validatorOf = (schema: Schema) => {
  const root = { ...schema, components: { schemas: components.schemas } }
  const validator = validators.get(schema) ?? new Validator(root, '2020-12')
  validators.set(schema, validator)
  return validator
}

const faultOfValue = (value: unknown, schema: Schema) => {
  const { valid, errors } = validatorOf(schema).validate(value)
  // The last error is the innermost, which says what is wrong. Those before it only lead there.
  const { instanceLocation, error } = errors.at(-1) ?? {}
  return valid ? undefined : `${instanceLocation} does not fit its schema: ${error}`
}

const faultOfHeaders = (headers: Headers, { headers: documented = {} }: Reply) => {
  // Where a reply does not list a header that others do, it must not have it.
  const stray = Object.keys(components.headers).find(
    (name) => headers.has(name) && !documented[name]
  )
  if (stray) return `the header ${stray} is not documented`
  for (const [name, header] of Object.entries(documented)) {
    const { required, schema } = resolve(header)
    const text = headers.get(name)
    if (text === null) {
      if (required) return `the header ${name} is missing`
      continue
    }
    const fault = faultOfValue(schema.type === 'integer' ? Number(text) : text, schema)
    if (fault) return `the header ${name} is "${text}", and ${fault}`
  }
}

const faultOfBody = async (method: string, response: Response, { content }: Reply) => {
  const type = response.headers.get('Content-Type')?.split(';')[0]?.toLowerCase() ?? ''
  const media = content?.[type]
  // A 304 has the headers of the reply that it stands for, and no body.
  if (content ? !media : type && response.status !== 304)
    return `the media type "${type}" is not documented`
  let text: string
  try {
    // The test reads the other half.
    text = await response.clone().text()
  } catch {
    // The body broke off. The test sees that too, and decides whether it should.
    return
  }
  if (!media || method === 'HEAD') return text && 'there is a body'
  return faultOfValue(/[/+]json$/.test(type) ? JSON.parse(text) : text, media.schema)
}

/** Of two paths that match, OpenAPI prefers the one without parameters. */
const operations = Object.entries(paths)
  .sort(([a], [b]) => Number(a.includes('{')) - Number(b.includes('{')))
  .map(([path, methods]) => ({
    pattern: new URLPattern({ pathname: path.replace(/\{(\w+)\}/g, ':$1') }),
    methods,
  }))

/** What answers a path or a method that the document does not have. Any header may come along. */
const anyProblem: Reply = {
  headers: Object.fromEntries(
    Object.entries(components.headers).map(([name, header]) => [
      name,
      { ...header, required: false },
    ])
  ),
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}

const isPreflight = (method: string, { status, body }: Response) =>
  method === 'OPTIONS' && status === 204 && !body

const replyTo = (
  method: string,
  pathname: string,
  status: number
): Reply | Reference | undefined => {
  const { methods } = operations.find(({ pattern }) => pattern.test({ pathname })) ?? {}
  // A HEAD has the status and the headers of a GET.
  const operation = methods?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
  if (operation) return operation.responses[status]
  return status >= 400 ? anyProblem : undefined
}

/** Gives the response back, and throws where the OpenAPI document does not have such a reply. */
export const asDocumented = async (request: Request, response: Response): Promise<Response> => {
  const { method } = request
  const { pathname } = new URL(request.url)
  const { status, headers } = response
  const isFile = pathname.startsWith('/docs/') && status < 400
  if (isFile || isPreflight(method, response)) return response
  const reply = replyTo(method, pathname, status)
  const fault = reply
    ? (faultOfHeaders(headers, resolve(reply)) ??
      (await faultOfBody(method, response, resolve(reply))))
    : 'the status is not documented'
  if (fault) throw new Error(`The reply ${status} to ${method} ${pathname}: ${fault}`)
  return response
}
