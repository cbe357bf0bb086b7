/**
 * The bare Worker: the least code that gives the same replies as the real Worker, which is measured
 * beside it. It has no framework and no ORM, checks tokens with WebCrypto, and sends with fetch the
 * SQL that was recorded from the real Worker.
 */
import { compare } from 'bcryptjs'

/** The values that differ from request to request. */
type Values = { [Name in 'user_id' | 'id' | 'email' | 'body' | 'hash' | 'new_hash']?: string }

/** A query recorded from the real Worker. `slots` are the places in `params` that take new values. */
export type Statement = {
  query: string
  params: unknown[]
  slots: { index: number; name: keyof Values }[]
}

type Bindings = {
  DATABASE_URL: string
  JWT_SECRET: string
  /** JSON: the statements of each operation, by its name. */
  STATEMENTS: string
}

type Task = { id: string; due_date: string | null; updated_at: string; url?: string }
type List = { changed_at: string; tasks: Task[] }

const utf8 = new TextEncoder()
const json = { 'Content-Type': 'application/json' }
const pageSize = 50
const lifetime = 604800

const open = async (env: Bindings) => ({
  key: await crypto.subtle.importKey(
    'raw',
    utf8.encode(env.JWT_SECRET),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign', 'verify']
  ),
  statements: JSON.parse(env.STATEMENTS) as Record<string, Statement[]>,
  endpoint: `http://${new URL(env.DATABASE_URL).host}/sql`,
  headers: {
    'Neon-Connection-String': env.DATABASE_URL,
    'Neon-Raw-Text-Output': 'true',
    'Neon-Array-Mode': 'true',
  },
})
type Isolate = Awaited<ReturnType<typeof open>>
let isolate: Isolate | undefined

const query = async (
  { statements, endpoint, headers }: Isolate,
  name: string,
  values: Values,
  index = 0
) => {
  const all = statements[name] as Statement[]
  const { query, params: given, slots } = all[index] as Statement
  const params = [...given]
  for (const { index, name } of slots) params[index] = values[name]
  const reply = await fetch(endpoint, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, params }),
  })
  if (!reply.ok) throw new Error(`Neon answered ${reply.status}`)
  const { rows } = (await reply.json()) as { rows: string[][] }
  return rows[0]
}

const bytes = (base64url: string) => {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

const base64url = (text: string) =>
  btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

const parse = (base64url: string) =>
  JSON.parse(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')))

/** Returns the user's id when the access token is valid. */
const authenticate = async ({ key }: Isolate, request: Request): Promise<string | undefined> => {
  const [, header, payload, signature] =
    /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/i.exec(request.headers.get('Authorization') ?? '') ?? []
  if (!header || !payload || !signature || parse(header).alg !== 'HS256') return
  const signed = utf8.encode(`${header}.${payload}`)
  if (!(await crypto.subtle.verify('HMAC', key, bytes(signature), signed))) return
  const { sub, exp } = parse(payload)
  return typeof sub === 'string' && exp > Date.now() / 1000 ? sub : undefined
}

const problem = (status: number, title: string, detail: string, headers = {}) => {
  const request_id = crypto.randomUUID()
  const body = { type: 'about:blank', title, status, detail, request_id }
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...headers, 'Content-Type': 'application/problem+json' },
  })
}

const unauthorized = () =>
  problem(401, 'Unauthorized', 'This needs a valid access token. POST /auth/login gives one.', {
    'WWW-Authenticate': 'Bearer realm="tasks", error="invalid_token"',
  })

const token = async ({ key }: Isolate, sub: string, email: string, sid: string) => {
  const iat = Math.floor(Date.now() / 1000)
  const header = base64url('{"alg":"HS256","typ":"JWT","kid":"12345678"}')
  const claims = base64url(JSON.stringify({ sub, email, sid, iat, exp: iat + lifetime }))
  const signature = await crypto.subtle.sign('HMAC', key, utf8.encode(`${header}.${claims}`))
  return `${header}.${claims}.${base64url(String.fromCharCode(...new Uint8Array(signature)))}`
}

const sha256 = async (text: string) => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', utf8.encode(text)))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const newRefreshToken = async () => {
  const token = base64url(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
  return { token, new_hash: await sha256(token) }
}

const tokens = (access_token: string, refreshToken: string) =>
  new Response(JSON.stringify({ access_token, token_type: 'bearer' }), {
    headers: {
      ...json,
      'Set-Cookie': `__Host-refresh=${refreshToken}; Max-Age=2592000; Path=/; HttpOnly; Secure; SameSite=Strict`,
    },
  })

