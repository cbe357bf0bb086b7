import { computed, effect, signal } from '@preact/signals'
import type { User } from './account.ts'
import type { Task } from './changes.ts'
import { addDays, type Day, dayOf, nextWeekday } from './dates.ts'
import type { Store } from './store.ts'
import type { Sync } from './sync.ts'
import type { Tasks } from './tasks.ts'
import { text } from './text.ts'
import { countsOf, type Sort, sectionsOf, type View, viewOf } from './views.ts'

/** The tasks of the person who is signed in. */
export type Session = { store: Store; sync: Sync; tasks: Tasks; user: User }
export const session = signal<Session>()

/** What the person looks at. */
export const view = signal<View>(viewOf(location.hash))
export const search = signal('')
export const sort = signal<Sort>('order')
export const today = signal<Day>(dayOf(new Date()))
export const isDoneShown = signal(false)

/** The row that the keyboard acts on, the row whose title is edited in place, and the task in the editor. */
export const current = signal<string>()
export const renamed = signal<string>()
export const opened = signal<string>()
export const isHelpShown = signal(false)
export const isSigningOut = signal(false)

/** The last thing that happened, for a while, with a button to undo it. */
export const toast = signal<{ text: string; isUndoable: boolean }>()

/** The tasks that were completed a moment ago. */
export const lingering = signal<ReadonlySet<string>>(new Set())

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

const notify = (words: string) => {
  toast.value = { text: words, isUndoable: true }
  say(words)
}

const lingerFor = 600

const named = (ids: string[], one: (title: string) => string, many: (n: number) => string) => {
  const [first = ''] = ids
  return ids.length === 1 ? one(all.value.get(first)?.title ?? '') : many(ids.length)
}

export const complete = (ids: string[], completed: boolean) => {
  const name = named(ids, completed ? text.completed : text.reopened, text.manyChanged)
  if (completed) {
    lingering.value = new Set([...lingering.value, ...ids])
    setTimeout(() => {
      lingering.value = new Set([...lingering.value].filter((id) => !ids.includes(id)))
    }, lingerFor)
  }
  void session.value?.tasks.change(name, ids, { completed })
  notify(name)
}

export const toggle = (task: Task) => complete([task.id], !task.completed)

export const remove = (task: Task) => {
  const name = text.deleted(task.title)
  void session.value?.tasks.remove(name, [task.id])
  notify(name)
}

export const edit = (
  ids: string[],
  fields: Partial<
    Pick<Task, 'title' | 'description' | 'priority' | 'tags' | 'due_date' | 'due_time'>
  >
) => {
  const name = named(ids, text.changed, text.manyChanged)
  const before = session.value?.tasks.undos.value.length
  void session.value?.tasks.change(name, ids, fields)
  if (session.value?.tasks.undos.value.length !== before) notify(name)
}

export const reschedule = (ids: string[], due_date: Day | null) =>
  edit(ids, due_date === null ? { due_date, due_time: null } : { due_date })

export const tomorrow = () => addDays(today.value, 1)
export const nextWeek = () => nextWeekday(today.value, 1)

/** The hand-sorted list that a task stands in, or nothing where it cannot be moved. */
export const listOf = (id: string): Task[] | undefined =>
  (view.value.is === 'today' ||
    ((view.value.is === 'all' || view.value.is === 'tag') && sort.value === 'order')) &&
  !search.value
    ? sections.value.find(
        ({ key, tasks }) =>
          (key === 'today' || key === 'open') && tasks.some((task) => task.id === id)
      )?.tasks
    : undefined

/** Moves a task by so many rows: up when negative, to the end of the list when infinite. */
export const moveBy = (task: Task, by: number) => {
  const list = listOf(task.id)
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
  toast.value = name ? { text: words, isUndoable: false } : undefined
  say(words)
}

/** The fields that a new task gets from the view in which it is added. */
export const fieldsOfView = (): Partial<Pick<Task, 'due_date' | 'tags'>> => {
  if (view.value.is === 'today') return { due_date: today.value }
  if (view.value.is === 'upcoming') return { due_date: tomorrow() }
  return view.value.is === 'tag' ? { tags: [view.value.tag] } : {}
}

/** Keeps `today` true over midnight, and after the device has slept. */
export const watchDay = () => {
  const look = () => {
    today.value = dayOf(new Date())
  }
  setInterval(look, 30_000)
  document.addEventListener('visibilitychange', look)
}

export const watchAddress = () => {
  addEventListener('hashchange', () => {
    view.value = viewOf(location.hash)
    current.value = undefined
    renamed.value = undefined
    scrollTo(0, 0)
  })
  effect(() => {
    const { value } = view
    document.title = `${value.is === 'tag' ? `#${value.tag}` : text.views[value.is]} · ${text.product}`
  })
}
