import { computed, effect, signal } from '@preact/signals'
import type { User } from './account.ts'
import { type Change, differing, type Fields, patched, type Task, union } from './changes.ts'
import { addDays, type Day, dayOf, nextWeekday, sayDay } from './dates.ts'
import { link } from './link.ts'
import type { Me } from './me.ts'
import { first, placeOf } from './order.ts'
import { firstDay, preferences } from './preferences.ts'
import { extend, keep, nothing, pick, type Selection } from './selection.ts'
import type { Closing, Store } from './store.ts'
import type { Sync } from './sync.ts'
import type { NewTask, Tasks } from './tasks.ts'
import { text } from './text.ts'
import type { Trash } from './trash.ts'
import { countsOf, type Section, type Sort, sectionsOf, type View, viewOf } from './views.ts'

/** The tasks of the person who is signed in. */
export type Session = {
  me: Me
  store: Store
  sync: Sync
  tasks: Tasks
  trash: Trash
  user: User
  /** Whether the browser refuses to store tasks, so that they are gone with this page. */
  isInMemory: boolean
}
export const session = signal<Session>()

/** Set when the store was closed from outside, so that nothing more can be kept on this page. */
export const closing = signal<Closing>()

/** What the app itself has to say, beside what becomes of the changes. */
export const notice = signal<keyof typeof text.notices>()

/** What the person looks at. */
export const view = signal<View>(viewOf(location.hash))
export const search = signal('')
export const sort = signal<Sort>('order')
export const today = signal<Day>(dayOf(new Date()))
export const isDoneShown = signal(false)

/** The line that is typed for a new task. */
export const line = signal('')

/** What covers the list, one at a time. */
export type Cover =
  | { is: 'task'; id: string; field?: keyof Fields | undefined }
  | { is: 'selected'; field: 'due_date' | 'tags' }
  | { is: 'help' | 'signing-in' | 'signing-out' | 'emptying' }
export const cover = signal<Cover>()
export const show = (next: Cover | undefined) => {
  cover.value = next
}
export const openTask = ({ id }: Task, field?: keyof Fields) => show({ is: 'task', id, field })
/** One task has all its fields to open, and several have this one. */
export const openField = (tasks: Task[], field: 'due_date' | 'tags') => {
  const [task] = tasks
  if (task && tasks.length === 1) openTask(task, field)
  else show({ is: 'selected', field })
}

/** The row that the keyboard acts on, and the row whose title is edited in place. */
export const current = signal<string>()
/** Whether the focus is on a row, or was when that row went away. */
export const isOnList = signal(false)
export const renamed = signal<string>()
export const rename = (task: Task | undefined) => {
  renamed.value = task?.id
}

/** The last thing that happened, for a while, with a button to undo it. */
export const toast = signal<{ text: string; isUndoable: boolean }>()

/** The tasks that were completed a moment ago. They stay for a while, so that a slip is seen. */
export const lingering = signal<ReadonlySet<string>>(new Set())
/** As long as the style takes to fade a row. */
const lingerFor = 720

const none: ReadonlyMap<string, Task> = new Map()
const all = computed(() => session.value?.tasks.all.value ?? none)

export const counts = computed(() => countsOf(all.value.values(), today.value))
export const sections = computed(() =>
  sectionsOf(all.value.values(), {
    view: view.value,
    today: today.value,
    sort: sort.value,
    search: search.value.trim(),
    lingering: lingering.value,
  })
)
/** The rows in the order in which they are on the screen. */
export const rows = computed(() =>
  sections.value.flatMap(({ key, tasks }) => (key === 'done' && !isDoneShown.value ? [] : tasks))
)

const idsOf = (tasks: Task[]) => tasks.map(({ id }) => id)

export const selection = signal<Selection>(nothing)
export const isSelecting = computed(() => selection.value.ids.size > 0)
/** The selected tasks in the order of their rows. */
export const selected = computed(() =>
  isSelecting.value ? rows.value.filter(({ id }) => selection.value.ids.has(id)) : []
)

