import { type DBSchema, deleteDB, openDB } from 'idb'
import type { Changes, Operation, Outcome } from '../../src/client.ts'
import { type Change, operationOf, rebase, settle, type Task, takeBack } from './changes.ts'

/** A batch on its way. It is sent again, unchanged and under the same key, until it is answered. */
export type Batch = { key: string; operations: Operation[] }

type Meta = { since: string; batch: Batch; syncedAt: number }

interface Schema extends DBSchema {
  /** The server's copies. */
  tasks: { key: string; value: Task }
  outbox: { key: number; value: Change; indexes: { id: string } }
  meta: { key: keyof Meta; value: Meta[keyof Meta] }
}

/** What the rules below need of a table, so that IndexedDB or memory may hold it. */
type Table<Key, Value> = {
  get: (key: Key) => Promise<Value | undefined>
  getAll: () => Promise<Value[]>
  put: (value: Value, key?: Key) => Promise<unknown>
  delete: (key: Key) => Promise<unknown>
  clear: () => Promise<unknown>
}

type Tables = {
  tasks: Table<string, Task>
  outbox: Table<number, Change> & {
    index: (name: 'id') => { getAll: (id: string) => Promise<Change[]> }
  }
  meta: Table<keyof Meta, Meta[keyof Meta]>
}

/** Runs a transaction: all that the work writes is kept, or nothing when it fails. */
type Transact = <Result>(
  mode: 'readonly' | 'readwrite',
  work: (tables: Tables) => Promise<Result>
) => Promise<Result>

/** For each task, what becomes of its unsent change. */
type Edits = { id: string; merge: (unsent: Change | undefined) => Change | undefined }[]

/** A command's edits, the parked change that they take the place of, and one that they put back. */
export type Write = { edits: Edits; decided?: Change | undefined; parked?: Change | undefined }

/** What the device holds of the person's tasks, or of some of them. */
type Holdings = { tasks: Task[]; outbox: Change[] }

/** The API takes 1 MiB. A slow network carries this much in some seconds. */
const mostBytes = 128 * 1024

export const withoutUrl = ({ url: _, ...task }: Changes['tasks'][number]): Task => task

export const isUnsent = ({ sent, parked }: Change) => !sent && !parked

/** Puts `after` in the place of the changes `before`. */
const replace = async (outbox: Tables['outbox'], before: Change[], after: Change[]) => {
  for (const { n } of before) if (n !== undefined) await outbox.delete(n)
  for (const { n: _, ...change } of after) await outbox.put(change)
}

const batchIn = ({ meta }: Tables) => meta.get('batch') as Promise<Batch | undefined>

const storeOn = (transact: Transact, close: () => void) => {
  const read = <Key extends keyof Meta>(key: Key) =>
    transact('readonly', ({ meta }) => meta.get(key) as Promise<Meta[Key] | undefined>)

  /** Settles each change of a batch, unless that has been done already. */
  const answer = (
    { key, operations }: Batch,
    settleOne: (tables: Tables, sent: Change, later: Change | undefined) => Promise<Change[]>
  ) =>
    transact('readwrite', async (tables) => {
      const { outbox, meta } = tables
      if ((await batchIn(tables))?.key !== key) return
      for (const { id } of operations) {
        const changes = await outbox.index('id').getAll(id)
        const sent = changes.find(({ sent }) => sent)
        if (!sent) continue
        const later = changes.find(isUnsent)
        await replace(outbox, later ? [sent, later] : [sent], await settleOne(tables, sent, later))
      }
      await meta.delete('batch')
    })

  return {
    close,

    /** Everything, or what concerns these tasks. */
    read: (ids?: string[]): Promise<Holdings> =>
      transact('readonly', async ({ tasks, outbox }) => {
        if (!ids) {
          const [all, changes] = await Promise.all([tasks.getAll(), outbox.getAll()])
          return { tasks: all, outbox: changes }
        }
        const [found, changes] = await Promise.all([
          Promise.all(ids.map((id) => tasks.get(id))),
          Promise.all(ids.map((id) => outbox.index('id').getAll(id))),
        ])
        return { tasks: found.filter((task) => task !== undefined), outbox: changes.flat() }
      }),

    readSyncedAt: () => read('syncedAt'),
    /** The token to ask for changes with. */
    readSince: () => read('since'),

    /** Puts each edit into the outbox, merged with the unsent change of the same task. */
    change: (writes: Write[]) =>
      transact('readwrite', async ({ outbox }) => {
        for (const { edits, decided, parked } of writes) {
          await replace(outbox, decided ? [decided] : [], parked ? [parked] : [])
          for (const { id, merge } of edits) {
            const unsent = (await outbox.index('id').getAll(id)).find(isUnsent)
            const next = merge(unsent)
            if (next) await outbox.put(next)
            else if (unsent) await replace(outbox, [unsent], [])
          }
        }
      }),

    /** The batch that is on its way, or a new one of at most `most` unsent changes. */
    nextBatch: (most: number): Promise<Batch | undefined> =>
      transact('readwrite', async (tables) => {
        const waiting = await batchIn(tables)
        if (waiting) return waiting
        const { outbox, meta } = tables
        const operations: Operation[] = []
        let bytes = 0
        for (const change of await outbox.getAll()) {
          if (change.parked) continue
          const operation = operationOf(change)
          bytes += new TextEncoder().encode(JSON.stringify(operation)).length + 1
          // One that is too large by itself is sent alone, refused, and so out of the others' way.
          if (operations.length && (bytes > mostBytes || operations.length === most)) break
          operations.push(operation)
          await outbox.put({ ...change, sent: true })
        }
        if (!operations.length) return undefined
        const batch = { key: crypto.randomUUID(), operations }
        await meta.put(batch, 'batch')
        return batch
      }),

    /** Settles a batch that the server has answered. */
    settleBatch: (batch: Batch, outcomes: Outcome[]) => {
      const byId = new Map(outcomes.map((outcome) => [outcome.id, outcome]))
      return answer(batch, async ({ tasks }, sent, later) => {
        const outcome = byId.get(sent.id)
        if (!outcome) return takeBack(sent, later)
        const copy = await tasks.get(sent.id)
        const current = outcome.task && withoutUrl(outcome.task)
        const { task, changes } = settle(sent, later, { ...outcome, task: current }, copy)
        await (task ? tasks.put(task) : tasks.delete(sent.id))
        return changes
      })
    },

    /** Takes back a batch that was refused as a whole, and parks the changes that are to blame. */
    takeBackBatch: (batch: Batch, refused: Map<string, string>) =>
      answer(batch, async (_, sent, later) => takeBack(sent, later, refused.get(sent.id))),

    /**
     * Writes the server's changes together with the token to continue with. `anew` is for a pull
     * from the beginning: what did not come is dropped.
     */
    writeChanges: (changes: Omit<Changes, 'more'>, anew: boolean) =>
      transact('readwrite', async ({ tasks, outbox, meta }) => {
        if (anew) await tasks.clear()
        const pulled = new Map(changes.tasks.map((task) => [task.id, withoutUrl(task)]))
        await Promise.all([
          ...[...pulled.values()].map((task) => tasks.put(task)),
          ...changes.deleted.map((id) => tasks.delete(id)),
          meta.put(changes.next, 'since'),
          meta.put(Date.now(), 'syncedAt'),
        ])
        for (const change of (await outbox.getAll()).filter(isUnsent)) {
          const task = pulled.get(change.id)
          if (task && task.updated_at !== change.base.updated_at)
            await replace(outbox, [change], rebase(change, task))
        }
      }),
  }
}

