import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Task } from './changes.ts'
import {
  current,
  edit,
  listOf,
  moveBy,
  nextWeek,
  opened,
  remove,
  reschedule,
  session,
  today,
  tomorrow,
} from './state.ts'

/** The task whose menu is open, and the button that it hangs on. */
const menu = signal<{ id: string; button: HTMLElement }>()

export const openMenu = (id: string, button: HTMLElement) => {
  menu.value = { id, button }
}

const itemsOf = (task: Task): [string, () => void][] => {
  const { id } = task
  const { NEGATIVE_INFINITY } = Number
  return [
    [
      'Open',
      () => {
        opened.value = id
      },
    ],
    ['Today', () => reschedule([id], today.value)],
    ['Tomorrow', () => reschedule([id], tomorrow())],
    ['Next week', () => reschedule([id], nextWeek())],
    ...(task.due_date ? [['No date', () => reschedule([id], null)] as [string, () => void]] : []),
    ...(['high', 'medium', 'low'] as const)
      .filter((priority) => priority !== task.priority)
      .map((priority): [string, () => void] => [
        `${priority[0]?.toUpperCase()}${priority.slice(1)} priority`,
        () => edit([id], { priority }),
      ]),
    ...(listOf(id)
      ? ([
          ['Move up', () => moveBy(task, -1)],
          ['Move down', () => moveBy(task, 1)],
          ['Move to the top', () => moveBy(task, NEGATIVE_INFINITY)],
        ] as [string, () => void][])
      : []),
    ['Delete', () => remove(task)],
  ]
}

const Items = ({ task, button }: { task: Task; button: HTMLElement }) => {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const popover = element.current
    if (!popover) return
    popover.showPopover()
    const { bottom, right, top } = button.getBoundingClientRect()
    const { offsetHeight, offsetWidth } = popover
    const fits = bottom + offsetHeight < innerHeight
    popover.style.top = `${Math.max(8, fits ? bottom : top - offsetHeight)}px`
    popover.style.left = `${Math.max(8, right - offsetWidth)}px`
    popover.querySelector('button')?.focus()
  }, [button])
  const step = (event: KeyboardEvent) => {
    const buttons = [...(element.current?.querySelectorAll('button') ?? [])]
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (!by) return
    event.preventDefault()
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    buttons.at((at + by) % buttons.length)?.focus()
  }
  return (
    <div
      ref={element}
      class="menu"
      role="menu"
      aria-label={`Menu of “${task.title}”`}
      popover="auto"
      onKeyDown={step}
      onToggle={({ newState }) => {
        if (newState === 'closed') menu.value = undefined
      }}
    >
      {itemsOf(task).map(([name, run]) => (
        <button
          key={name}
          type="button"
          role="menuitem"
          onClick={() => {
            element.current?.hidePopover()
            button.closest('li')?.focus()
            current.value = task.id
            run()
          }}
        >
          {name}
        </button>
      ))}
    </div>
  )
}

export const Menu = () => {
  const open = menu.value
  const task = open && session.value?.tasks.all.value.get(open.id)
  return open && task ? <Items key={task.id} task={task} button={open.button} /> : null
}