/** How many changes are on this device alone. */
export const countUnsent = () => {
  const { waiting, parked } = (session.value as Session).tasks
  return waiting.value + parked.value.length
}

/**
 * Says something to a screen reader. Said twice, a text needs a change to be heard again. What is
 * true for a while has a region of its own, so that it does not replace what has just happened.
 */
export const say = (words: string, how: 'polite' | 'assertive' | 'state' = 'polite') => {
  // A screen reader hears nothing of what is outside of an open dialog.
  const region = document.querySelector('dialog[open] .said') ?? document.getElementById(how)
  if (region) region.textContent = region.textContent === words ? `${words}\u00a0` : words
}

/** Calls back when the page goes out of sight, from where it may not return. Gives how to end that. */
export const whenHidden = (run: () => void) => {
  const look = () => {
    if (document.visibilityState === 'hidden') run()
  }
  document.addEventListener('visibilitychange', look)
  return () => document.removeEventListener('visibilitychange', look)
}

/** Puts the focus on the title of the screen, for what had it goes away. */
export const focusTop = () => document.querySelector<HTMLElement>('h1')?.focus()

export const tell = (words: string) => {
  toast.value = { text: words, isUndoable: false }
  say(words)
}

/** Puts the focus on the row that the keyboard acts on or, where there is none, on the title. */
export const focusList = () => {
  const row = document.querySelector<HTMLElement>('.row[tabindex="0"]')
  if (row) row.focus()
  else focusTop()
}

/** Goes so many rows down. From outside of the list, the first step goes to the row that was left. */
export const step = (by: number) => {
  if (!document.activeElement?.closest('.row')) return focusList()
  const at = rows.value.findIndex(({ id }) => id === current.value)
  current.value = rows.value[Math.min(Math.max(at + by, 0), rows.value.length - 1)]?.id
}

const select = (next: Selection) => {
  selection.value = next
  say(text.selected(next.ids.size))
}
export const unselect = () => select(nothing)
export const selectAll = () => select({ ids: new Set(idsOf(rows.value)) })
/** Selects one task more, or one less. */
export const selectToo = ({ id }: Task) => {
  current.value = id
  select(pick(selection.value, id))
}
/** Selects from where the last selection began, or else from the current row. */
export const selectTo = (id: string | undefined, from = current.value ?? id) => {
  if (id === undefined || from === undefined) return
  const before = isSelecting.value ? selection.value : pick(nothing, from)
  current.value = id
  select(extend(idsOf(rows.value), before, id))
}
/** Extends the selection by so many rows, up when negative. */
export const stepSelecting = (by: number) => {
  focusList()
  const from = current.value
  step(by)
  selectTo(current.value, from)
}

/** Tasks that leave the view are no longer selected. */
export const watchSelection = () =>
  effect(() => {
    const { value } = rows
    if (isSelecting.peek()) selection.value = keep(idsOf(value), selection.peek())
  })

/** Runs a command. When it has changed something, says so with a button to undo it. */
const run = (name: string, command: (tasks: Tasks, name: string) => unknown) => {
  const tasks = session.value?.tasks
  const before = tasks?.undos.value
  if (tasks) command(tasks, name)
  if (tasks?.undos.value === before) return
  toast.value = { text: name, isUndoable: true }
  say(name)
}

const sayTasks = (tasks: Task[]) => {
  const [task] = tasks
  return task && tasks.length === 1 ? `“${task.title}”` : text.tasks(tasks.length)
}

export const add = (...added: [NewTask, ...NewTask[]]) => {
  const [{ title, due_date }] = added
  // What is due on another day may go to another view.
  const day = due_date && due_date !== today.value ? sayDay(due_date, today.value) : undefined
  const many = added.length
  const isOnTop = preferences.value.newTasks === 'top'
  const placed = added.map((fields, n) => ({
    // The first of a pasted list is the highest.
    ...(isOnTop && { order: first(all.value.values(), many - n) }),
    ...fields,
  })) as typeof added
  run(many > 1 ? text.addedAll(many) : text.added(title, day), (tasks, name) =>
    tasks.add(name, ...placed)
  )
}

