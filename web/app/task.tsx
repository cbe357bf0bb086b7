import { useComputed } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Task } from './changes.ts'
import { sayDay } from './dates.ts'
import { dragged, mark, startDrag } from './drag.ts'
import { Icon, IconButton } from './icon.tsx'
import { keys } from './keys.ts'
import { faultsIn } from './limits.ts'
import { openMenu } from './menu.tsx'
import {
  current,
  finish,
  isOnList,
  isSelecting,
  lingering,
  openTask,
  remove,
  rename,
  renamed,
  selection,
  selectTo,
  selectToo,
  tell,
  today,
  toggle,
  view,
  whenHidden,
} from './state.ts'
import { text } from './text.ts'
import { addressOf } from './views.ts'

type Shown = Partial<Task> & Pick<Task, 'priority' | 'tags' | 'due_date' | 'due_time'>

const Due = ({ id, due_date, due_time, completed }: Shown) => {
  if (!due_date) return null
  const isLate = due_date < today.value && !completed
  const time = due_time ?? ''
  // The heading of a row says the day already.
  const { is } = view.value
  const isSaid = id && (is === 'upcoming' || (is === 'today' && due_date === today.value))
  if (isSaid && !time) return null
  return (
    <time class={isLate ? 'late' : ''} dateTime={`${due_date} ${time}`.trim()}>
      {isLate && <span class="unseen">Overdue: </span>}
      {isSaid ? time : `${sayDay(due_date, today.value)} ${time}`}
    </time>
  )
}

const factsOf = (id: string | undefined) => id && `${id}-facts`

/** What is to be known of a task beside its title. */
export const Facts = ({ children, ...task }: Shown & { children?: ComponentChildren }) => (
  <p class="facts" id={factsOf(task.id)}>
    {children}
    {task.completed && <span class="unseen">Done</span>}
    {task.priority !== 'medium' && (
      <span class={task.priority}>
        <Icon name={task.priority} />
        {text.priorities[task.priority]}
      </span>
    )}
    <Due {...task} />
    {task.tags.map((tag) => (
      <a key={tag} href={addressOf({ is: 'tag', tag })} tabIndex={-1}>
        #{tag}
      </a>
    ))}
    {task.description && (
      <span>
        <Icon name="notes" />
        <span class="unseen">Has notes</span>
      </span>
    )}
  </p>
)

/**
 * The title as a field. Enter and leaving it save, Escape takes back, and an empty title deletes. A
 * page that goes out of sight saves, for it may not come back.
 */
const Rename = (props: { task: Task }) => {
  const before = useRef(props.task.title).current
  /** The task that the edits since the last save start from, whatever arrives meanwhile. */
  const began = useRef(props.task)
  const field = useRef<HTMLInputElement>(null)
  const save = (title = field.current?.value.trim()) => {
    if (title) began.current = finish(began.current, { title })
    return title
  }
  const end = () => {
    rename(undefined)
    // What is typed next is for no other row.
    isOnList.value = false
  }
  const close = () => {
    if (renamed.value !== began.current.id) return
    end()
    if (!save()) remove([began.current])
  }
  useLayoutEffect(() => {
    field.current?.select()
    return () => {
      // Another device took the row away.
      if (renamed.value !== began.current.id) return
      end()
      save()
    }
  }, [])
  useEffect(
    () =>
      whenHidden(() => {
        if (!faultsIn({ title: field.current?.value.trim() ?? '' }).title) save()
      }),
    []
  )
  return (
    <input
      ref={field}
      class="title"
      aria-label="Title"
      enterKeyHint="done"
      defaultValue={props.task.title}
      onBlur={({ currentTarget }) => {
        // When the window loses the focus, its field keeps it.
        if (document.activeElement !== currentTarget) close()
      }}
      onKeyDown={(event) => {
        const { key, currentTarget, isComposing } = event
        if (isComposing || (key !== 'Enter' && key !== 'Escape')) return
        event.preventDefault()
        const title = currentTarget.value.trim()
        const fault = title && faultsIn({ title }).title
        if (key === 'Enter' && fault) return tell(fault)
        const row = currentTarget.closest('li')
        if (key === 'Enter') close()
        else {
          end()
          save(before)
        }
        row?.focus()
      }}
    />
  )
}

