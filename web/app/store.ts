import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb'
import type { Changes, Operation, Outcome } from '../../src/client.ts'
import {
  type Change,
  operationOf,
  type Parked,
  type Settled,
  settle,
  type Task,
} from './changes.ts'

/** A batch on its way. It is sent again, unchanged and under the same key, until it is answered. */
export type Batch = { key: string; operations: Operation[] }

type Meta = { since: string; batch: Batch; syncedAt: number }

interface Schema extends DBSchema {
  /** The server's copies. */
  tasks: { key: string; value: Task }
  outbox: { key: number; value: Change; indexes: { id: string } }
  meta: { key: keyof Meta; value: Meta[keyof Meta] }
}

/** For each task, what becomes of its unsent change. */
export type Edits = { id: string; merge: (unsent: Change | undefined) => Change | undefined }[]

/** What the device holds of the person's tasks, or of one of them. */
export type Holdings = { tasks: Task[]; outbox: Change[] }

const nameOf = (userId: string) => `tasks-${userId}`
const all = ['tasks', 'outbox', 'meta'] as const

/** The API takes a body of 1 MiB. The brackets and commas of the array need a little of it. */
const mostBytes = 1024 * 1024 - 1024

const withoutUrl = ({ url: _, ...task }: Changes['tasks'][number]): Task => task

/** Deletes what this device keeps of a user. */
export const eraseStore = (userId: string) => deleteDB(nameOf(userId))