/** Makes the next row the current one, at once, so that the same key pressed again acts on it. */
const goOn = (ids: ReadonlySet<string>) => {
  const at = rows.value.findIndex(({ id }) => id === current.value)
  const next = rows.value.slice(Math.max(at, 0)).find(({ id }) => !ids.has(id))
  if (next) current.value = next.id
}

export const complete = (tasks: Task[], completed: boolean) => {
  const changed = tasks.filter((task) => task.completed !== completed)
  const ids = new Set(idsOf(changed))
  const words = completed ? text.completed : text.reopened
  if (completed) {
    lingering.value = new Set([...lingering.value, ...ids])
    setTimeout(() => {
      lingering.value = new Set([...lingering.value].filter((id) => !ids.has(id)))
    }, lingerFor)
    goOn(ids)
  }
  run(words(sayTasks(changed)), ({ change }, name) => change(name, [...ids], { completed }))
}

/** Completes what is open. Where nothing is, reopens all. */
export const toggle = (tasks: Task[]) =>
  complete(
    tasks,
    tasks.some(({ completed }) => !completed)
  )

export const remove = (tasks: Task[]) =>
  run(text.deleted(sayTasks(tasks)), ({ remove }, name) => remove(name, idsOf(tasks)))

/** Takes tasks out of the trash. */
export const restore = (deleted: Task[]) =>
  run(text.restored(sayTasks(deleted)), ({ restore }, name) => restore(name, deleted))

/**
 * Edits one task, over some time: `began` is the task as it was when the person began. Gives the task
 * that the next edit begins with.
 */
export const finish = (began: Task, fields: Partial<Fields>): Task => {
  if (Object.keys(differing(fields, began)).length)
    run(text.changed(sayTasks([{ ...began, ...fields }])), ({ change }, name) =>
      change(name, [began.id], fields, began)
    )
  return all.value.get(began.id) ?? began
}

/** Puts the text of another device in the place of ours, which a parked change offers. */
export const takeTheirs = (change: Change, theirs: Partial<Fields>) => {
  const task = all.value.get(change.id) ?? change.base
  run(text.changed(sayTasks([task])), (tasks, name) => {
    void tasks.change(name, [change.id], theirs, task)
    void tasks.discard(change)
  })
}

/** Gives up a parked change. */
export const discard = (change: Change, words = text.discarded) => {
  const task = patched(all.value.get(change.id) ?? change.base, change.fields)
  run(words(task.title), (tasks, name) => tasks.discard(change, name))
}

/** Edits tasks with the same fields, or each with its own. */
export const edit = (
  tasks: Task[],
  fields: Partial<Fields> | ((task: Task) => Partial<Fields>),
  words = text.changed
) => {
  const fieldsOf = typeof fields === 'function' ? fields : () => fields
  const changed = tasks.filter((task) => Object.keys(differing(fieldsOf(task), task)).length)
  run(words(sayTasks(changed)), ({ change }, name) => change(name, idsOf(changed), fieldsOf))
}

export const addTags = (tasks: Task[], tags: string[]) =>
  edit(tasks, (task) => ({ tags: union(tags, task.tags) }))

export const reschedule = (tasks: Task[], due_date: Day | null) => {
  const { is } = view.value
  const moved = tasks.filter((task) => task.due_date !== due_date)
  // Where days divide the list, the rows go elsewhere.
  if (is === 'today' || is === 'upcoming') goOn(new Set(idsOf(moved)))
  const day = due_date && sayDay(due_date, today.value)
  edit(moved, { due_date }, (tasks) => text.rescheduled(tasks, day))
}

export const tomorrow = () => addDays(today.value, 1)
export const nextWeek = () => nextWeekday(today.value, firstDay())

/** Whether the person has sorted this section by hand, so that tasks can be moved in it. */
export const isByHand = ({ key }: Section) => {
  const { is } = view.value
  if (search.value) return false
  return is === 'today' ? key === 'today' : key === 'open' && sort.value === 'order'
}

