import type { Task as ApiTask, Operation, Outcome } from '../../src/client.ts'

/** A task as this device keeps it. */
export type Task = Omit<ApiTask, 'url'>

export type Fields = Pick<
  Task,
  'title' | 'description' | 'completed' | 'priority' | 'tags' | 'due_date' | 'due_time' | 'order'
>
type Text = Partial<Pick<Fields, 'title' | 'description'>>

/** Why a change waits for the person to decide. */
export type Parked =
  /** The text was changed on another device too. Ours is kept, and theirs is offered. */
  | { why: 'conflict'; theirs: Text }
  /** The task was edited here and deleted elsewhere. */
  | { why: 'deleted' }
  /** The task was deleted here and changed elsewhere. */
  | { why: 'changed' }
  | { why: 'refused'; detail: string }

/** A change that the server does not have yet. */
export type Change = {
  /** Its place in the outbox, which IndexedDB gives. */
  n?: number
  id: string
  op: 'create' | 'update' | 'delete' | 'restore'
  fields: Partial<Fields>
  /** The task that the first edit started from. */
  base: Task
  /** Whether a batch holds it. It must not change until the batch is answered. */
  sent: boolean
  parked?: Parked
}

export type Edit = Pick<Change, 'op' | 'fields'>

const names = [
  'title',
  'description',
  'completed',
  'priority',
  'tags',
  'due_date',
  'due_time',
  'order',
] as const satisfies (keyof Fields)[]

const equal = (a: unknown, b: unknown) =>
  Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((item, index) => item === b[index])
    : a === b

/** The fields that differ from those of the task. */
const differing = (fields: Partial<Fields>, task: Task): Partial<Fields> =>
  Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => !equal(value, task[name as keyof Fields]))
  )

export const fieldsOf = (task: Task): Fields =>
  Object.fromEntries(names.map((name) => [name, task[name]])) as Fields

/** The task with these fields, as it will be on the server. */
export const patched = (task: Task, fields: Partial<Fields>, now = new Date()): Task => {
  const next = { ...task, ...fields }
  if (next.completed === task.completed) return next
  return { ...next, completed_at: next.completed ? now.toISOString() : null }
}

/** The task with its changes applied to the server's copy. Parked changes are left out. */
export const view = (task: Task | undefined, changes: Change[]): Task | undefined =>
  changes.reduce<Task | undefined>((seen, { op, fields, base, parked }) => {
    if (parked) return seen
    if (op === 'delete') return undefined
    return patched(op === 'update' && seen ? seen : base, fields)
  }, task)

/**
 * Merges an edit into the unsent change of the same task. `seen` is the task as the person saw it
 * before. No change is left when the edit takes back what was never sent.
 */
export const queue = (
  unsent: Change | undefined,
  { op, fields }: Edit,
  seen: Task
): Change | undefined => {
  if (!unsent) return tidy({ id: seen.id, op, fields, base: seen, sent: false })
  if (op === 'delete')
    return unsent.op === 'create' || unsent.op === 'restore' ? undefined : { ...unsent, op }
  if (op !== 'update') return tidy({ ...unsent, op: 'update' })
  return tidy({ ...unsent, fields: { ...unsent.fields, ...fields } })
}

/** Leaves out what a change does not change, and the change when nothing is left of it. */
const tidy = (change: Change): Change | undefined => {
  if (change.op !== 'update') return change
  const fields = differing(change.fields, change.base)
  return Object.keys(fields).length ? { ...change, fields } : undefined
}

/** The operation that tells the server of a change. */
export const operationOf = ({ id, op, fields, base }: Change): Operation => {
  if (op === 'create') return { op, id, task: fieldsOf({ ...base, ...fields }) }
  if (op === 'restore') return { op, id }
  const if_match = base.updated_at
  return op === 'delete' ? { op, id, if_match } : { op, id, task: fields, if_match }
}

export const union = (ours: string[], theirs: string[]) => {
  const known = new Set(theirs.map((tag) => tag.toLowerCase()))
  return [...theirs, ...ours.filter((tag) => !known.has(tag.toLowerCase()))].slice(0, 20)
}

/**
 * What is left of our fields beside their version of the task, when both started from `base`. Ours
 * win, tags are united, and `theirs` is the text that would be lost. Clocks are never compared.
 */
