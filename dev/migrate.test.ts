import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { neon } from '@neondatabase/serverless'
import { sign } from 'hono/jwt'
import journal from '../drizzle/meta/_journal.json' with { type: 'json' }
import { app } from '../src/index.ts'
import * as old from './before-sync.ts'
import { migrate } from './migrate.ts'
import { type Neon, startNeon } from './neon/neon.ts'

const JWT_SECRET = 'b0J1c3Qgb2YgdGhlIHRlc3RzLCBub3QgbW9yZQ'
const email = 'ada@example.com'
const hashedPassword = `$2b$04$${'a'.repeat(53)}`

const everything = {
  title: 'full',
  description: 'all fields',
  completed: true,
  priority: 'high',
  tags: ['one', 'Two'],
  due_date: '2026-12-01',
  due_time: '09:30',
  order: -1.5,
}
const bare = {
  title: 'bare',
  description: null,
  completed: false,
  priority: 'medium',
  tags: [],
  due_date: null,
  due_time: null,
  order: null,
}

type Task = typeof bare & { id: string; url: string; updated_at: string }
type Changes = { tasks: Task[]; deleted: string[]; next: string; more: boolean }

/** A refresh token and its hash. */
const newRefreshToken = () => {
  const token = randomUUID()
  return { token, hash: createHash('sha256').update(token).digest('hex') }
}

