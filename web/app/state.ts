import { computed, effect, signal } from '@preact/signals'
import type { User } from './account.ts'
import { differing, type Fields, type Task } from './changes.ts'
import { addDays, type Day, dayOf, nextWeekday } from './dates.ts'
import { link } from './link.ts'
import type { Me } from './me.ts'
import { first } from './order.ts'
import { firstDay, preferences } from './preferences.ts'
import type { Store } from './store.ts'
import type { Sync } from './sync.ts'
import type { Tasks } from './tasks.ts'
import { text } from './text.ts'
import type { Trash } from './trash.ts'
import { countsOf, type Sort, sectionsOf, type View, viewOf } from './views.ts'

/** The tasks of the person who is signed in. */
export type Session = {
  me: Me
  store: Store
  sync: Sync
  tasks: Tasks
  trash: Trash
  user: User
}
export const session = signal<Session>()

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
  | { is: 'help' | 'signing-in' | 'signing-out' | 'emptying' }
export const cover = signal<Cover>()
export const show = (next: Cover | undefined) => {
  cover.value = next
}
export const openTask = ({ id }: Task, field?: keyof Fields) => show({ is: 'task', id, field })

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

/** Says something to a screen reader. Said twice, a text needs a change to be heard again. */
export const say = (words: string, how: 'polite' | 'assertive' = 'polite') => {
  const region = document.getElementById(how)
  if (region) region.textContent = region.textContent === words ? `${words}\u00a0` : words
}

/** Says on the screen too that something is done. */
export const sayDone = (words: string) => {
  toast.value = { text: words, isUndoable: false }
  say(words)
}

/** Puts the focus on the title of the screen, for what had it goes away. */
export const focusTop = () => document.querySelector<HTMLElement>('h1')?.focus()

/** Goes so many rows down, or up when negative. */
export const step = (by: number) => {
  const at = rows.value.findIndex(({ id }) => id === current.value)
  const next = at < 0 ? (by > 0 ? 0 : rows.value.length - 1) : at + by
  current.value = rows.value[Math.min(Math.max(next, 0), rows.value.length - 1)]?.id
}

/** Runs a command. When it has changed something, says so with a button to undo it. */
const run = (name: string, command: (tasks: Tasks) => unknown) => {
  const tasks = session.value?.tasks
  const before = tasks?.undos.value
  if (tasks) command(tasks)
  if (tasks?.undos.value === before) return
  toast.value = { text: name, isUndoable: true }
  say(name)
}

const nameOf = (tasks: Task[], one: (title: string) => string) => {
  const [task] = tasks
  return task && tasks.length === 1 ? one(task.title) : text.manyChanged(tasks.length)
}

const idsOf = (tasks: Task[]) => tasks.map(({ id }) => id)

export const add = (fields: Partial<Fields> & Pick<Fields, 'title'>) =>
  run(text.added(fields.title), (tasks) =>
    tasks.add(text.added(fields.title), {
      ...(preferences.value.newTasks === 'top' && { order: first(tasks.all.value.values()) }),
      ...fields,
    })
  )

export const complete = (tasks: Task[], completed: boolean) => {
  const ids = idsOf(tasks)
  const name = nameOf(tasks, completed ? text.completed : text.reopened)
  if (completed) {
    lingering.value = new Set([...lingering.value, ...ids])
    setTimeout(() => {
      lingering.value = new Set([...lingering.value].filter((id) => !ids.includes(id)))
    }, lingerFor)
    // At once, so that the same key pressed again completes the next row.
    if (current.value && ids.includes(current.value)) step(1)
  }
  run(name, ({ change }) => change(name, ids, { completed }))
}

export const toggle = (task: Task) => complete([task], !task.completed)

export const remove = (task: Task) => {
  const name = text.deleted(task.title)
  run(name, (tasks) => tasks.remove(name, [task.id]))
}

/** Takes tasks out of the trash. */
export const restore = (deleted: Task[]) => {
  const [task] = deleted
  const isOne = task && deleted.length === 1
  const name = isOne ? text.restored(task.title) : text.manyRestored(deleted.length)
  run(name, (tasks) => tasks.restore(name, deleted))
}

export const edit = (tasks: Task[], fields: Partial<Fields>) => {
  const changed = tasks.filter((task) => Object.keys(differing(fields, task)).length)
  const name = nameOf(changed, text.changed)
  run(name, ({ change }) => change(name, idsOf(changed), fields))
}

export const reschedule = (tasks: Task[], due_date: Day | null) =>
  edit(tasks, { due_date, ...(due_date === null && { due_time: null }) })

export const tomorrow = () => addDays(today.value, 1)
export const nextWeek = () => nextWeekday(today.value, firstDay())

/** The hand-sorted list that a task stands in, or nothing where it cannot be moved. */
export const listOf = ({ id }: Task): Task[] | undefined => {
  const { is } = view.value
  const isByHand = is === 'today' || ((is === 'all' || is === 'tag') && sort.value === 'order')
  if (!isByHand || search.value) return undefined
  const lists = sections.value.filter(({ key }) => key === 'today' || key === 'open')
  return lists.find(({ tasks }) => tasks.some((task) => task.id === id))?.tasks
}

/** Moves a task by so many rows: up when negative, to the end of the list when infinite. */
export const moveBy = (task: Task, by: number) => {
  const list = listOf(task)
  if (!list) return say(text.handOnly, 'assertive')
  const from = list.findIndex(({ id }) => id === task.id)
  const to = Math.min(Math.max(from + by, 0), list.length - 1)
  const name = text.moved(task.title, to + 1, list.length)
  void session.value?.tasks.move(name, list, from, to)
  say(name)
}

export const undo = () => {
  const name = session.value?.tasks.undo()
  const words = name ? text.undone(name) : text.nothingToUndo
  toast.value = { text: words, isUndoable: false }
  say(words)
}

/** The fields that a new task gets from the view in which it is added. */
export const fieldsOfView = (): Partial<Pick<Task, 'due_date' | 'tags'>> => {
  if (view.value.is === 'today') return { due_date: today.value }
  if (view.value.is === 'upcoming') return { due_date: tomorrow() }
  return view.value.is === 'tag' ? { tags: [view.value.tag] } : {}
}

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
    view.value = viewOf(location.hash)
    current.value = undefined
    rename(undefined)
    document.querySelector<HTMLElement>(':popover-open')?.hidePopover()
    scrollTo(0, 0)
  })
  effect(() => {
    const name = link.value ? text.links[link.value.is] : nameOfView()
    document.title = `${name} · ${text.product}`
  })
}
