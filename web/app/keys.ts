import type { Task } from './changes.ts'
import type { Day } from './dates.ts'
import { preferences } from './preferences.ts'
import * as state from './state.ts'

export type Key = {
  /** As KeyboardEvent.key has them, with Alt+ and Mod+ (Ctrl or Cmd) in front. */
  keys: string[]
  does: string
  run?: () => void
  /** For keys that act on the selected tasks, or else on the current row. */
  act?: (tasks: Task[]) => void
  /** Whether the key acts on the current row alone. */
  isForOne?: boolean
  /** Whether the menu of a task has it too. */
  menu?: (task: Task) => boolean
}

/** Puts the focus on a field. When this view does not have it, `address` leads to one that does. */
const focus = (id: string, address: string) => {
  const field = document.getElementById(id)
  if (field) return field.focus()
  // Until it is there, the letters are no keys of the list.
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
  state.isOnList.value = false
  location.hash = address
  const look = () => requestAnimationFrame(() => document.getElementById(id)?.focus())
  addEventListener('hashchange', look, { once: true })
}

const isTyping = (element: Element | null): element is HTMLElement =>
  element instanceof HTMLElement && element.matches('input:not([type=checkbox]), textarea, select')

/** Empties the field that has the focus and leaves it. On the list, ends the selection or the search. */
const leave = () => {
  const field = document.activeElement
  if (field?.id === 'quick-add') state.line.value = ''
  else if (state.isSelecting.value && field?.id !== 'search') state.unselect()
  else state.search.value = ''
  if (isTyping(field)) field.blur()
  state.toast.value = undefined
}

const due = (key: string[], does: string, day: () => Day | null): Key => ({
  keys: key,
  does,
  act: (tasks) => state.reschedule(tasks, day()),
  menu: ({ due_date }) => due_date !== day(),
})

const priority = (key: string, does: string, priority: Task['priority']): Key => ({
  keys: [key],
  does,
  act: (tasks) => state.edit(tasks, { priority }),
  menu: (task) => task.priority !== priority,
})

const move = (key: string, does: string, by: number): Key => ({
  keys: [key],
  does,
  act: (tasks) => state.moveBy(tasks, by),
  menu: ({ id }) => Boolean(state.listOf(new Set([id]))),
})

const always = () => true

/** A key that acts on the current row alone. */
const one = (key: string, does: string, act: (task: Task) => void): Key => ({
  keys: [key],
  does,
  act: ([task]) => task && act(task),
  isForOne: true,
})

export const dates: Key[] = [
  due(['t'], 'Today', () => state.today.value),
  due(['m'], 'Tomorrow', state.tomorrow),
  due(['w'], 'Next week', state.nextWeek),
  {
    keys: ['d'],
    does: 'Another date',
    act: (tasks) => state.openField(tasks, 'due_date'),
    menu: always,
  },
  due([], 'No date', () => null),
]

export const priorities: Key[] = [
  priority('1', 'High priority', 'high'),
  priority('2', 'Medium priority', 'medium'),
  priority('3', 'Low priority', 'low'),
]

/** The keyboard map, in groups: what the listener does, the help shows, and the menus offer. */
export const keys: Key[][] = [
  [
    { keys: ['n', 'q'], does: 'New task', run: () => focus('quick-add', '#today') },
    { keys: ['/'], does: 'Search', run: () => focus('search', '#all') },
    { keys: ['z', 'Mod+z'], does: 'Undo', run: state.undo },
    { keys: ['Escape'], does: 'Leave, clear, close', run: leave },
    { keys: ['?'], does: 'This help', run: () => state.show({ is: 'help' }) },
  ],
  [
    { keys: ['j', 'ArrowDown'], does: 'Next task', run: () => state.step(1) },
    { keys: ['k', 'ArrowUp'], does: 'Previous task', run: () => state.step(-1) },
    { keys: ['x', ' '], does: 'Done, or not done', act: state.toggle },
    { ...one('Enter', 'Open', (task) => state.openTask(task)), menu: always },
    one('F2', 'Edit the title', state.rename),
    { keys: ['#'], does: 'Tags', act: (tasks) => state.openField(tasks, 'tags'), menu: always },
  ],
  [
    { ...one('s', 'Select', state.selectToo), menu: always },
    { keys: ['Shift+ArrowDown'], does: 'Select down', run: () => state.stepSelecting(1) },
    { keys: ['Shift+ArrowUp'], does: 'Select up', run: () => state.stepSelecting(-1) },
    { keys: ['Mod+a'], does: 'Select all', run: state.selectAll },
  ],
  dates,
  priorities,
  [
    move('Alt+ArrowUp', 'Move up', -1),
    move('Alt+ArrowDown', 'Move down', 1),
    move('Alt+Shift+ArrowUp', 'Move to the top', Number.NEGATIVE_INFINITY),
    move('Alt+Shift+ArrowDown', 'Move to the end', Number.POSITIVE_INFINITY),
  ],
  [{ keys: ['Delete', 'Backspace'], does: 'Delete', act: state.remove, menu: always }],
]