export const merge = (base: Task, ours: Partial<Fields>, task: Task) => {
  const fields = differing(ours, task)
  const theirs: Text = {}
  for (const name of ['title', 'description'] as const)
    if (name in fields && !equal(base[name], task[name]))
      Object.assign(theirs, { [name]: task[name] })
  if (fields.tags && !equal(base.tags, task.tags)) fields.tags = union(fields.tags, task.tags)
  // A time needs a date, which they may have cleared.
  const date = fields.due_date === undefined ? task.due_date : fields.due_date
  if (fields.due_time && !date) fields.due_date = base.due_date
  return { fields: differing(fields, task), theirs }
}

/** What the server's answer makes of a task: its copy here, and its changes. */
export type Settled = { task: Task | undefined; changes: Change[] }

const park = (change: Change, parked: Parked): Change => ({ ...change, sent: false, parked })

/**
 * Settles a change that the server has decided. `later` is the unsent change of the same task that
 * was made meanwhile. `copy` is the server's copy so far.
 */
export const settle = (
  sent: Change,
  later: Change | undefined,
  { status, updated_at, task }: Pick<Outcome, 'status' | 'updated_at'> & { task: Task | null },
  copy: Task | undefined
): Settled => {
  const { id, op, fields, base } = sent
  const only = (change: Change | undefined) => (change ? [change] : [])
  const both = { ...fields, ...later?.fields }
  const edit = (base: Task, fields: Partial<Fields>): Change[] =>
    later?.op === 'delete'
      ? [{ ...later, base, fields }]
      : only(tidy({ id, op: 'update', fields, base, sent: false }))
  /** Three-way merge with their version, which is the server's copy from now on. */
  const meet = (base: Task, fields: Partial<Fields>, task: Task): Settled => {
    if (later?.op === 'delete') return { task, changes: edit(task, later.fields) }
    const merged = merge(base, fields, task)
    const conflict = Object.keys(merged.theirs).length
      ? [
          park(
            { id, op: 'update', fields: {}, base: task, sent: false },
            { why: 'conflict', theirs: merged.theirs }
          ),
        ]
      : []
    return { task, changes: [...edit(task, merged.fields), ...conflict] }
  }
  const written = (fields: Partial<Fields>): Task => {
    const next = patched(base, fields)
    return { ...next, updated_at: updated_at ?? next.updated_at }
  }

  if (status === 201) {
    const task = { ...written(fields), created_at: updated_at ?? base.created_at }
    return { task, changes: edit(task, later?.fields ?? {}) }
  }
  if (op === 'create' && status === 200 && task) {
    // The reply to the first try was lost. What was sent is what was created, so a value that
    // differs is a later edit of another device, and stays.
    return meet(patched(base, fields), later?.fields ?? {}, task)
  }
  if (op === 'restore' && status === 200) {
    const task = written({})
    return { task, changes: edit(task, both) }
  }
  if (op === 'restore' && status === 404) {
    // It was too long in the trash, so it comes back as a new task.
    if (later?.op === 'delete') return { task: undefined, changes: [] }
    const fresh = { ...base, id: newId() }
    return {
      task: undefined,
      changes: [{ id: fresh.id, op: 'create', fields: both, base: fresh, sent: false }],
    }
  }
  if (op === 'delete' && (status === 204 || status === 404))
    return { task: undefined, changes: only(later) }
  if (op === 'delete' && status === 412 && task) {
    if (later) return { task, changes: edit(task, merge(base, later.fields, task).fields) }
    const again: Change = { ...sent, base: task, sent: false }
    const { order: _, ...shown } = fieldsOf(base)
    const isSame = !Object.keys(differing(shown, task)).length
    return { task, changes: [isSame ? again : park(again, { why: 'changed' })] }
  }
  if (op === 'update' && status === 200) {
    const task = written(fields)
    return { task, changes: edit(task, later?.fields ?? {}) }
  }
  if (op === 'update' && status === 412 && task) return meet(base, both, task)
  if (status === 404 || status === 409) {
    if (later?.op === 'delete') return { task: undefined, changes: [] }
    return { task: undefined, changes: [park({ ...sent, fields: both }, { why: 'deleted' })] }
  }
  const detail = status === 422 ? 'a time needs a date' : `the server answered ${status}`
  return { task: task ?? copy, changes: [park(sent, { why: 'refused', detail }), ...only(later)] }
}

/** A UUID of version 7: the time in milliseconds, then 74 random bits. */
export const newId = (now = Date.now()): string => {
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`
}
