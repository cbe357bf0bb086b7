import type { Task } from './changes.ts'
import * as state from './state.ts'

/** Puts the focus into a field of the page. */
const focus = (id: string) => document.getElementById(id)?.focus()

const step = (by: number) => {
  const rows = state.rows.value
  const at = rows.findIndex(({ id }) => id === state.current.value)
  const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by
  const task = rows[Math.min(Math.max(next, 0), rows.length - 1)]
  state.current.value = task?.id
}

type Key = {
  /** As KeyboardEvent.key has them, with Alt+ and Mod+ (Ctrl or Cmd) in front. */
  keys: string[]
  /** What the help says. */
  does: string
  run?: () => void
  /** For keys that act on the current row. */
  act?: (task: Task) => void
}

/** The keyboard map: what the listener does, and what the help shows. */
export const keys: Key[] = [
  { keys: ['n', 'q'], does: 'Add a task', run: () => focus('quick-add') },
  { keys: ['/'], does: 'Search', run: () => focus('search') },
  { keys: ['j', 'ArrowDown'], does: 'Next task', run: () => step(1) },
  { keys: ['k', 'ArrowUp'], does: 'Task before', run: () => step(-1) },
  {
    keys: ['Enter'],
    does: 'Open the task',
    act: ({ id }) => {
      state.opened.value = id
    },
  },
  {
    keys: ['F2'],
    does: 'Edit the title in place',
    act: ({ id }) => {
      state.renamed.value = id
    },
  },
  { keys: ['x', ' '], does: 'Done, or not done', act: state.toggle },
  { keys: ['z', 'Mod+z'], does: 'Undo', run: state.undo },
  { keys: ['Delete', 'Backspace'], does: 'Delete', act: state.remove },
  { keys: ['t'], does: 'Do it today', act: ({ id }) => state.reschedule([id], state.today.value) },
  {
    keys: ['m'],
    does: 'Do it tomorrow',
    act: ({ id }) => state.reschedule([id], state.tomorrow()),
  },
  {
    keys: ['w'],
    does: 'Do it next week',
    act: ({ id }) => state.reschedule([id], state.nextWeek()),
  },
  { keys: ['1'], does: 'High priority', act: ({ id }) => state.edit([id], { priority: 'high' }) },
  {
    keys: ['2'],
    does: 'Medium priority',
    act: ({ id }) => state.edit([id], { priority: 'medium' }),
  },
  { keys: ['3'], does: 'Low priority', act: ({ id }) => state.edit([id], { priority: 'low' }) },
  { keys: ['Alt+ArrowUp'], does: 'Move up', act: (task) => state.moveBy(task, -1) },
  { keys: ['Alt+ArrowDown'], does: 'Move down', act: (task) => state.moveBy(task, 1) },
  {
    keys: ['Alt+Shift+ArrowUp'],
    does: 'Move to the top',
    act: (task) => state.moveBy(task, Number.NEGATIVE_INFINITY),
  },
  {
    keys: ['Alt+Shift+ArrowDown'],
    does: 'Move to the end',
    act: (task) => state.moveBy(task, Number.POSITIVE_INFINITY),
  },
  {
    keys: ['?'],
    does: 'This help',
    run: () => {
      state.isHelpShown.value = true
    },
  },
  { keys: ['Escape'], does: 'Leave, clear or close' },
]

const nameOf = ({ key, altKey, ctrlKey, metaKey, shiftKey }: KeyboardEvent) =>
  `${ctrlKey || metaKey ? 'Mod+' : ''}${altKey ? 'Alt+' : ''}${
    altKey && shiftKey ? 'Shift+' : ''
  }${key}`

const isTyping = (element: Element | null) =>
  element instanceof HTMLElement && element.matches('input:not([type=checkbox]), textarea, select')

export const onKeyDown = (event: KeyboardEvent) => {
  const { target } = event
  if (!state.session.value || event.defaultPrevented || !(target instanceof Element)) return
  if (isTyping(target) || document.querySelector('dialog[open], :popover-open')) return
  const key = keys.find(({ keys }) => keys.includes(nameOf(event)))
  if (!key) return
  // A button that has the focus keeps its own keys.
  if (/^( |Enter)$/.test(event.key) && target.closest('button, a, summary, input')) return
  const task = state.rows.value.find(({ id }) => id === state.current.value)
  if (key.run) key.run()
  else if (key.act && task) key.act(task)
  else return
  event.preventDefault()
}