/** Whether a key works: letters, digits and signs alone can be switched off. */
const isOn = (key: string) => key.length > 1 || key === ' ' || preferences.value.singleKeys === 'on'

/** Those of its keys that work. */
export const keysOf = ({ keys }: Key) => keys.filter(isOn)

const isApple = /Mac|iP/.test(navigator.platform)
const names: Record<string, string> = {
  ' ': 'Space',
  ArrowDown: '↓',
  ArrowUp: '↑',
  Escape: 'Esc',
  Delete: 'Del',
  Mod: isApple ? 'Cmd' : 'Ctrl',
  Alt: isApple ? 'Option' : 'Alt',
}

/** A key as it stands on the keyboard. */
export const sayKey = (key: string) =>
  key
    .split('+')
    .map((part) => names[part] ?? part)
    .join(' ')

const nameOf = ({ key, altKey, ctrlKey, metaKey, shiftKey }: KeyboardEvent) => {
  // Some layouts have these on AltGr, which Windows reports as Ctrl and Alt, or on Option.
  if (/^[#/?]$/.test(key) && (altKey || !ctrlKey) && !metaKey) return key
  const modifier = ctrlKey || metaKey ? 'Mod+' : ''
  const shift = shiftKey && (altKey || key.startsWith('Arrow')) ? 'Shift+' : ''
  return `${modifier}${altKey ? 'Alt+' : ''}${shift}${key}`
}

/** Whether a key here is meant for the list: on a row, on what belongs to a selection, or on no other place. */
const isForList = (target: Element) =>
  target.matches('body, h1')
    ? state.isOnList.value || state.isSelecting.value
    : target.closest('.row, .selection') !== null

export const onKeyDown = (event: KeyboardEvent) => {
  const { target, defaultPrevented, isComposing } = event
  if (!state.session.value || defaultPrevented || isComposing || !(target instanceof Element))
    return
  // Something covers the list, which may be the form to sign in.
  if (document.querySelector('.sign-in, dialog[open], :popover-open')) return
  if (isTyping(target) && event.key !== 'Escape') return
  // A button that has the focus keeps its own keys.
  if (/^( |Enter)$/.test(event.key) && target.closest('button, a, input')) return
  // Where there is no list, the arrows scroll.
  const here = state.isList() ? keys.flat() : (keys[0] ?? [])
  const key = here.find((key) => keysOf(key).includes(nameOf(event)))
  const task = state.rows.value.find(({ id }) => id === state.current.value)
  // A key that is held goes through the list, and does nothing else again.
  const isHeld = event.repeat && !/^[jk]$|^Arrow/.test(event.key)
  if (isHeld && key && (key.run || isForList(target))) return event.preventDefault()
  if (key?.run) key.run()
  else if (!isForList(target)) return
  else if (key?.act && !key.isForOne && state.isSelecting.value) key.act(state.selected.value)
  else if (key?.act && task) key.act([task])
  else return
  event.preventDefault()
}

/** A press elsewhere leaves the list, although no other element takes the focus. */
export const onPointerDown = ({ target }: PointerEvent) => {
  const isBeside = target instanceof Element && !target.closest('.row, .selection, .menu, dialog')
  if (isBeside) state.isOnList.value = false
}
