import type { Task as ApiTask, Operation, Outcome } from '../../src/client.ts'

/** A task as this device keeps it. */
export type Task = Omit<ApiTask, 'url'>

const names = [
  'title',
  'description',
  'completed',
  'priority',
  'tags',
  'due_date',
  'due_time',
  'order',
] as const

/** What a person may change of a task. */
export type Fields = Pick<Task, (typeof names)[number]>
type Text = Partial<Pick<Fields, 'title' | 'description'>>

/** Why a change waits for the person to decide. */
type Parked =
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

export const equal = (a: unknown, b: unknown) =>
  Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((item, index) => item === b[index])
    : a === b

/** The fields that differ from those of the task. */
export const differing = (fields: Partial<Fields>, task: Task): Partial<Fields> =>
  Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => !equal(value, task[name as keyof Fields]))
  )

export const fieldsOf = (task: Task): Fields =>
  Object.fromEntries(names.map((name) => [name, task[name]])) as Fields

/** The task with these fields, as it will be on the server. */
export const patched = (task: Task, fields: Partial<Fields>, now = new Date()): Task => {
  const next = { ...task, ...fields }
  if (!next.due_date) next.due_time = null
  if (next.completed === task.completed) return next
  return { ...next, completed_at: next.completed ? now.toISOString() : null }
}

/** The task with its changes applied to the server's copy. Parked changes are left out. */
export const view = (task: Task | undefined, changes: Change[]): Task | undefined =>
  changes.reduce<Task | undefined>((seen, { op, fields, base, parked }) => {
    if (parked) return seen
    return op === 'delete' ? undefined : patched(seen ?? base, fields)
  }, task)

const only = (change: Change | undefined) => (change ? [change] : [])

/** Leaves out what a change does not change, and the change when nothing is left of it. */
const tidy = (change: Change): Change | undefined => {
  if (change.op !== 'update') return change
  const { base } = change
  const { due_date } = { ...base, ...change.fields }
  // A time needs a date.
  const fields = differing(due_date ? change.fields : { ...change.fields, due_time: null }, base)
  return Object.keys(fields).length ? { ...change, fields } : undefined
}

/**
 * The base of an unsent change, once an edit of these fields is part of it. An edit that began before
 * another device's version came is one of the older version, so that the server refuses it, and what
 * both have written is merged.
 */
const since = ({ op, fields: ours, base }: Change, fields: Partial<Fields>, began: Task): Task => {
  if (op !== 'update' || began.updated_at >= base.updated_at) return base
  const before = Object.keys(fields)
    .filter((name) => !(name in ours))
    .map((name) => [name, began[name as keyof Fields]])
  return { ...base, ...Object.fromEntries(before), updated_at: began.updated_at }
}

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
  return tidy({
    ...unsent,
    op: unsent.op === 'delete' ? 'update' : unsent.op,
    fields: { ...unsent.fields, ...fields },
    base: since(unsent, fields, seen),
  })
}

/** The operation that tells the server of a change. */
export const operationOf = ({ id, op, fields, base }: Change): Operation => {
  if (op === 'create') return { op, id, task: fieldsOf(patched(base, fields)) }
  if (op === 'restore') return { op, id }
  const if_match = base.updated_at
  return op === 'delete' ? { op, id, if_match } : { op, id, task: fields, if_match }
}

export const union = (ours: string[], theirs: string[]) => {
  const known = new Set(theirs.map((tag) => tag.toLowerCase()))
  return [...theirs, ...ours.filter((tag) => !known.has(tag.toLowerCase()))]
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
  // More than a task may have are refused, so that the person decides.
  if (fields.tags && !equal(base.tags, task.tags)) fields.tags = union(fields.tags, task.tags)
  // A time needs a date, which they may have cleared.
  const date = fields.due_date === undefined ? task.due_date : fields.due_date
  if (fields.due_time && !date) fields.due_date = base.due_date
  return { fields: differing(fields, task), theirs }
}

const park = (change: Change, parked: Parked): Change => ({ ...change, sent: false, parked })

/** Moves our edits from `base` to their version of the task, and parks the text that they collide with. */
const moveTo = (task: Task, base: Task, ours: Partial<Fields>): Change[] => {
  const { fields, theirs } = merge(base, ours, task)
  const change: Change = { id: task.id, op: 'update', fields, base: task, sent: false }
  const conflict = park({ ...change, fields: {} }, { why: 'conflict', theirs })
  return [...only(tidy(change)), ...(Object.keys(theirs).length ? [conflict] : [])]
}

