import { useEffect, useRef } from 'preact/hooks'
import type { Task } from './changes.ts'
import { sayDay } from './dates.ts'
import { Icon } from './icon.tsx'
import { openMenu } from './menu.tsx'
import { current, edit, opened, remove, renamed, today, toggle, view } from './state.ts'
import { text } from './text.ts'
import { addressOf } from './views.ts'

/** The title as a field. Enter and leaving it save, Escape does not, and an empty title deletes. */
const Rename = ({ task }: { task: Task }) => {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.select(), [])
  const close = (title: string) => {
    if (renamed.value !== task.id) return
    renamed.value = undefined
    if (!title) remove(task)
    else if ([...title].length <= 255) edit([task.id], { title })
  }
  return (
    <input
      ref={field}
      class="title"
      aria-label="Title"
      defaultValue={task.title}
      onBlur={({ currentTarget }) => close(currentTarget.value.trim())}
      onInput={({ currentTarget }) =>
        currentTarget.setCustomValidity(
          [...currentTarget.value.trim()].length > 255 ? text.titleTooLong : ''
        )
      }
      onKeyDown={(event) => {
        const field = event.currentTarget
        if (event.key === 'Escape') close(task.title)
        else if (event.key !== 'Enter' || !field.reportValidity()) return
        else close(field.value.trim())
        event.preventDefault()
        field.closest('li')?.focus()
      }}
    />
  )
}

const Due = ({ task }: { task: Task }) => {
  if (!task.due_date) return null
  const isLate = task.due_date < today.value && !task.completed
  const time = task.due_time ? ` ${task.due_time}` : ''
  // The title of the view says the day already.
  const isSaid = view.value.is === 'today' && task.due_date === today.value
  return (
    <time class={isLate ? 'late' : ''} dateTime={`${task.due_date}${time}`}>
      {isLate && <span class="unseen">Overdue: </span>}
      {isSaid ? time : `${sayDay(task.due_date, today.value)}${time}`}
    </time>
  )
}

export const Row = ({ task }: { task: Task }) => {
  const row = useRef<HTMLLIElement>(null)
  const { id, title, completed, priority, tags, description } = task
  const isCurrent = current.value === id
  const isRenamed = renamed.value === id
  useEffect(() => {
    const { activeElement } = document
    // The focus follows the keyboard's row, but is not taken from a field or a dialog.
    const isFree = activeElement === document.body || activeElement?.closest('.list, .menu')
    // Several keys may have come since this row became the current one.
    if (current.peek() === id && isFree && !row.current?.contains(activeElement))
      row.current?.focus()
  }, [isCurrent, id])
  return (
    <li
      ref={row}
      class={`row ${completed ? 'completed' : ''}`}
      tabIndex={isCurrent ? 0 : -1}
      onFocusIn={() => {
        current.value = id
      }}
    >
      <label class="check">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={completed}
          aria-label={`Done: ${title}`}
          onChange={() => toggle(task)}
        />
        <Icon name="check" />
      </label>
      <div class="words">
        {isRenamed ? (
          <Rename task={task} />
        ) : (
          <button
            type="button"
            class="title"
            tabIndex={-1}
            title="Edit the title"
            onClick={() => {
              renamed.value = id
            }}
          >
            {title}
          </button>
        )}
        <p class="facts">
          {priority !== 'medium' && (
            <span class={`priority ${priority}`}>
              <Icon name={priority} />
              {priority === 'high' ? 'High' : 'Low'}
            </span>
          )}
          <Due task={task} />
          {tags.map((tag) => (
            <a key={tag} href={addressOf({ is: 'tag', tag })} tabIndex={-1}>
              #{tag}
            </a>
          ))}
          {description && (
            <span>
              <Icon name="notes" />
              <span class="unseen">Has notes</span>
            </span>
          )}
        </p>
      </div>
      <button
        type="button"
        class="icon-button"
        tabIndex={-1}
        onClick={() => {
          opened.value = id
        }}
      >
        <Icon name="fold" />
        <span class="unseen">Open “{title}”</span>
      </button>
      <button
        type="button"
        class="icon-button"
        tabIndex={-1}
        aria-haspopup="menu"
        onClick={({ currentTarget }) => openMenu(id, currentTarget)}
      >
        <Icon name="more" />
        <span class="unseen">Menu of “{title}”</span>
      </button>
    </li>
  )
}
