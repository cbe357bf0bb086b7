import { type Stock, stockOf } from './stock.ts'
import type { User } from './user.ts'
import type { Worker } from './workerd.ts'

/** What a client that syncs knows from earlier replies. */
export type Sync = {
  /** The entity tag of the reader's lists. */
  listTag: string
  /** The reader's token for `GET /tasks/changes`, from which nothing has changed. */
  since: string
  /** Tasks of the writer, each with its present entity tag. */
  tagged: Stock
}

/** Sends GET, or PATCH when there is a patch. */
const request = (worker: Worker, { token }: User, path: string, patch?: object) =>
  fetch(worker.url + path, {
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(patch && { method: 'PATCH', body: JSON.stringify(patch) }),
  })

/** Fetches changes page by page, to the end or for so many pages, and returns the token that comes last. */
export const pull = async (
  worker: Worker,
  user: User,
  { since = '', limit = 500, pages = Number.POSITIVE_INFINITY } = {}
): Promise<string> => {
  let token = since
  for (let page = 0, more = true; more && page < pages; page++) {
    const path = `/tasks/changes?limit=${limit}${token && `&since=${token}`}`
    const response = await request(worker, user, path)
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    const changes = (await response.json()) as { next: string; more: boolean }
    token = changes.next
    more = changes.more
  }
  return token
}

/**
 * Returns undefined when the Worker has no entity tags: that of a commit from before there were any.
 * `taskIds` are the writer's tasks that nothing else writes to.
 */
export const readSync = async (
  worker: Worker,
  reader: User,
  writer: User,
  taskIds: string[]
): Promise<Sync | undefined> => {
  const tagged = []
  for (const id of taskIds) {
    const tag = (await request(worker, writer, `/tasks/${id}`)).headers.get('ETag')
    if (!tag) return undefined
    tagged.push({ path: `/tasks/${id}`, headers: { 'If-Match': tag } })
  }
  // A token has the times of the first pull and of the last change. With a change in between they
  // differ, so that the bare Worker is told which parameter of the query is which.
  const first = await pull(worker, reader)
  await request(worker, reader, `/tasks/${reader.tasks[0]}`, { completed: true })
  const since = await pull(worker, reader, { since: first })
  const listTag = (await request(worker, reader, '/tasks')).headers.get('ETag')
  if (!listTag) return undefined
  return {
    listTag,
    since,
    tagged: stockOf(tagged, ({ path }, header) => {
      const tag = header('ETag')
      return tag && path ? { path, headers: { 'If-Match': tag } } : undefined
    }),
  }
}