/**
 * What becomes of an unsent change when the server's copy has moved on. A deletion keeps its base, so
 * that the server refuses it and the person is asked.
 */
export const rebase = (change: Change, task: Task): Change[] =>
  change.op === 'update' ? moveTo(task, change.base, change.fields) : [change]

/**
 * Takes back a change that the server has refused, or has not looked at. A refusal parks it, unless
 * it was edited meanwhile: then the edited change is tried.
 */
export const takeBack = (sent: Change, later: Change | undefined, detail?: string): Change[] => {
  const unsent = { ...sent, sent: false }
  if (later) return only(queue(unsent, later, sent.base))
  return [detail ? park(unsent, { why: 'refused', detail }) : unsent]
}

/** What the server's answer makes of a task: its copy here, and its changes. */
type Settled = { task: Task | undefined; changes: Change[] }

type Answer = Pick<Outcome, 'status' | 'updated_at'> & { task: Task | null }

/**
 * Settles a change that the server has decided. `later` is the unsent change of the same task that
 * was made meanwhile. `copy` is the server's copy so far.
 */
export const settle = (
  sent: Change,
  later: Change | undefined,
  { status, updated_at, task: current }: Answer,
  copy: Task | undefined
): Settled => {
  const { op, base } = sent
  const both = { ...sent.fields, ...later?.fields }
  const ask = `${op} ${status}`

  /** Our edits meet a version that another device wrote. */
  const meet = (task: Task, base: Task, fields: Partial<Fields>): Settled => ({
    task,
    // Deleted meanwhile: rebased on their version, the deletion would not ask the person any more.
    changes: later?.op === 'delete' ? [{ ...later, base, fields }] : moveTo(task, base, fields),
  })

  if (ask === 'create 201' || ask === 'update 200') {
    const task = { ...patched(base, sent.fields), updated_at: updated_at ?? base.updated_at }
    if (op === 'create') task.created_at = task.updated_at
    return { task, changes: later ? only(tidy({ ...later, base: task })) : [] }
  }
  // The reply to the first try was lost. What was sent is what was created, so a value that differs
  // is a later edit of another device, and stays.
  if (ask === 'create 200' && current)
    return meet(current, patched(base, sent.fields), later?.fields ?? {})
  if (ask === 'update 412' && current) return meet(current, base, both)

  if (ask === 'delete 204' || ask === 'delete 404') return { task: undefined, changes: only(later) }
  if (ask === 'delete 412' && current) {
    if (later) return meet(current, base, both)
    // Another place in the list is no reason to ask.
    const { order: _, ...shown } = fieldsOf(base)
    const again = { ...sent, base: current, sent: false }
    if (!Object.keys(differing(shown, current)).length) return { task: current, changes: [again] }
    const asked = park({ ...again, fields: {} }, { why: 'changed' })
    return { task: current, changes: [...moveTo(current, base, sent.fields), asked] }
  }

  if (ask === 'restore 200') {
    // The reply does not have the task, which another device may have edited before it deleted it. The
    // old base makes the server refuse our edits, and show the task to merge with.
    const update: Change = { ...sent, op: 'update', fields: both, sent: false }
    return {
      task: copy ?? base,
      changes: only(later?.op === 'delete' ? { ...update, op: 'delete' } : tidy(update)),
    }
  }
  if (later?.op === 'delete' && (status === 404 || status === 409))
    return { task: undefined, changes: [] }
  if (ask === 'restore 404') {
    // It was too long in the trash, or was deleted before it was ever sent.
    return { task: undefined, changes: [{ ...sent, op: 'create', fields: both, sent: false }] }
  }
  if (status === 404 || status === 409)
    return { task: undefined, changes: [park({ ...sent, fields: both }, { why: 'deleted' })] }

  const detail = status === 422 ? 'a time needs a date' : `the server answered ${status}`
  return { task: current ?? copy, changes: takeBack(sent, later, detail) }
}

/** A UUID of version 7: the time in milliseconds, then 74 random bits. */
export const newId = (now = Date.now()): string => {
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`
}
