import { signal } from '@preact/signals'
import type { Changes, Outcome } from '../../src/client.ts'
import { type Account, problemOf, type Refusal, type Reply } from './account.ts'
import type { Store } from './store.ts'
import { text } from './text.ts'

/** What the last attempt to sync came to. */
type SyncState =
  | { is: 'waiting' | 'running' | 'synced' | 'offline' }
  /** The server asked to wait, is in trouble, or has met a fault of its own. */
  | { is: 'limited' | 'trouble' | 'broken'; code: string }
  /** This device has no room left, or the app has met a fault of its own. */
  | { is: 'full' | 'stumbled' }
  | { is: Refusal }

/** Thrown where syncing has to stop for now. */
const stop = (state: SyncState, retryAfter = 0) =>
  Object.assign(new Error(state.is), { state, retryAfter })
type Stop = ReturnType<typeof stop>

const stopFor = (error: unknown): Stop => {
  if (error instanceof Error && 'state' in error) return error as Stop
  if (error instanceof DOMException && error.name === 'QuotaExceededError')
    return stop({ is: 'full' })
  console.error(error)
  return stop({ is: 'stumbled' })
}

type Options = {
  account: Account
  store: Store
  userId: string
  /** Names the lock that the tabs of this store share. A store of this tab alone needs none. */
  lock: string | undefined
  /** Called with the ids of the tasks that may have changed here, or without for all. */
  onChange: (ids?: string[]) => unknown
  /** Calls back after so many milliseconds. */
  wait?: (work: () => void, milliseconds: number) => ReturnType<typeof setTimeout>
}

const mostOperations = 100
const mostChanges = 500
const pushDelay = 150
const pullEvery = 60_000

/** The replies that refuse a batch for what is in it. */
const refusals = [400, 413, 415, 422]
/** The replies to a token that is not valid any more. */
const staleTokens = [410, 422]

/** Serves the tabs of a store one after another. */
const exclusively = (lock: string | undefined, work: () => Promise<void>): Promise<void> =>
  lock && 'locks' in navigator ? navigator.locks.request(lock, work) : work()

