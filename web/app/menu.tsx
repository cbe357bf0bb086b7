import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Task } from './changes.ts'
import { type Key, keysOf, sayKey } from './keys.ts'
import { current } from './state.ts'

/** The menu that is open: for which tasks, with which keys, and the button that it hangs on. */
type Open = { name: string; tasks: Task[]; groups: Key[][]; button: HTMLElement }
const menu = signal<Open & { nth: number }>()
let opened = 0

export const openMenu = (open: Open) => {
  opened++
  menu.value = { ...open, nth: opened }
}

const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 }

const Items = ({ name, tasks, groups, button }: Open) => {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const popover = element.current
    if (!popover) return
    popover.showPopover()
    const { bottom, right, top } = button.getBoundingClientRect()
    const { offsetHeight, offsetWidth } = popover
    const y = bottom + offsetHeight < innerHeight ? bottom : top - offsetHeight
    popover.style.top = `${Math.max(8, Math.min(y, innerHeight - offsetHeight - 8))}px`
    popover.style.left = `${Math.max(8, right - offsetWidth)}px`
    popover.querySelector('button')?.focus()
    button.ariaExpanded = 'true'
    return () => {
      button.ariaExpanded = 'false'
    }
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
  const choose = (act: (tasks: Task[]) => void) => {
    element.current?.hidePopover()
    const row = button.closest('li')
    row?.focus()
    if (row) current.value = row.id
    act(tasks)
  }
  return (
    <div
      ref={element}
      class="menu"
      role="menu"
      aria-label={`Menu of ${name}`}
      popover="auto"
      onKeyDown={onKeyDown}
      onToggle={({ newState }) => {
        // The menu of another button may have opened meanwhile.
        if (newState === 'closed' && menu.value?.button === button) menu.value = undefined
      }}
    >
      {groups.map((group) => (
        <fieldset key={group[0]?.does} role="presentation">
          {group.map((item) => {
            const { does, act, menu } = item
            const [key] = keysOf(item)
            return (
              act &&
              menu &&
              tasks.some(menu) && (
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

export const Menu = () => menu.value && <Items key={menu.value.nth} {...menu.value} />
