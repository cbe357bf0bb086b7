import { signal } from '@preact/signals'
import { type Change, type Edit, type Fields, newId, queue, type Task, view } from './changes.ts'
import { last, move } from './order.ts'
import type { Edits, Store } from './store.ts'

/** An edit of one task, and the task as the person saw it before. */
type Step = Edit & { seen: Task }

type Undo = { name: string; steps: Step[] }
const mostUndos = 50

/**
 * The tasks as the person sees them: the server's copies with the outbox applied on top. The
 * commands show at once, then write to the store, then call `onChange`.
 */
export const createTasks = (store: Store, onChange: (ids: string[]) => void) => {
  const copies = new Map<string, Task>()
  const outbox = new Map<string, Change[]>()
  const all = signal<ReadonlyMap<string, Task>>(new Map())
  /** The changes that wait for the person to decide. */
  const parked = signal<Change[]>([])
  /** How many changes the server does not have yet. */
  const waiting = signal(0)
  /** Whether a change could not be written to this device. */
  const isUnsaved = signal(false)
  const undos = signal<Undo[]>([])

  const show = (ids: Iterable<string>) => {
    const next = new Map(all.value)
    for (const id of ids) {
      const task = view(copies.get(id), outbox.get(id) ?? [])
      if (task) next.set(id, task)
      else next.delete(id)
    }
    const changes = [...outbox.values()].flat()
    all.value = next
    parked.value = changes.filter(({ parked }) => parked)
    waiting.value = changes.filter(({ parked }) => !parked).length
  }

  /** Commands whose writing has not ended. What is read meanwhile may be older than they are. */
  let writing = 0
  let stale: Set<string> | 'all' = new Set()
  let reading = Promise.resolve()

  const markStale = (ids: Iterable<string> | 'all') => {
    if (ids === 'all') stale = 'all'
    else if (stale !== 'all') for (const id of ids) stale.add(id)
  }

  const readStale = async () => {
    if (writing || (stale !== 'all' && !stale.size)) return
    const ids = stale
    stale = new Set()
    const holdings = await store.read(ids === 'all' ? undefined : [...ids])
    if (writing) return markStale(ids)
    const concerned =
      ids === 'all' ? [...all.value.keys(), ...copies.keys(), ...outbox.keys()] : ids
    for (const id of concerned) {
      copies.delete(id)
      outbox.delete(id)
    }
    for (const task of holdings.tasks) copies.set(task.id, task)
    for (const change of holdings.outbox)
      outbox.set(change.id, [...(outbox.get(change.id) ?? []), change])
    show(ids === 'all' ? new Set([...concerned, ...copies.keys(), ...outbox.keys()]) : ids)
  }

  /** Reads from the store what may have changed there. */
  const reload = (ids?: Iterable<string>): Promise<void> => {
    markStale(ids ?? 'all')
    reading = reading.then(readStale)
    return reading
  }

  const write = async (edits: Edits, decided?: Change) => {
    const ids = edits.map(({ id }) => id)
    writing++
    try {
      await store.change(edits, decided)
      onChange(ids)
    } catch {
      isUnsaved.value = true
      return
    } finally {
      writing--
    }
    await reload(decided ? [...ids, decided.id] : ids)
  }

  const unsentOf = (id: string) => outbox.get(id)?.find(({ sent, parked }) => !sent && !parked)

  const commit = (steps: Step[]) => {
    const edits = steps.map(({ seen, ...edit }) => ({
      id: seen.id,
      merge: (unsent: Change | undefined) => queue(unsent, edit, seen),
    }))
    for (const { id, merge } of edits) {
      const unsent = unsentOf(id)
      const next = merge(unsent)
      const others = outbox.get(id)?.filter((change) => change !== unsent) ?? []
      outbox.set(id, next ? [...others, next] : others)
    }
    show(edits.map(({ id }) => id))
    return write(edits)
  }

  const inverse = ({ op, fields, seen }: Step): Step => {
    if (op === 'create') return { op: 'delete', fields: {}, seen }
    if (op === 'delete') {
      const unsent = unsentOf(seen.id)
      // What the server never had is created once more, for it is not in the trash.
      return {
        op: unsent?.op === 'create' ? 'create' : 'restore',
        fields: unsent?.fields ?? {},
        seen: unsent?.base ?? seen,
      }
    }
    const before = Object.keys(fields).map((name) => [name, seen[name as keyof Fields]])
    return { op: 'update', fields: Object.fromEntries(before), seen: { ...seen, ...fields } }
  }

  /** Does the steps, and remembers how to undo them under this name. */
  const run = (name: string, steps: Step[]) => {
    if (!steps.length) return Promise.resolve()
    undos.value = [...undos.value, { name, steps: steps.map(inverse) }].slice(-mostUndos)
    return commit(steps)
  }

  const found = (ids: string[]) =>
    ids.map((id) => all.value.get(id)).filter((task) => task !== undefined)

  return {
    all,
    parked,
    waiting,
    isUnsaved,
    undos,
    reload,

    add: (name: string, fields: Partial<Fields> & Pick<Fields, 'title'>): Task => {
      const now = new Date().toISOString()
      const seen: Task = {
        description: null,
        completed: false,
        priority: 'medium',
        tags: [],
        due_date: null,
        due_time: null,
        order: last(all.value.values()),
        ...fields,
        id: newId(),
        completed_at: null,
        created_at: now,
        updated_at: now,
      }
      void run(name, [{ op: 'create', fields: {}, seen }])
      return seen
    },

    change: (
      name: string,
      ids: string[],
      fields: Partial<Fields> | ((task: Task) => Partial<Fields>)
    ) =>
      run(
        name,
        found(ids).map((seen) => ({
          op: 'update',
          fields: typeof fields === 'function' ? fields(seen) : fields,
          seen,
        }))
      ),

    remove: (name: string, ids: string[]) =>
      run(
        name,
        found(ids).map((seen) => ({ op: 'delete', fields: {}, seen }))
      ),

    /** Moves tasks of a hand-sorted list to where `to` of the others stand above them. */
    move: (name: string, list: Task[], ids: ReadonlySet<string>, to: number) =>
      run(
        name,
        [...move(list, ids, to)].flatMap(([id, order]) =>
          found([id]).map((seen) => ({ op: 'update' as const, fields: { order }, seen }))
        )
      ),

    /** Undoes the last command of this tab, and gives its name. */
    undo: (): string | undefined => {
      const undo = undos.value.at(-1)
      if (!undo) return undefined
      undos.value = undos.value.slice(0, -1)
      void commit(undo.steps)
      return undo.name
    },

    /** Gives up a parked change. */
    discard: (change: Change) => write([], change),

    /** Edits a task in place of a parked change. */
    useInstead: (change: Change, fields: Partial<Fields>) => {
      const seen = all.value.get(change.id)
      if (!seen) return write([], change)
      const edit: Edit = { op: 'update', fields }
      return write([{ id: change.id, merge: (unsent) => queue(unsent, edit, seen) }], change)
    },

    /** Sends a parked change again, as `op` and with these fields on top. */
    sendAgain: (change: Change, op: Change['op'], fields: Partial<Fields> = {}) => {
      const { n: _, parked: __, ...again } = change
      const ours = { ...change.fields, ...fields }
      const merge = (unsent: Change | undefined): Change =>
        unsent
          ? {
              ...unsent,
              op: op === 'delete' ? op : unsent.op,
              fields: { ...ours, ...unsent.fields },
            }
          : { ...again, op, fields: ours }
      return write([{ id: change.id, merge }], change)
    },
  }
}

export type Tasks = ReturnType<typeof createTasks>
