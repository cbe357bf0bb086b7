import { and, eq, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import { type Context, Hono } from 'hono'
import { forUser } from '../access/for-user.ts'
import { requireUser, type UserEnv } from '../access/guard.ts'
import { listSessions } from '../auth/sessions.ts'
import type { User } from '../auth/user.ts'
import { tasks } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { reason } from '../http/log.ts'
import { withUrl } from '../tasks/reply.ts'
import { isAlive, taskColumns } from '../tasks/row.ts'
import { readMe } from './me.ts'

const { placeholder } = sql

/** The most tasks on a page. A Worker may make 1,000 requests to Neon, so that pages cannot be small. */
const pageTasks = 500
/**
 * The most bytes of tasks on a page. Neon's replies end at 10 MiB, and the Worker's memory holds a
 * page several times over. One task is always less.
 */
const pageBytes = 1024 * 1024

const listPage = (isListed: SQL) =>
  forUser(({ db, me }) => {
    const place = sql`${tasks.created_at}, ${tasks.id}`
    const isAfter = sql`(${place}) > (${placeholder('created_at')}, ${placeholder('id')}::uuid)`
    const page = db.$with('page').as(
      db
        .select({
          ...taskColumns,
          bytes: sql<number>`sum(octet_length(${tasks}::text)) over (order by ${place})`.as(
            'bytes'
          ),
        })
        .from(tasks)
        .where(
          and(eq(tasks.user_id, me), isListed, or(isNull(sql`${placeholder('id')}::uuid`), isAfter))
        )
        .orderBy(tasks.created_at, tasks.id)
        .limit(pageTasks)
    )
    const { bytes, ...task } = page._.selectedFields
    return { first: [page], rows: db.select(task).from(page).where(lte(bytes, pageBytes)) }
  })

const listTasks = listPage(isAlive)
const listTrash = listPage(sql`${tasks.deleted_at} is not null`)

/** The tasks of all pages, as the pieces of a JSON array without its brackets. */
async function* items(c: Context<UserEnv>, list: typeof listTasks) {
  const toTask = withUrl(c)
  let page: Awaited<ReturnType<typeof list>> = []
  do {
    const { created_at = null, id = null } = page.at(-1) ?? {}
    page = await list(c, { created_at, id })
    const text = page.map((task) => JSON.stringify(toTask(task))).join()
    yield id && text ? `,${text}` : text
  } while (page.length)
}

/** Everything that is held about the user, as the pieces of a JSON object. */
async function* pieces(c: Context<UserEnv>, user: User) {
  const sessions = await listSessions(c)
  yield `{"user":${JSON.stringify(user)},"sessions":${JSON.stringify(sessions)},"tasks":[`
  yield* items(c, listTasks)
  yield '],"trash":['
  yield* items(c, listTrash)
  yield ']}'
}

export default new Hono<Env>().use(...requireUser).get('/', async (c) => {
  const [user] = (await readMe(c)) as [User]
  const rest = pieces(c, user)
  const encoder = new TextEncoder()
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await rest.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      } catch (error) {
        console.error(
          JSON.stringify({ level: 'error', request_id: c.get('requestId'), ...reason(error) })
        )
        // The connection breaks, so that nobody takes the part for the whole.
        controller.error(new Error('The export broke off'))
      }
    },
  })
  return c.body(stream, 200, {
    'Content-Type': 'application/json',
    'Content-Disposition': 'attachment; filename="edge-todo.json"',
  })
})
