import { signal } from '@preact/signals'
import type { Changes, Outcome } from '../../src/client.ts'
import { type Account, problemOf, type Refusal } from './account.ts'
import type { Store } from './store.ts'

/** What the last attempt to sync came to. */
export type SyncState =
  | { is: 'waiting' | 'running' | 'synced' | 'offline' }
  /** The server asked to wait, or is in trouble. */
  | { is: 'limited' | 'trouble'; code: string }
  | { is: Refusal }

/** Thrown where syncing has to stop for now. */
class Stop extends Error {
  readonly state: SyncState
  readonly retryAfter: number
  constructor(state: SyncState, retryAfter = 0) {
    super(state.is)
    this.state = state
    this.retryAfter = retryAfter
  }
}

/** A reply of whatever route. */
type Answer = Parameters<typeof problemOf>[0]

type Options = {
  account: Account
  store: Store
  userId: string
  /** Called with the ids of the tasks that may have changed here, or without for all. */
  onChange: (ids?: string[]) => unknown
  /** Calls back after so many milliseconds. */
  wait?: (work: () => void, milliseconds: number) => ReturnType<typeof setTimeout>
}

const mostOperations = 100
const mostChanges = 500
const pushDelay = 150
const pullEvery = 60_000

const isPassing = (status: number) => status === 429 || status >= 500

/** Serves the tabs of a user one after another. Without Web Locks there is one tab at most, or none asks. */
const exclusively = <Result>(name: string, work: () => Promise<Result>): Promise<Result> =>
  'locks' in navigator ? navigator.locks.request(name, work) : work()

/** Sends what was changed here and fetches what was changed elsewhere. */
export const createSync = ({ account, store, userId, onChange, wait = setTimeout }: Options) => {
  const state = signal<SyncState>({ is: 'waiting' })
  const { batch, changes } = account.client.tasks

  /** The reply, when the server has decided. Passing trouble and a lost session stop the sync. */
  const decided = async (request: Promise<Answer>): Promise<Answer> => {
    const reply = await request.catch(() => {
      throw new Stop({ is: 'offline' })
    })
    if (reply.status === 401) throw new Stop({ is: account.refusal() ?? 'signed-out' })
    if (!isPassing(reply.status)) return reply
    const { request_id, retryAfter } = await problemOf(reply)
    throw new Stop(
      { is: reply.status === 429 ? 'limited' : 'trouble', code: request_id },
      retryAfter
    )
  }

  /** A body that breaks off is a lost reply. */
  const bodyOf = (reply: Answer): Promise<unknown> =>
    reply.json().catch(() => {
      throw new Stop({ is: 'offline' })
    })

  const push = async () => {
    let most = mostOperations
    for (let next = await store.nextBatch(most); next; next = await store.nextBatch(most)) {
      const { key, operations } = next
      const ids = operations.map(({ id }) => id)
      const reply = await decided(
        batch.$post({ json: operations }, { headers: { 'Idempotency-Key': `"${key}"` } })
      )
      if (reply.status === 200) await store.settleBatch(next, (await bodyOf(reply)) as Outcome[])
      else {
        const { detail, errors = [], status } = await problemOf(reply)
        const refused = new Map<string, string>()
        for (const error of errors) {
          const [, index = ''] = /^\/(\d+)/.exec(error.pointer) ?? []
          const id = ids[Number(index)]
          if (index && id && !refused.has(id)) refused.set(id, error.detail)
        }
        // Refused as a whole, without a word on which change is to blame: they go one by one.
        const [only] = ids
        if (!refused.size && ids.length === 1 && only)
          refused.set(only, detail || `the server answered ${status}`)
        if (!refused.size) most = 1
        await store.takeBack(next, refused)
      }
      await onChange(ids)
    }
  }

  const page = async (since: string | undefined) => {
    const reply = await decided(
      changes.$get({ query: { limit: String(mostChanges), ...(since && { since }) } })
    )
    if (reply.status === 200) return (await bodyOf(reply)) as Changes
    if (since) return undefined
    throw new Stop({ is: 'trouble', code: (await problemOf(reply)).request_id })
  }

  /** Fetches everything, and drops what does not come. */
  const pullAnew = async () => {
    const tasks: Changes['tasks'] = []
    const deleted: string[] = []
    for (let since: string | undefined; ; ) {
      const changes = await page(since)
      // The token of a page before became invalid, so it starts once more with the next sync.
      if (!changes) throw new Stop({ is: 'trouble', code: '' })
      tasks.push(...changes.tasks)
      deleted.push(...changes.deleted)
      since = changes.next
      if (changes.more) continue
      await store.writeChanges({ tasks, deleted, next: changes.next }, true)
      return onChange()
    }
  }

  const pull = async () => {
    for (;;) {
      const since = await store.readSince()
      const changes = since && (await page(since))
      if (!changes) return pullAnew()
      await store.writeChanges(changes, false)
      await onChange([...changes.tasks.map(({ id }) => id), ...changes.deleted])
      if (!changes.more) return
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let isOver = false
  /** The server asked not to come back before this. */
  let notBefore = 0

  const plan = (milliseconds: number) => {
    clearTimeout(timer)
    if (!isOver) timer = wait(() => void sync(), Math.max(milliseconds, notBefore - Date.now()))
  }

  /** 1, 2, 4 … 60 seconds, give or take a quarter, so that devices do not come back all at once. */
  const backOff = () => Math.min(2 ** failures++, 60) * 1000 * (0.75 + Math.random() / 2)

  /** Pushes, then pulls. Returns when both are done or something has stopped them. */
  const sync = () =>
    exclusively(`sync-${userId}`, async () => {
      if (isOver) return
      state.value = { is: 'running' }
      try {
        await push()
        await pull()
        failures = 0
        notBefore = 0
        state.value = { is: 'synced' }
        if (globalThis.document?.visibilityState === 'visible') plan(pullEvery)
      } catch (error) {
        // The store was closed or deleted meanwhile: nobody waits for the rest.
        if (isOver) return
        const { state: stopped, retryAfter } =
          error instanceof Stop ? error : new Stop({ is: 'trouble', code: String(error) })
        state.value = stopped
        notBefore = Date.now() + retryAfter * 1000
        if (stopped.is !== 'signed-out' && stopped.is !== 'stranger') plan(backOff())
      }
    })

  return {
    state,
    sync,
    /** Syncs shortly, so that changes that follow one another go together. */
    soon: () => plan(pushDelay),
    end: () => {
      isOver = true
      clearTimeout(timer)
    },
  }
}

export type Sync = ReturnType<typeof createSync>
