/**
 * The bare Worker: the least code that gives the same replies as the real Worker, which is measured
 * beside it. It has no framework and no ORM, checks tokens with WebCrypto, and sends with fetch the
 * SQL that was recorded from the real Worker.
 */
import { compare } from 'bcryptjs'

/** The values that differ from request to request. */
type Values = {
  [Name in
    | 'user_id'
    | 'id'
    | 'email'
    | 'body'
    | 'hash'
    | 'new_hash'
    | 'key'
    | 'fingerprint'
    | 'times'
    | 'time'
    | 'ignored']?: string
}

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
type TaskRow = Task & { is_deleted?: boolean }

const utf8 = new TextEncoder()
const json = { 'Content-Type': 'application/json' }
const pageSize = 50
const lifetime = 604800
const tokenDays = 30
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

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

type ListState = { changed_at: string; tasks: Task[] | null }

const list = (url: URL, user_id: string, { changed_at, tasks }: ListState) => {
  const headers: Record<string, string> = { ETag: `W/"1-${changed_at}-${user_id.slice(0, 8)}"` }
  if (!tasks) return new Response(null, { status: 304, headers })
  headers['Content-Type'] = 'application/json'
  if (tasks.length > pageSize) {
    tasks.length = pageSize
    const { due_date, id } = tasks.at(-1) as Task
    url.searchParams.set('cursor', base64url(JSON.stringify(['due_date', due_date, id])))
    headers.Link = `<${url}>; rel="next"`
  }
  for (const task of tasks) task.url = `${url.origin}/tasks/${task.id}`
  return new Response(JSON.stringify(tasks), { headers })
}

/** What a `since` token holds. */
type Position = [
  epoch: string,
  user: string,
  began: string,
  time: string,
  id: string,
  ignored: string,
]
type ChangesState = { now: string; changed_at: string; found: number; rows: TaskRow[] }

const changes = (
  url: URL,
  user_id: string,
  [epoch, user, began, time, , ignored]: Position,
  { now, changed_at, found, rows }: ChangesState
) => {
  const age = Date.parse(now) - Date.parse(began)
  if (user !== user_id || !(age >= 0 && age < tokenDays * 86400_000))
    return problem(410, 'Gone', 'This `since` is no longer valid. Start again without it.')
  const last = rows.at(-1)
  const more = found > rows.length
  const end = [time > changed_at ? time : changed_at, lastId]
  const at = more && last ? [last.updated_at, last.id] : end
  const tasks: Task[] = []
  const deleted: string[] = []
  for (const { is_deleted, ...task } of rows)
    if (is_deleted) deleted.push(task.id)
    else tasks.push({ ...task, url: `${url.origin}/tasks/${task.id}` })
  const next = base64url(JSON.stringify([epoch, user, more ? began : now, ...at, ignored]))
  return new Response(JSON.stringify({ tasks, deleted, next, more }), { headers: json })
}

const one = (url: URL, [task]: Task[], status = 200) => {
  if (!task) return problem(404, 'Not Found', 'There is no such task.')
  task.url = `${url.origin}/tasks/${task.id}`
  const headers: Record<string, string> = { ...json, ETag: `"${task.updated_at}"` }
  if (status === 201) headers.Location = `/tasks/${task.id}`
  return new Response(JSON.stringify(task), { status, headers })
}

type Reply = { is_same: boolean; rows: Task[] }

const firstReply = (url: URL, { is_same, rows }: Reply) =>
  is_same
    ? one(url, rows, 201)
    : problem(422, 'Unprocessable Content', 'The key was used for another request.')

const batch = (url: URL, outcomes: { task: Task | null }[]) => {
  for (const { task } of outcomes) if (task) task.url = `${url.origin}/tasks/${task.id}`
  return new Response(JSON.stringify(outcomes), { headers: json })
}

const newTask = (sent: Record<string, unknown>) => {
  const { title, description, completed, priority, tags, due_date, due_time, order } = sent
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

const taskPatch = (sent: Record<string, unknown>) =>
  'title' in sent && (typeof sent.title !== 'string' || sent.title.length > 255)
    ? undefined
    : JSON.stringify(sent)

const updates = (sent: unknown) =>
  Array.isArray(sent) &&
  sent.length <= 100 &&
  sent.every(({ op, id, task }) => op === 'update' && typeof id === 'string' && taskPatch(task))
    ? JSON.stringify(sent)
    : undefined

/** Tells whether two requests with one key are the same. Requests with a key have flat bodies. */
const fingerprint = (method: string, { pathname, search }: URL, sent: object) => {
  const body = JSON.stringify(sent, Object.keys(sent).sort())
  return sha256(JSON.stringify([method, pathname, search, body]))
}

/** The name of the operation that a request belongs to. */
const nameOf = ({ method, headers }: Request, { pathname }: URL) => {
  if (pathname === '/auth/me') return 'me'
  if (pathname === '/tasks/changes') return 'changes'
  if (pathname === '/tasks/batch') return 'batch of 100'
  if (method === 'POST') return headers.has('Idempotency-Key') ? 'create with key' : 'create'
  if (method === 'PATCH') return headers.has('If-Match') ? 'patch If-Match' : 'patch'
  if (pathname !== '/tasks') return 'read'
  return headers.has('If-None-Match') ? 'list 304' : 'list'
}

const checks = {
  create: newTask,
  'create with key': newTask,
  patch: taskPatch,
  'patch If-Match': taskPatch,
  'batch of 100': updates,
}

const handle = async (request: Request, env: Bindings) => {
  isolate ??= await open(env)
  const { method, headers } = request
  const url = new URL(request.url)
  if (url.pathname === '/auth/login') return login(isolate, request)
  if (url.pathname === '/auth/refresh') return refresh(isolate, request)
  const user_id = await authenticate(isolate, request)
  if (!user_id) return unauthorized()
  const name = nameOf(request, url)
  const values: Values = { user_id, id: url.pathname.slice('/tasks/'.length) }
  if (name in checks) {
    const sent = (await request.json()) as Record<string, unknown>
    const body = checks[name as keyof typeof checks](sent)
    if (!body) return problem(422, 'Unprocessable Content', 'Some values are invalid.')
    values.body = body
    const key = headers.get('Idempotency-Key')
    if (key) {
      values.key = key
      values.fingerprint = await fingerprint(method, url, sent)
    }
  }
  const tag = headers.get('If-Match') ?? headers.get('If-None-Match')
  const [, time] = /^(?:W\/"1-(.+)-[\da-f]{8}|"(.+))"$/.exec(tag ?? '')?.filter(Boolean) ?? []
  if (time) values.times = `{"${time}"}`
  const since: Position = name === 'changes' && parse(url.searchParams.get('since') ?? '')
  if (since) [, , , values.time, values.id, values.ignored] = since
  const [me, rows] = (await query(isolate, name, values)) ?? []
  if (me !== user_id || !rows) return unauthorized()
  const found = JSON.parse(rows)
  if (name === 'me') return new Response(JSON.stringify(found[0]), { headers: json })
  if (name === 'list' || name === 'list 304') return list(url, user_id, found[0])
  if (name === 'changes') return changes(url, user_id, since, found[0])
  if (name === 'batch of 100') return batch(url, found)
  if (name === 'create with key') return firstReply(url, found[0])
  return one(url, found, name === 'create' ? 201 : 200)
}

export default { fetch: handle }
