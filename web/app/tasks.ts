import { signal } from '@preact/signals'
import {
  type Change,
  differing,
  type Edit,
  equal,
  type Fields,
  fieldsOf,
  newId,
  queue,
  type Task,
  view,
} from './changes.ts'
import { byOrder, last, move } from './order.ts'
import { isUnsent, type Store, type Write } from './store.ts'

/**
 * An edit of one task, and the task as the person saw it. `began` is the task when a longer edit
 * began: another device may have changed what was under the person's hands since.
 */
type Step = Edit & { seen: Task; began?: Task | undefined }

/**
 * The steps that take a command back, and a parked change that it gave up. Their `seen` is what the
 * command made of the tasks.
 */
type Undo = { name: string; steps: Step[]; parked?: Change }
const mostUndos = 50

/** The fields of a task to be added. */
export type NewTask = Partial<Fields> & Pick<Fields, 'title'>

/** A task that went, and when. */
export type Deleted = { task: Task; at: string }

/** Fields as the server keeps them. */
const clean = (fields: Partial<Fields>): Partial<Fields> => ({
  ...fields,
  ...(fields.title !== undefined && { title: fields.title.trim() }),
  // A time needs a date.
  ...(fields.due_date === null && { due_time: null }),
})

const isSame = (a: Task | undefined, b: Task | undefined) =>
  a && b ? Object.entries(a).every(([name, value]) => equal(value, b[name as keyof Task])) : a === b

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
  /** The tasks that were deleted here, or elsewhere while this page was open. */
  const gone = signal<ReadonlyMap<string, Deleted>>(new Map())

  /** Shows what has become of these tasks. What is as it was keeps its object, so nothing renders. */
  const show = (ids: Iterable<string>) => {
    let next: Map<string, Task> | undefined
    const deleted: [string, Deleted][] = []
    const at = new Date().toISOString()
    for (const id of ids) {
      const changes = outbox.get(id) ?? []
      const task = view(copies.get(id), changes)
      // Of a deletion that the last page left unsent there is only the server's copy.
      const before = all.value.get(id) ?? (gone.value.has(id) ? undefined : copies.get(id))
      // What waits for the person to decide is not deleted yet.
      if (!task && before && !changes.some(({ parked }) => parked))
        deleted.push([id, { task: before, at }])
      if (isSame(task, all.value.get(id))) continue
      next ??= new Map(all.value)
      if (task) next.set(id, task)
      else next.delete(id)
    }
    if (next) all.value = next
    const changes = [...outbox.values()].flat()
    if (deleted.length) gone.value = new Map([...gone.value, ...deleted])
    const undecided = changes.filter(({ parked }) => parked)
    if (undecided.length || parked.value.length) parked.value = undecided
    waiting.value = changes.length - undecided.length
  }

  const unsentOf = (id: string) => outbox.get(id)?.find(isUnsent)

  const setChanges = (id: string, changes: Change[]) => {
    if (changes.length) outbox.set(id, changes)
    else outbox.delete(id)
  }

  const changesBut = (id: string, left: Change | undefined) =>
    (outbox.get(id) ?? []).filter(
      (change) => change !== left && (change.n === undefined || change.n !== left?.n)
    )

  const idsOf = ({ edits, decided, parked }: Write) =>
    [...edits, decided, parked].flatMap((part) => part?.id ?? [])

  /** Does in memory what the store does with a write. */
  const apply = ({ edits, decided, parked }: Write) => {
    if (decided) setChanges(decided.id, changesBut(decided.id, decided))
    if (parked) setChanges(parked.id, [...changesBut(parked.id, parked), parked])
    for (const { id, merge } of edits) {
      const unsent = unsentOf(id)
      const next = merge(unsent)
      setChanges(id, [...changesBut(id, unsent), ...(next ? [next] : [])])
    }
  }

  /** What the store does not have yet. It is applied again to what is read from there meanwhile. */
  const unwritten = new Set<Write>()
  let writing: Promise<void> | undefined
  let stale: Set<string> | 'all' = new Set()
  let reading = Promise.resolve()

  const markStale = (ids: Iterable<string> | 'all') => {
    if (ids === 'all') stale = 'all'
    else if (stale !== 'all') for (const id of ids) stale.add(id)
  }

  const readStale = async () => {
    if (stale !== 'all' && !stale.size) return
    const ids = stale
    stale = new Set()
    const holdings = await store.read(ids === 'all' ? undefined : [...ids]).catch((error) => {
      markStale(ids)
      throw error
    })
    const concerned = new Set(
      ids === 'all' ? [...all.value.keys(), ...copies.keys(), ...outbox.keys()] : ids
    )
    for (const id of concerned) {
      copies.delete(id)
      outbox.delete(id)
    }
    for (const task of holdings.tasks) copies.set(task.id, task)
    for (const change of holdings.outbox)
      outbox.set(change.id, [...(outbox.get(change.id) ?? []), change])
    for (const write of unwritten) {
      const edits = write.edits.filter(({ id }) => ids === 'all' || concerned.has(id))
      apply({ ...write, edits })
    }
    show(ids === 'all' ? new Set([...concerned, ...copies.keys(), ...outbox.keys()]) : concerned)
  }

  const read = (ids: Iterable<string> | 'all') => {
    markStale(ids)
    reading = reading.catch(() => {}).then(readStale)
    return reading
  }

  const writeAll = async () => {
    try {
      while (unwritten.size) {
        const writes = [...unwritten]
        await store.change(writes)
        for (const write of writes) unwritten.delete(write)
        isUnsaved.value = false
        const ids = writes.flatMap(idsOf)
        onChange(ids)
        await read(ids)
      }
    } catch {
      isUnsaved.value = true
    } finally {
      writing = undefined
    }
  }

  /** Writes in the order of the commands, one transaction at a time, which takes all that wait. */
  const flush = () => {
    writing ??= writeAll()
    return writing
  }

  /** Reads from the store what may have changed there, and tries again to write what it refused. */
  const reload = async (ids: Iterable<string> | 'all' = 'all'): Promise<void> => {
    // A store that was closed meanwhile has said so elsewhere.
    await read(ids).catch(() => {})
    if (unwritten.size) await flush()
  }

  const write = (entry: Write) => {
    unwritten.add(entry)
    apply(entry)
    show(idsOf(entry))
    return flush()
  }

  const commit = (steps: Step[]) =>
    write({
      edits: steps.map(({ seen, began = seen, ...edit }) => ({
        id: seen.id,
        merge: (unsent) => queue(unsent, edit, began),
      })),
    })

  const inverse = ({ op, fields, seen }: Step): Step => {
    if (op === 'create' || op === 'restore') return { op: 'delete', fields: {}, seen }
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

  /** What is left to take back, now that the task may have changed in other ways too. */
  const fromNow = ({ op, fields, seen }: Step): Step[] => {
    const now = all.value.get(seen.id)
    if (op === 'create' || op === 'restore') return now ? [] : [{ op, fields, seen }]
    if (!now) return []
    // A field that somebody has changed since is theirs.
    const since = differing(fieldsOf(seen), now)
    const ours = Object.entries(fields).filter(([name]) => !(name in since))
    return op === 'update' && !ours.length
      ? []
      : [{ op, fields: Object.fromEntries(ours), seen: now }]
  }

  const remember = (undo: Undo) => {
    undos.value = [...undos.value, undo].slice(-mostUndos)
  }

  /** Does the steps, and remembers how to undo them under this name. */
  const run = (name: string, steps: Step[]) => {
    if (!steps.length) return Promise.resolve()
    remember({ name, steps: steps.map(inverse) })
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
    gone,
    reload,

    /** Adds one task or more, and gives the first. */
    add: (name: string, ...added: [NewTask, ...NewTask[]]): Task => {
      const now = new Date().toISOString()
      const created = added.map(
        (fields, index): Task => ({
          description: null,
          completed: false,
          priority: 'medium',
          tags: [],
          due_date: null,
          due_time: null,
          order: last(all.value.values(), index + 1),
          ...fields,
          title: fields.title.trim(),
          id: newId(),
          completed_at: null,
          created_at: now,
          updated_at: now,
        })
      )
      void run(
        name,
        created.map((seen) => ({ op: 'create', fields: {}, seen }))
      )
      return created[0] as Task
    },

    /** With `began`, the edit of one task, which may be gone: then the server says so when it is sent. */
    change: (
      name: string,
      ids: string[],
      fields: Partial<Fields> | ((task: Task) => Partial<Fields>),
      began?: Task
    ) => {
      const changed = found(ids)
      return run(
        name,
        (!changed.length && began ? [began] : changed).map((seen) => ({
          op: 'update',
          fields: clean(typeof fields === 'function' ? fields(seen) : fields),
          seen,
          began,
        }))
      )
    },

    remove: (name: string, ids: string[]) =>
      run(
        name,
        found(ids).map((seen) => ({ op: 'delete', fields: {}, seen }))
      ),

    /** Takes tasks out of the trash. */
    restore: (name: string, deleted: Task[]) =>
      run(
        name,
        deleted.map((seen) => ({ op: 'restore', fields: {}, seen }))
      ),

    /** Moves tasks of a hand-sorted list to where `to` of the others stand above them. */
    move: (name: string, list: Task[], ids: ReadonlySet<string>, to: number) =>
      run(
        name,
        [...move([...all.value.values()].sort(byOrder), list, ids, to)].flatMap(([id, order]) =>
          found([id]).map((seen) => ({ op: 'update' as const, fields: { order }, seen }))
        )
      ),

    /** Undoes the last command of this tab, and gives its name, or nothing when there is nothing to undo. */
    undo: (): string | undefined => {
      const undo = undos.value.at(-1)
      undos.value = undos.value.slice(0, -1)
      const steps = undo?.steps.flatMap(fromNow) ?? []
      if (steps.length) void commit(steps)
      if (undo?.parked) void write({ edits: [], parked: undo.parked })
      return steps.length || undo?.parked ? undo?.name : undefined
    },

    /** Gives up a parked change. With a name, that can be undone. */
    discard: (change: Change, name?: string) => {
      if (name) remember({ name, steps: [], parked: change })
      return write({ edits: [], decided: change })
    },

    /** Sends a parked change again, as `op` and with these fields on top. */
    sendAgain: (change: Change, op: Change['op'], fields: Partial<Fields> = {}) => {
      const { n: _, parked: __, ...again } = change
      // The person has seen what is deleted. An edit keeps its base, to be merged with what came since.
      const seen = (op === 'delete' && all.value.get(change.id)) || change.base
      const edit: Edit = { op, fields: { ...again.fields, ...clean(fields) } }
      const merge = (unsent: Change | undefined) =>
        unsent
          ? queue(
              { ...unsent, base: seen },
              { ...edit, fields: { ...edit.fields, ...unsent.fields } },
              seen
            )
          : { ...again, ...edit, base: seen }
      return write({ edits: [{ id: change.id, merge }], decided: change })
    },
  }
}

export type Tasks = ReturnType<typeof createTasks>
