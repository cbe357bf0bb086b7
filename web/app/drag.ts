import { signal } from '@preact/signals'
import type { Task } from './changes.ts'
import { drop, listOf, selection } from './state.ts'

/** The tasks that are dragged by their grip. */
export const dragged = signal<ReadonlySet<string>>(new Set())
/** The row that they would be dropped on, and on which side of it. */
export const mark = signal<{ id: string; side: 'before' | 'after' }>()

/** So near to the edge of the screen, in pixels, the page scrolls: at most so far in a frame. */
const near = 96
const fastest = 24
/** A pointer that moves less, in pixels, drags nothing. */
const slip = 5

const within = (least: number, n: number, most: number) => Math.max(least, Math.min(n, most))

const scrollNear = (y: number) => {
  const beyond = y < near ? y - near : Math.max(y - innerHeight + near, 0)
  scrollBy(0, within(-fastest, beyond / 4, fastest))
}

/** Drags a task, with all others when it is selected, until the pointer or Esc ends it. */
export const startDrag = (
  task: Task,
  { button, clientY, ctrlKey, currentTarget, pointerId }: PointerEvent
) => {
  const list = currentTarget instanceof Element && currentTarget.closest('ul')
  // With Ctrl, a click opens the menu of the browser on a Mac.
  if (button || ctrlKey || dragged.value.size || !list) return
  const { ids } = selection.value
  const together = ids.has(task.id) ? listOf(new Set([task.id])) : undefined
  dragged.value = new Set(together?.map(({ id }) => id).filter((id) => ids.has(id)) ?? [task.id])
  // The body, for the row itself may be put elsewhere by what arrives meanwhile.
  document.body.setPointerCapture(pointerId)
  let y = clientY
  let hasMoved = false

  const look = () => {
    const { bottom, left, top, width } = list.getBoundingClientRect()
    const line = within(Math.max(top, 0) + 1, y, Math.min(bottom, innerHeight) - 1)
    const row = document.elementsFromPoint(left + width / 2, line).find((e) => e.matches('.row'))
    const { top: above = 0, height = 0 } = row?.getBoundingClientRect() ?? {}
    const side = line < above + height / 2 ? 'before' : 'after'
    if (mark.value?.id !== row?.id || mark.value?.side !== side)
      mark.value = row && { id: row.id, side }
  }
  // In every frame, for the rows move under a pointer that rests, too.
  const follow = () => {
    if (hasMoved) {
      scrollNear(y)
      look()
    }
    frame = requestAnimationFrame(follow)
  }
  let frame = requestAnimationFrame(follow)

  const listening = new AbortController()
  const listen = <Name extends keyof WindowEventMap>(
    name: Name,
    hear: (event: WindowEventMap[Name]) => void
  ) => addEventListener(name, hear, { capture: true, signal: listening.signal })
  const end = () => {
    cancelAnimationFrame(frame)
    listening.abort()
    dragged.value = new Set()
    mark.value = undefined
  }
  listen('pointermove', (event) => {
    if (event.pointerId !== pointerId) return
    y = event.clientY
    hasMoved ||= Math.abs(y - clientY) > slip
  })
  listen('pointerup', (event) => {
    if (event.pointerId !== pointerId) return
    if (hasMoved) look()
    if (mark.value) drop(dragged.value, mark.value.id, mark.value.side)
    end()
  })
  listen('pointercancel', (event) => {
    if (event.pointerId === pointerId) end()
  })
  listen('hashchange', end)
  listen('keydown', (event) => {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    end()
  })
}