const login = async (isolate: Isolate, request: Request) => {
  const { email, password } = (await request.json()) as Record<'email' | 'password', string>
  const [admitted, , id, hash] = (await query(isolate, 'login', { email })) ?? []
  if (admitted !== 't' || !id || !hash || !(await compare(password, hash)))
    return problem(401, 'Unauthorized', 'The e-mail address or the password is wrong.')
  const { token: refreshToken, new_hash } = await newRefreshToken()
  const [sid = ''] = (await query(isolate, 'login', { email, user_id: id, new_hash }, 1)) ?? []
  return tokens(await token(isolate, id, email, sid), refreshToken)
}

const refresh = async (isolate: Isolate, request: Request) => {
  const [, spent = ''] = /__Host-refresh=([^;]+)/.exec(request.headers.get('Cookie') ?? '') ?? []
  const { token: refreshToken, new_hash } = await newRefreshToken()
  const [id, email, sid] =
    (await query(isolate, 'refresh', { hash: await sha256(spent), new_hash })) ?? []
  if (!id || !email || !sid) return unauthorized()
  return tokens(await token(isolate, id, email, sid), refreshToken)
}

const list = (url: URL, userId: string, { changed_at, tasks }: List) => {
  const ETag = `W/"1-${changed_at}-${userId.slice(0, 8)}"`
  const headers: Record<string, string> = { ...json, ETag }
  if (tasks.length > pageSize) {
    tasks.length = pageSize
    const { due_date, id } = tasks.at(-1) as Task
    url.searchParams.set('cursor', base64url(JSON.stringify(['due_date', due_date, id])))
    headers.Link = `<${url}>; rel="next"`
  }
  for (const task of tasks) task.url = `${url.origin}/tasks/${task.id}`
  return new Response(JSON.stringify(tasks), { headers })
}

const one = (url: URL, [task]: Task[], status = 200) => {
  if (!task) return problem(404, 'Not Found', 'There is no such task.')
  task.url = `${url.origin}/tasks/${task.id}`
  const headers = {
    ...json,
    ETag: `"${task.updated_at}"`,
    ...(status === 201 && { Location: `/tasks/${task.id}` }),
  }
  return new Response(JSON.stringify(task), { status, headers })
}

const newTask = async (request: Request) => {
  const { title, description, completed, priority, tags, due_date, due_time, order } =
    (await request.json()) as Record<string, unknown>
  if (typeof title !== 'string' || !title.trim() || title.length > 255) return
  return JSON.stringify({
    title: title.trim(),
    description: description ?? null,
    completed: completed ?? false,
    priority: priority ?? 'medium',
    tags: tags ?? [],
    due_date: due_date ?? null,
    due_time: due_time ?? null,
    order: order ?? null,
  })
}

const taskPatch = async (request: Request) => {
  const patch = (await request.json()) as Record<string, unknown>
  if ('title' in patch && (typeof patch.title !== 'string' || patch.title.length > 255)) return
  return JSON.stringify(patch)
}

const handle = async (request: Request, env: Bindings) => {
  isolate ??= await open(env)
  const { method } = request
  const url = new URL(request.url)
  if (url.pathname === '/auth/login') return login(isolate, request)
  if (url.pathname === '/auth/refresh') return refresh(isolate, request)
  const user_id = await authenticate(isolate, request)
  if (!user_id) return unauthorized()
  const id = url.pathname.slice('/tasks/'.length)
  const isMe = url.pathname === '/auth/me'
  const name = isMe
    ? 'me'
    : method === 'POST'
      ? 'create'
      : method === 'PATCH'
        ? 'patch'
        : id
          ? 'read'
          : 'list'
  const values: Values = { user_id, id }
  if (request.body) {
    const body = await (name === 'create' ? newTask : taskPatch)(request)
    if (!body) return problem(422, 'Unprocessable Content', 'The title is missing or too long.')
    values.body = body
  }
  const [me, rows] = (await query(isolate, name, values)) ?? []
  if (me !== user_id || !rows) return unauthorized()
  if (isMe) return new Response(JSON.stringify(JSON.parse(rows)[0]), { headers: json })
  const results = JSON.parse(rows)
  return name === 'list'
    ? list(url, user_id, results[0])
    : one(url, results, name === 'create' ? 201 : 200)
}

export default { fetch: handle }