/** Sends what was changed here and fetches what was changed elsewhere. */
export const createSync = ({
  account,
  store,
  userId,
  lock,
  onChange,
  wait = setTimeout,
}: Options) => {
  const state = signal<SyncState>({ is: 'waiting' })
  const { batch, changes } = account.clientOf(userId).tasks

  /**
   * The body of a 200, or the problem when the API refuses what was sent. All else stops the sync: no
   * network, a lost session, a server in trouble, and replies that are not the API's but a proxy's.
   */
  const decided = async <Body>(request: Promise<Reply>, refused: number[]) => {
    const reply = await request.catch(() => {
      throw stop({ is: 'offline' })
    })
    if (reply.status === 200) {
      // A body that breaks off is a lost reply.
      const body = await reply.json().catch(() => {
        throw stop({ is: 'offline' })
      })
      return { body: body as Body }
    }
    if (reply.status === 401) throw stop({ is: account.refusal() ?? 'signed-out' })
    const problem = await problemOf(reply)
    if (refused.includes(reply.status) && problem.isOurs) return { problem }
    const { request_id: code, retryAfter } = problem
    const is = ({ 429: 'limited', 500: 'broken' } as const)[reply.status] ?? 'trouble'
    throw stop({ is, code }, retryAfter)
  }

  const push = async () => {
    let most = mostOperations
    for (let next = await store.nextBatch(most); next; next = await store.nextBatch(most)) {
      const { key, operations } = next
      const ids = operations.map(({ id }) => id)
      // Commands must know what is on its way.
      await onChange(ids)
      const { body, problem } = await decided<Outcome[]>(
        batch.$post({ json: operations }, { headers: { 'Idempotency-Key': `"${key}"` } }),
        refusals
      )
      if (problem) {
        const refused = new Map<string, string>()
        for (const { pointer, detail } of problem.errors ?? []) {
          const [, index, field = ''] = /^\/(\d+)(?:\/task\/(\w+))?/.exec(pointer) ?? []
          const id = ids[Number(index)]
          if (id && !refused.has(id)) refused.set(id, text.fieldFault(field, detail))
        }
        // Refused as a whole, without a word on which change is to blame: half of them are tried.
        const [only = ''] = ids
        if (!refused.size && ids.length === 1)
          refused.set(only, problem.detail || `the server answered ${problem.status}`)
        most = refused.size ? mostOperations : Math.ceil(ids.length / 2)
        await store.takeBackBatch(next, refused)
      } else if (body.length === ids.length) await store.settleBatch(next, body)
      else throw stop({ is: 'trouble', code: '' })
      await onChange(ids)
    }
  }

  /** A page of changes, or nothing when the token is no longer valid. */
  const page = async (since: string | undefined) => {
    const query = { limit: String(mostChanges), ...(since && { since }) }
    return (await decided<Changes>(changes.$get({ query }), since ? staleTokens : [])).body
  }

  /** Fetches everything, and drops what does not come. */
  const pullAnew = async () => {
    const tasks = new Map<string, Changes['tasks'][number]>()
    for (let since: string | undefined; ; ) {
      const changes = await page(since)
      // The token of the page before has just become invalid. The next sync begins once more.
      if (!changes) throw stop({ is: 'trouble', code: '' })
      for (const task of changes.tasks) tasks.set(task.id, task)
      for (const id of changes.deleted) tasks.delete(id)
      since = changes.next
      if (changes.more) continue
      await store.writeChanges({ tasks: [...tasks.values()], deleted: [], next: since }, true)
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
  /** When the timer fires. */
  let due = Number.POSITIVE_INFINITY
  let failures = 0
  let isOver = false
  /** The server asked not to come back before this. By a clock that nobody sets. */
  let notBefore = 0

  /** Has the next sync happen in so many milliseconds, or when it is due already. */
  const plan = (milliseconds: number) => {
    const now = performance.now()
    const at = Math.max(now + milliseconds, notBefore)
    if (isOver || at >= due) return
    clearTimeout(timer)
    due = at
    timer = wait(
      () => {
        due = Number.POSITIVE_INFINITY
        void sync()
      },
      Math.round(at - now)
    )
  }

  /** 1, 2, 4 … 60 seconds, give or take a quarter, so that devices do not come back all at once. */
  const backOff = () => Math.min(2 ** failures++, 60) * 1000 * (0.75 + Math.random() / 2)

  const run = async () => {
    if (isOver) return
    if (performance.now() < notBefore) return plan(0)
    state.value = { is: 'running' }
    try {
      await push()
      await pull()
      failures = 0
      state.value = { is: 'synced' }
      if (globalThis.document?.visibilityState === 'visible') plan(pullEvery)
    } catch (error) {
      // The store was closed or deleted meanwhile: nobody waits for the rest.
      if (isOver) return
      const { state: stopped, retryAfter } = stopFor(error)
      state.value = stopped
      notBefore = performance.now() + retryAfter * 1000
      if (!isOut(stopped)) plan(backOff())
    }
  }

  const isOut = ({ is }: SyncState) => is === 'signed-out' || is === 'stranger'
  let last = Promise.resolve()
  let queued: Promise<void> | undefined

  /** Pushes, then pulls. Returns when both are done or something has stopped them. */
  const sync = (): Promise<void> => {
    queued ??= last.then(() =>
      exclusively(lock, () => {
        queued = undefined
        return run()
      })
    )
    last = queued
    return queued
  }

  return {
    state,
    sync,
    /** Syncs shortly, so that changes that follow one another go together. */
    soon: () => {
      // In trouble the next try is planned, and signed out there is none.
      if (/^(waiting|running|synced|offline)$/.test(state.value.is)) plan(pushDelay)
    },
    end: () => {
      isOver = true
      clearTimeout(timer)
    },
  }
}

export type Sync = ReturnType<typeof createSync>
