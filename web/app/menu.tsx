import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Task } from './changes.ts'
import { keys, keysOf, sayKey } from './keys.ts'
import { current } from './state.ts'

/** The task whose menu is open, and the button that it hangs on. */
const menu = signal<{ task: Task; button: HTMLElement }>()

export const openMenu = (task: Task, button: HTMLElement) => {
  menu.value = { task, button }
}

const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 }

const Items = ({ task, button }: { task: Task; button: HTMLElement }) => {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const popover = element.current
    if (!popover) return
    popover.showPopover()
    const { bottom, right, top } = button.getBoundingClientRect()
    const { offsetHeight, offsetWidth } = popover
    const above = top - offsetHeight
    const y = bottom + offsetHeight < innerHeight ? bottom : above
    popover.style.top = `${Math.max(8, Math.min(y, innerHeight - offsetHeight - 8))}px`
    popover.style.left = `${Math.max(8, right - offsetWidth)}px`
    popover.querySelector('button')?.focus()
  }, [button])
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Tab') element.current?.hidePopover()
    const by = steps[event.key]
    if (!by) return
    event.preventDefault()
    const buttons = [...(element.current?.querySelectorAll('button') ?? [])]
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    buttons.at((at + by) % buttons.length)?.focus()
  }
  const choose = (act: (task: Task) => void) => {
    element.current?.hidePopover()
    button.closest('li')?.focus()
    current.value = task.id
    act(task)
  }
  return (
    <div
      ref={element}
      class="menu"
      role="menu"
      aria-label={`Menu of “${task.title}”`}
      popover="auto"
      onKeyDown={onKeyDown}
      onToggle={({ newState }) => {
        if (newState === 'closed') menu.value = undefined
      }}
    >
      {keys.map((group) => (
        <fieldset key={group[0]?.does} role="presentation">
          {group.map((item) => {
            const { does, act, menu } = item
            const [key] = keysOf(item)
            return (
              act &&
              menu?.(task) && (
                <button key={does} type="button" role="menuitem" onClick={() => choose(act)}>
                  {does}
                  {key && (
                    <span class="key" aria-hidden="true">
                      {sayKey(key)}
                    </span>
                  )}
                </button>
              )
            )
          })}
        </fieldset>
      ))}
    </div>
  )
}

export const Menu = () => menu.value && <Items key={menu.value.task.id} {...menu.value} />