/** Opens what this device keeps of a user. `onOutdated` is called when another tab needs it closed. */
export const openStore = async (userId: string, onOutdated: () => void = () => {}) => {
  const db: IDBPDatabase<Schema> = await openDB<Schema>(nameOf(userId), 1, {
    upgrade: (db) => {
      db.createObjectStore('tasks', { keyPath: 'id' })
      db.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true }).createIndex('id', 'id')
      db.createObjectStore('meta')
    },
    blocking: () => {
      db.close()
      onOutdated()
    },
  })

  const write = () => db.transaction(all, 'readwrite', { durability: 'strict' })
  type Writing = ReturnType<typeof write>

  /** Replaces the server's copy of a task, and the changes `before` by those that are left. */
  const replace = async (tx: Writing, id: string, before: Change[], { task, changes }: Settled) => {
    await (task ? tx.objectStore('tasks').put(task) : tx.objectStore('tasks').delete(id))
    const outbox = tx.objectStore('outbox')
    for (const { n } of before) if (n !== undefined) await outbox.delete(n)
    for (const { n: _, ...change } of changes) await outbox.put(change)
  }

  const batchIn = async (tx: Writing) =>
    (await tx.objectStore('meta').get('batch')) as Batch | undefined

  return {
    close: () => db.close(),

    /** Everything, or what concerns these tasks. */
    read: async (ids?: string[]): Promise<Holdings> => {
      const tx = db.transaction(all)
      const tasks = tx.objectStore('tasks')
      const outbox = tx.objectStore('outbox')
      if (!ids) return { tasks: await tasks.getAll(), outbox: await outbox.getAll() }
      const [found, changes] = await Promise.all([
        Promise.all(ids.map((id) => tasks.get(id))),
        Promise.all(ids.map((id) => outbox.index('id').getAll(id))),
      ])
      return { tasks: found.filter((task) => task !== undefined), outbox: changes.flat() }
    },

    readSyncedAt: () => db.get('meta', 'syncedAt') as Promise<number | undefined>,

    /**
     * Puts each edit into the outbox, merged with the unsent change of the same task. `decided` is a
     * parked change that this takes the place of.
     */
    change: async (edits: Edits, decided?: Change) => {
      const tx = write()
      const outbox = tx.objectStore('outbox')
      if (decided?.n !== undefined) await outbox.delete(decided.n)
      for (const { id, merge } of edits) {
        const changes = await outbox.index('id').getAll(id)
        const unsent = changes.find(({ sent, parked }) => !sent && !parked)
        const next = merge(unsent)
        if (next) await outbox.put(next)
        else if (unsent?.n !== undefined) await outbox.delete(unsent.n)
      }
      await tx.done
    },

    /** The batch that is on its way, or a new one of at most `most` unsent changes. */
    nextBatch: async (most: number): Promise<Batch | undefined> => {
      const tx = write()
      const waiting = await batchIn(tx)
      if (waiting) return waiting
      const outbox = tx.objectStore('outbox')
      const operations: Operation[] = []
      let bytes = 0
      for (const change of await outbox.getAll()) {
        if (change.parked || operations.length === most) continue
        const operation = operationOf(change)
        bytes += new TextEncoder().encode(JSON.stringify(operation)).length + 1
        if (bytes > mostBytes) break
        operations.push(operation)
        await outbox.put({ ...change, sent: true })
      }
      if (!operations.length) return undefined
      const batch = { key: crypto.randomUUID(), operations }
      await tx.objectStore('meta').put(batch, 'batch')
      await tx.done
      return batch
    },

    /** Settles a batch that the server has answered. */
    settleBatch: async (batch: Batch, outcomes: Outcome[]) => {
      const tx = write()
      if ((await batchIn(tx))?.key !== batch.key) return
      for (const outcome of outcomes) {
        const changes = await tx.objectStore('outbox').index('id').getAll(outcome.id)
        const sent = changes.find(({ sent }) => sent)
        if (!sent) continue
        const later = changes.find((change) => !change.sent && !change.parked)
        const copy = await tx.objectStore('tasks').get(outcome.id)
        const task = outcome.task && withoutUrl(outcome.task)
        const settled = settle(sent, later, { ...outcome, task }, copy)
        await replace(tx, outcome.id, later ? [sent, later] : [sent], settled)
      }
      await tx.objectStore('meta').delete('batch')
      await tx.done
    },

    /** Takes back a batch that was refused as a whole, and parks the changes that are to blame. */
    takeBack: async (batch: Batch, refused: Map<string, string>) => {
      const tx = write()
      if ((await batchIn(tx))?.key !== batch.key) return
      const outbox = tx.objectStore('outbox')
      for (const change of await outbox.getAll()) {
        if (!change.sent) continue
        const detail = refused.get(change.id)
        const parked: Parked | undefined = detail ? { why: 'refused', detail } : undefined
        // What was changed meanwhile belongs to the change that was refused or is to be sent again.
        const later = (await outbox.index('id').getAll(change.id)).find((c) => !c.sent && !c.parked)
        if (later?.n !== undefined) await outbox.delete(later.n)
        const isGone = change.op === 'create' && later?.op === 'delete'
        const isUndone = change.op === 'delete' && later?.op === 'restore'
        if (isGone && change.n !== undefined) await outbox.delete(change.n)
        else
          await outbox.put({
            ...change,
            op: isUndone ? 'update' : later?.op === 'delete' ? 'delete' : change.op,
            fields: { ...change.fields, ...later?.fields },
            sent: false,
            ...(parked && { parked }),
          })
      }
      await tx.objectStore('meta').delete('batch')
      await tx.done
    },

    /** The token to ask for changes with. */
    readSince: () => db.get('meta', 'since') as Promise<string | undefined>,

    /**
     * Writes the server's changes together with the token to continue with. `anew` is for a pull
     * from the beginning: what did not come is dropped.
     */
    writeChanges: async ({ tasks, deleted, next }: Omit<Changes, 'more'>, anew: boolean) => {
      const tx = write()
      const store = tx.objectStore('tasks')
      if (anew) await store.clear()
      await Promise.all([
        ...tasks.map((task) => store.put(withoutUrl(task))),
        ...deleted.map((id) => store.delete(id)),
        tx.objectStore('meta').put(next, 'since'),
        tx.objectStore('meta').put(Date.now(), 'syncedAt'),
        tx.done,
      ])
    },
  }
}

export type Store = Awaited<ReturnType<typeof openStore>>