describe('a database of the version before tasks could sync', () => {
  let local: Neon
  let sql: ReturnType<typeof neon>
  let user: string

  before(async () => {
    local = await startNeon({ port: 0, dataDir: 'memory' })
    sql = neon(local.url)
  })
  after(() => local.close())

  const query = async (statement: string, params: unknown[]) => {
    const [row] = (await sql.query(statement, params)) as Record<string, unknown>[]
    assert.ok(row)
    return row
  }

  /** A login of the version before, with the access token that it gave. */
  const beginSession = async () => {
    const { token, hash } = newRefreshToken()
    const { id: sid } = await query(old.beginSession, [
      'curl',
      user,
      hashedPassword,
      hash,
      email,
      null,
      user,
      hashedPassword,
      hashedPassword,
      null,
    ])
    const iat = Math.floor(Date.now() / 1000)
    const accessToken = await sign({ sub: user, email, sid, iat, exp: iat + 604_800 }, JWT_SECRET)
    return { sid: String(sid), token, hash, accessToken }
  }
  type Session = Awaited<ReturnType<typeof beginSession>>

  /** Runs a statement of the version before for the request's user, and gives the row of its task. */
  const write = async ({ sid }: Session, statement: string, ...params: unknown[]) => {
    const { coalesce } = await query(statement, [user, sid, sid, ...params])
    const [task] = coalesce as Omit<Task, 'url'>[]
    assert.ok(task)
    return task
  }
  const create = (session: Session, task: object) =>
    write(session, old.create, JSON.stringify(task))

  const limit = { limit: async () => ({ success: true }) }

  const send = (
    { accessToken }: Pick<Session, 'accessToken'>,
    method: string,
    path: string,
    { json, headers }: { json?: unknown; headers?: Record<string, string> } = {}
  ) =>
    app.request(
      path,
      {
        method,
        headers: {
          Authorization: `Bearer ${accessToken}`,
          ...(json !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
      },
      {
        DATABASE_URL: local.url,
        JWT_SECRET,
        BCRYPT_COST: '4',
        AUTH_LIMIT: limit,
        REFRESH_LIMIT: limit,
        USER_LIMIT: limit,
      }
    )

  const read = async <Body>(...request: Parameters<typeof send>): Promise<Body> => {
    const response = await send(...request)
    const body = await response.json()
    assert.equal(response.status, 200, JSON.stringify(body))
    return body as Body
  }

  const shown = (task: Omit<Task, 'url'>) => ({ ...task, url: `http://localhost/tasks/${task.id}` })
  const sorted = <Item extends { id: string }>(items: Item[]) =>
    [...items].sort((a, b) => (a.id < b.id ? -1 : 1))
  const ifMatch = (updated_at: string) => ({ headers: { 'If-Match': `"${updated_at}"` } })

  it('is found whole by this version, also what the old statements write after the migration', async () => {
    const { when } = journal.entries.find(({ tag }) => tag.startsWith('0003')) ?? { when: 0 }
    assert.equal(await migrate(local.url, when), 4)
    user = String((await query(old.signUp, [email, hashedPassword])).id)
    const session = await beginSession()
    const [full, changed, toggled, deleted, untouched] = [
      await create(session, everything),
      await create(session, { ...bare, title: 'changed later' }),
      await create(session, { ...bare, title: 'toggled later' }),
      await create(session, { ...bare, title: 'deleted later' }),
      await create(session, { ...bare, title: 'untouched' }),
    ]
    const before = [full, changed, toggled, deleted, untouched].map(shown)

    assert.equal(await migrate(local.url), journal.entries.length - 4)
    assert.deepEqual(sorted(await read<Task[]>(session, 'GET', '/tasks')), sorted(before))
    const first = await read<Changes>(session, 'GET', '/tasks/changes')
    assert.deepEqual(sorted(first.tasks), sorted(before))

    // The version before still runs for a while.
    const created = await create(session, { ...bare, title: 'created later' })
    const patch = JSON.stringify({ title: 'changed' })
    const written = [
      created,
      await write(session, old.update, patch, changed.id),
      await write(session, old.toggle, toggled.id),
    ].map(shown)
    await write(session, old.remove, deleted.id)
    const other = await beginSession()
    const renewed = newRefreshToken()
    await query(old.refresh, [session.hash, renewed.hash, renewed.hash])

    const after = sorted([...written, shown(full), shown(untouched)])
    assert.deepEqual(sorted(await read<Task[]>(other, 'GET', '/tasks')), after)
    for (const task of after)
      assert.deepEqual(await read(session, 'GET', `/tasks/${task.id}`), task)
    const second = await read<Changes>(session, 'GET', `/tasks/changes?since=${first.next}`)
    assert.deepEqual(sorted(second.tasks), sorted(written))
    const afresh = await read<Changes>(session, 'GET', '/tasks/changes')
    assert.deepEqual(sorted(afresh.tasks), after)

    // A tag is good if it is that of the last write, whichever version wrote, and else it is not.
    const json = { title: 'by this version' }
    const stale = ifMatch(changed.updated_at)
    assert.equal(
      (await send(session, 'PATCH', `/tasks/${changed.id}`, { json, ...stale })).status,
      412
    )
    const patched: Task[] = []
    for (const { id, updated_at } of after)
      patched.push(await read(session, 'PATCH', `/tasks/${id}`, { json, ...ifMatch(updated_at) }))
    for (const [n, { updated_at }] of patched.entries())
      assert.ok(updated_at > String(after[n]?.updated_at))
    const third = await read<Changes>(session, 'GET', `/tasks/changes?since=${second.next}`)
    assert.deepEqual(sorted(third.tasks), patched)
    assert.deepEqual(
      (await read<Changes>(session, 'GET', `/tasks/changes?since=${third.next}`)).tasks,
      []
    )

    const sessions = await read<{ id: string }[]>(other, 'GET', '/auth/sessions')
    assert.deepEqual(
      sessions.map(({ id }) => id),
      [session.sid, other.sid]
    )
    const headers = { Cookie: `__Host-refresh=${renewed.token}`, 'Sec-Fetch-Site': 'same-origin' }
    const { access_token } = await read<{ access_token: string }>(
      session,
      'POST',
      '/auth/refresh',
      {
        headers,
      }
    )
    assert.equal((await send({ accessToken: access_token }, 'GET', '/auth/me')).status, 200)
  })
})