/** The hand-sorted list that some of the tasks stand in, or nothing where they cannot be moved. */
export const listOf = (ids: ReadonlySet<string>): Task[] | undefined =>
  sections.value.find((section) => isByHand(section) && section.tasks.some(({ id }) => ids.has(id)))
    ?.tasks

/** Moves those of the list that have these ids, to where `to` of the others stand above them. */
const moveIn = (list: Task[], ids: ReadonlySet<string>, to: number) => {
  const moved = list.filter(({ id }) => ids.has(id))
  const name = text.moved(sayTasks(moved), to + 1, list.length)
  run(name, ({ move }) => move(name, list, ids, to))
}

/** Moves tasks by so many rows: up when negative, to the end of the list when infinite. */
export const moveBy = (tasks: Task[], by: number) => {
  const ids = new Set(idsOf(tasks))
  const list = listOf(ids)
  if (!list) return tell(text.handOnly)
  const others = list.filter(({ id }) => !ids.has(id)).length
  const first = list.findIndex(({ id }) => ids.has(id))
  moveIn(list, ids, Math.min(Math.max(first + by, 0), others))
}

/** Moves tasks to one side of a row, in the list as it is now. */
export const drop = (ids: ReadonlySet<string>, id: string, side: 'before' | 'after') => {
  const list = listOf(new Set([id]))
  if (list) moveIn(list, ids, placeOf(list, ids, id, side))
}

export const undo = () => {
  const tasks = session.value?.tasks
  const ids = new Set(tasks?.undos.value.at(-1)?.steps.map(({ seen }) => seen.id))
  const name = tasks?.undo()
  const at = rows.value.findIndex(({ id }) => id === current.value)
  // A task far down the list is left alone: the list would have to render every row above it.
  const back = rows.value.slice(0, at + 500).find(({ id }) => ids.has(id))
  if (back) current.value = back.id
  tell(name ? text.undone(name) : text.nothingToUndo)
}

/** The fields that a new task gets from the view in which it is added. */
export const fieldsOfView = (): Partial<Pick<Task, 'due_date' | 'tags'>> => {
  if (view.value.is === 'today') return { due_date: today.value }
  if (view.value.is === 'upcoming') return { due_date: tomorrow() }
  return view.value.is === 'tag' ? { tags: [view.value.tag] } : {}
}

/** Whether something is typed that is not saved yet. */
export const isTyped = () =>
  Boolean(line.value) ||
  [...document.querySelectorAll<HTMLInputElement>('dialog :is(input, textarea), input.title')].some(
    ({ value, defaultValue }) => value !== defaultValue
  )

/** Whether the view shows the list, and not the trash or the settings. */
export const isList = () => view.value.is !== 'trash' && view.value.is !== 'settings'

/** Keeps `today` true over midnight, and after the device has slept. */
export const watchDay = () => {
  const look = () => {
    today.value = dayOf(new Date())
  }
  setInterval(look, 30_000)
  document.addEventListener('visibilitychange', look)
}

export const nameOfView = () =>
  view.value.is === 'tag' ? `#${view.value.tag}` : text.views[view.value.is]

export const watchAddress = () => {
  search.subscribe(() => {
    current.value = undefined
  })
  addEventListener('hashchange', () => {
    // What is being edited is saved when it is left, which goes with the view.
    document.querySelector<HTMLElement>('input.title')?.blur()
    document.querySelector('dialog')?.requestClose?.()
    view.value = viewOf(location.hash)
    current.value = undefined
    selection.value = nothing
    rename(undefined)
    document.querySelector<HTMLElement>(':popover-open')?.hidePopover()
    scrollTo(0, 0)
  })
  effect(() => {
    const isOut = !session.value || cover.value?.is === 'signing-in'
    const name = isOut ? text.signingIn : nameOfView()
    document.title = `${link.value ? text.links[link.value.is].title : name} · ${text.product}`
  })
}
