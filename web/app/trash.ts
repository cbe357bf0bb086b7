import { computed, signal } from '@preact/signals'
import type { Account, Reply } from './account.ts'
import { compare } from './order.ts'
import { withoutUrl } from './store.ts'
import type { Deleted, Tasks } from './tasks.ts'

type Options = { account: Account; userId: string; tasks: Tasks }

const pageSize = 100

/** The cursor of the next page, out of a `Link` header (RFC 8288). */
export const cursorIn = (link: string | null): string | undefined => {
  const [, url] = /<([^>]*)>; *rel="next"/.exec(link ?? '') ?? []
  return (url && new URL(url).searchParams.get('cursor')) || undefined
}

/** The deleted tasks: those that the server lists, and those that this page has seen go. */
export const createTrash = ({ account, userId, tasks }: Options) => {
  const { tasks: api } = account.clientOf(userId)
  const fetched = signal<ReadonlyMap<string, Deleted>>(new Map())
  const state = signal<'waiting' | 'loading' | 'loaded' | 'unreachable' | 'trouble' | 'signed-out'>(
    'waiting'
  )
  const cursor = signal<string>()

  const fetchPage = async (after: string | undefined) => {
    state.value = 'loading'
    const query = { deleted: 'true', limit: String(pageSize), ...(after && { cursor: after }) }
    const reply = await api.$get({ query })
    if (reply.status !== 200) {
      state.value = (reply as Reply).status === 401 ? 'signed-out' : 'trouble'
      return
    }
    const page = (await reply.json()).map(withoutUrl)
    const isKnown = page.some(({ id }) => fetched.value.has(id))
    // A first page that meets what is known adds to its top. The end stays where it was.
    if (after || !isKnown) cursor.value = cursorIn(reply.headers.get('Link'))
    // In the trash, `updated_at` is the time of the deletion.
    const deleted = page.map((task) => [task.id, { task, at: task.updated_at }] as const)
    fetched.value = new Map([...fetched.value, ...deleted])
    state.value = 'loaded'
  }

  let loading = Promise.resolve()
  const load = (after?: string) => {
    loading = loading
      .then(() => fetchPage(after))
      .catch(() => {
        state.value = 'unreachable'
      })
    return loading
  }

  return {
    state,
    /** Last deleted first. What is back in the list is not in the trash. */
    list: computed(() =>
      [...new Map([...fetched.value, ...tasks.gone.value]).values()]
        .filter(({ task }) => !tasks.all.value.has(task.id))
        .sort((a, b) => compare(b.at, a.at))
    ),
    /** Whether the server has older ones than those that are listed. */
    hasMore: computed(() => cursor.value !== undefined),
    /** Fetches the latest, which may have come from another device. */
    load: () => load(),
    /** Fetches the next page. */
    loadMore: () => load(cursor.value),
  }
}

export type Trash = ReturnType<typeof createTrash>
