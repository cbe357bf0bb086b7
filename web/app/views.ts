import type { Task } from './changes.ts'
import { type Day, dayOf } from './dates.ts'
import { byOrder, compare } from './order.ts'

/** The screens that have a name of their own in the address. */
const named = ['today', 'upcoming', 'all', 'done', 'trash', 'settings'] as const
type Named = (typeof named)[number]

export type View = { is: Named } | { is: 'tag'; tag: string }

export type Sort = 'order' | 'due' | 'priority' | 'title' | 'newest'

/** A run of tasks under one heading. `day` is the day that all of them belong to. */
export type Section = { key: string; day?: Day; tasks: Task[] }

const viewOfTag = (text: string): View => {
  try {
    return { is: 'tag', tag: decodeURIComponent(text) }
  } catch {
    return { is: 'today' }
  }
}

/** The view that the fragment of an address names. */
export const viewOf = (fragment: string): View => {
  const [name = '', tag = ''] = fragment.replace(/^#/, '').split('/')
  if (name === 'tag' && tag) return viewOfTag(tag)
  return { is: named.find((is) => is === name) ?? 'today' }
}

export const addressOf = (view: View) =>
  view.is === 'tag' ? `#tag/${encodeURIComponent(view.tag)}` : `#${view.is}`

const ranks = { high: 0, medium: 1, low: 2 }
/** What is missing comes last: tasks without a date, and on a day those without a time. */
const compareLast = (a: string | null, b: string | null) => compare(a ?? '~', b ?? '~')

const sorts: Record<Sort, (a: Task, b: Task) => number> = {
  order: byOrder,
  due: (a, b) =>
    compareLast(a.due_date, b.due_date) || compareLast(a.due_time, b.due_time) || byOrder(a, b),
  priority: (a, b) => ranks[a.priority] - ranks[b.priority] || byOrder(a, b),
  title: (a, b) => a.title.localeCompare(b.title) || byOrder(a, b),
  newest: (a, b) => compare(b.created_at, a.created_at) || compare(b.id, a.id),
}

export const hasTag = ({ tags }: Task, tag: string) =>
  tags.some((own) => own.toLowerCase() === tag.toLowerCase())

/** Whether the task has every word of the search: `#tag`, `!high`, or part of its title or notes. */
export const matches = (task: Task, search: string) => {
  const text = `${task.title}\n${task.description ?? ''}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => {
      if (word.length > 1 && word.startsWith('#'))
        return task.tags.some((tag) => tag.toLowerCase().startsWith(word.slice(1)))
      if (/^!(high|medium|low)$/.test(word)) return task.priority === word.slice(1)
      return text.includes(word)
    })
}

const byDay = (tasks: Task[], dayOfTask: (task: Task) => Day): Section[] =>
  [...Map.groupBy(tasks, dayOfTask)].map(([day, tasks]) => ({ key: day, day, tasks }))

type Options = {
  view: View
  today: Day
  sort?: Sort
  search?: string
  /** The tasks that were completed a moment ago stay in their place, so that a slip is seen. */
  lingering?: ReadonlySet<string>
}

/** What a view shows, in sections. */
export const sectionsOf = (
  tasks: Iterable<Task>,
  { view, today, sort = 'order', search = '', lingering = new Set() }: Options
): Section[] => {
  const open: Task[] = []
  const done: Task[] = []
  if (view.is === 'trash' || view.is === 'settings') return []
  for (const task of tasks) {
    if (search && !matches(task, search)) continue
    if (view.is === 'tag' && !hasTag(task, view.tag)) continue
    if (task.completed && !lingering.has(task.id)) done.push(task)
    else open.push(task)
  }
  const present = (sections: Section[]) => sections.filter(({ tasks }) => tasks.length)
  const finished = () => done.sort((a, b) => compare(b.completed_at ?? '', a.completed_at ?? ''))
  const due = (wanted: (day: Day) => boolean) =>
    open.filter(({ due_date }) => due_date && wanted(due_date))

  if (view.is === 'today')
    return present([
      { key: 'late', tasks: due((day) => day < today).sort(sorts.due) },
      { key: 'today', tasks: due((day) => day === today).sort(byOrder) },
    ])
  if (view.is === 'upcoming')
    return byDay(due((day) => day > today).sort(sorts.due), ({ due_date }) => due_date ?? today)
  if (view.is === 'done')
    return byDay(finished(), ({ completed_at }) => dayOf(new Date(completed_at ?? 0)))
  return present([
    { key: 'open', tasks: open.sort(sorts[sort]) },
    { key: 'done', tasks: finished() },
  ])
}

/** How many open tasks each view has, and every tag with its number. */
export const countsOf = (tasks: Iterable<Task>, today: Day) => {
  const counts = { today: 0, upcoming: 0, all: 0, tags: new Map<string, number>() }
  const names = new Map<string, string>()
  for (const { completed, due_date, tags } of tasks) {
    if (completed) continue
    counts.all++
    if (due_date && due_date <= today) counts.today++
    if (due_date && due_date > today) counts.upcoming++
    for (const tag of tags) {
      const key = tag.toLowerCase()
      const name = names.get(key) ?? tag
      names.set(key, name)
      counts.tags.set(name, (counts.tags.get(name) ?? 0) + 1)
    }
  }
  return counts
}