export type Store = ReturnType<typeof storeOn>

const nameOf = (userId: string) => `tasks-${userId}`

/** Deletes what this device keeps of a user. */
export const eraseStore = (userId: string) => deleteDB(nameOf(userId))

/** Who closed the database: another tab that needs a newer version or deletes it, or the browser. */
export type Closing = 'outdated' | 'terminated'

/** Opens what this device keeps of a user. `onClosed` is called when it is closed from outside. */
export const openStore = async (userId: string, onClosed: (why: Closing) => void = () => {}) => {
  const db = await openDB<Schema>(nameOf(userId), 1, {
    upgrade: (db) => {
      db.createObjectStore('tasks', { keyPath: 'id' })
      db.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true }).createIndex('id', 'id')
      db.createObjectStore('meta')
    },
    blocking: () => {
      db.close()
      onClosed('outdated')
    },
    terminated: () => onClosed('terminated'),
  })
  return storeOn(
    async (mode, work) => {
      // The types of a transaction that only reads lack `put`. The browser refuses it all the same.
      const tx = db.transaction(['tasks', 'outbox', 'meta'], mode as 'readwrite', {
        durability: 'strict',
      })
      // It may fail before it is awaited.
      tx.done.catch(() => {})
      const [tasks, outbox, meta] = [
        tx.objectStore('tasks'),
        tx.objectStore('outbox'),
        tx.objectStore('meta'),
      ]
      const result = await work({ tasks, outbox, meta }).catch((error) => {
        if (!tx.error) tx.abort()
        throw error
      })
      // What was read is known before the transaction has ended.
      if (mode === 'readwrite') await tx.done
      return result
    },
    () => db.close()
  )
}

const tableInMemory = <Key, Value>(keyOf: (value: Value) => Key) => {
  const rows = new Map<Key, Value>()
  return {
    get: async (key: Key) => rows.get(key),
    getAll: async () => [...rows.values()],
    put: async (value: Value, key = keyOf(value)) => rows.set(key, value),
    delete: async (key: Key) => rows.delete(key),
    clear: async () => rows.clear(),
  }
}

/** Keeps everything in memory, for a browser that does not let the app store anything. */
export const openMemoryStore = (): Store => {
  let n = 0
  const changes = tableInMemory<number, Change>(({ n = 0 }) => n)
  const tables: Tables = {
    tasks: tableInMemory(({ id }) => id),
    outbox: {
      ...changes,
      put: (change) => changes.put({ ...change, n: change.n ?? ++n }),
      index: () => ({
        getAll: async (id) => (await changes.getAll()).filter((change) => change.id === id),
      }),
    },
    meta: tableInMemory<keyof Meta, Meta[keyof Meta]>(() => 'since'),
  }
  // One after another, as transactions are.
  let last: Promise<unknown> = Promise.resolve()
  return storeOn(
    (_, work) => {
      const result = last.then(() => work(tables))
      last = result.catch(() => {})
      return result
    },
    () => {}
  )
}