/** Whether a task is done or, while tasks are selected, whether it is one of them. */
const Check = ({ task, isSelected }: { task: Task; isSelected: boolean }) => {
  const { completed, title } = task
  return (
    <label class="check">
      <input
        type="checkbox"
        tabIndex={-1}
        checked={isSelecting.value ? isSelected : completed}
        aria-label={`${isSelecting.value ? 'Select' : 'Done'}: ${title}`}
        onChange={() => (isSelecting.value ? selectToo(task) : toggle([task]))}
      />
      <Icon name="check" />
    </label>
  )
}

export const Row = ({ task, canMove }: { task: Task; canMove: boolean }) => {
  const row = useRef<HTMLLIElement>(null)
  const { id, title, completed } = task
  const isCurrent = useComputed(() => current.value === id).value
  const isRenamed = useComputed(() => renamed.value === id).value
  const isSelected = useComputed(() => selection.value.ids.has(id)).value
  const looks = useComputed(() =>
    [
      lingering.value.has(id) && 'lingering',
      dragged.value.has(id) && 'dragged',
      mark.value?.id === id && mark.value.side,
    ]
      .filter(Boolean)
      .join(' ')
  ).value
  useEffect(() => {
    const { activeElement } = document
    // The focus follows the keyboard's row, but is not taken from elsewhere.
    const isFree =
      activeElement?.closest('.row') || (activeElement === document.body && isOnList.peek())
    // Several keys may have come since this row became the current one.
    if (current.peek() === id && isFree && !row.current?.contains(activeElement))
      row.current?.focus()
  }, [isCurrent, id])
  /** Selects, where the click says so: with a key held, or with a tap when the first is selected. */
  const onClick = (event: MouseEvent) => {
    const { ctrlKey, metaKey, shiftKey, target } = event
    const isOn = (names: string) => target instanceof Element && target.closest(names) !== null
    const isTap = isSelecting.value && isOn('.words') && matchMedia('(pointer: coarse)').matches
    if (isOn('a, input.title')) return
    if (shiftKey) selectTo(id)
    else if (ctrlKey || metaKey || isTap) selectToo(task)
    else return
    event.preventDefault()
    event.stopPropagation()
    row.current?.focus()
    const box = target instanceof Element && target.closest('.check')?.querySelector('input')
    if (!box) return
    // After the event, the browser takes back what the click did to the box.
    setTimeout(() => {
      box.checked = selection.value.ids.has(id)
    })
  }
  return (
    <li
      ref={row}
      id={id}
      class={`row ${completed ? 'completed' : ''} ${isSelected ? 'selected' : ''} ${looks}`}
      aria-label={isSelected ? text.isSelected(title) : title}
      aria-describedby={factsOf(id)}
      onClickCapture={onClick}
      onMouseDown={(event) => {
        // Keeps the current row, where the selection begins, and selects no text.
        if (event.shiftKey && !isRenamed) event.preventDefault()
      }}
      tabIndex={isCurrent ? 0 : -1}
      onFocusIn={() => {
        current.value = id
        isOnList.value = true
      }}
      onFocusOut={({ relatedTarget }) => {
        if (relatedTarget) isOnList.value = false
      }}
    >
      <Check task={task} isSelected={isSelected} />
      <div class="words">
        {isRenamed ? (
          <Rename task={task} />
        ) : (
          <button type="button" class="title" tabIndex={-1} onClick={() => rename(task)}>
            {title}
          </button>
        )}
        <Facts {...task} />
      </div>
      <IconButton
        icon="open"
        class="icon-button opens"
        label={`Open “${title}”`}
        tabIndex={-1}
        onClick={() => openTask(task)}
      />
      <IconButton
        icon="more"
        label={`Menu of “${title}”`}
        tabIndex={-1}
        aria-haspopup="menu"
        aria-expanded={false}
        onClick={({ currentTarget }) =>
          openMenu({ name: `“${title}”`, tasks: [task], groups: keys, button: currentTarget })
        }
      />
      {canMove && (
        <span class="grip" aria-hidden="true" onPointerDown={(event) => startDrag(task, event)}>
          <Icon name="grip" />
        </span>
      )}
    </li>
  )
}
