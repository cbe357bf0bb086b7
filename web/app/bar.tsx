import { useSignal } from '@preact/signals'
import { sayDay } from './dates.ts'
import { Icon, type IconName } from './icon.tsx'
import { type Understood, understand } from './quick-add.ts'
import {
  counts,
  fieldsOfView,
  isHelpShown,
  isSigningOut,
  say,
  search,
  session,
  toast,
  today,
  view,
} from './state.ts'
import { text } from './text.ts'
import { addressOf, type View } from './views.ts'

/** The fields of a new task, with those that the view adds. */
const read = (line: string): Understood => {
  const understood = understand(line, today.value)
  const { due_date, tags = [] } = fieldsOfView()
  const known = new Set(understood.tags.map((tag) => tag.toLowerCase()))
  return {
    ...understood,
    due_date: understood.due_date ?? due_date ?? null,
    tags: [...understood.tags, ...tags.filter((tag) => !known.has(tag.toLowerCase()))],
  }
}

/** The field for new tasks, with a line that shows what was understood. */
export const QuickAdd = () => {
  const line = useSignal('')
  const fault = useSignal('')
  const fields = read(line.value)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    if (!fields.title) fault.value = text.titleMissing
    else if ([...fields.title].length > 255) fault.value = text.titleTooLong
    else {
      const name = text.added(fields.title)
      session.value?.tasks.add(name, fields)
      toast.value = { text: name, isUndoable: true }
      say(name)
      line.value = ''
    }
  }
  return (
    <form class="quick-add" noValidate onSubmit={submit}>
      <Icon name="add" />
      <input
        id="quick-add"
        aria-label="New task"
        aria-describedby="understood"
        aria-invalid={Boolean(fault.value)}
        placeholder="Pay rent tomorrow 9:30 #home !high"
        autocomplete="off"
        enterKeyHint="done"
        value={line.value}
        onInput={({ currentTarget }) => {
          line.value = currentTarget.value
          fault.value = ''
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          line.value = ''
          fault.value = ''
          event.currentTarget.blur()
        }}
      />
      <button type="submit" class="quiet" hidden={!line.value}>
        Add
      </button>
      <p id="understood" class="facts">
        {fault.value ? (
          <span class="fault">{fault}</span>
        ) : (
          line.value && (
            <>
              <b>{fields.title || '…'}</b>
              {fields.due_date && (
                <span>
                  {sayDay(fields.due_date, today.value)}
                  {fields.due_time && ` ${fields.due_time}`}
                </span>
              )}
              {fields.priority !== 'medium' && (
                <span class={`priority ${fields.priority}`}>
                  <Icon name={fields.priority} />
                  {fields.priority === 'high' ? 'High' : 'Low'}
                </span>
              )}
              {fields.tags.map((tag) => (
                <span key={tag}>#{tag}</span>
              ))}
            </>
          )
        )}
      </p>
    </form>
  )
}

export const Search = () => (
  <div class="search">
    <Icon name="search" />
    <input
      id="search"
      type="search"
      aria-label="Search"
      placeholder="Search, #tag, !high"
      autocomplete="off"
      value={search.value}
      onInput={({ currentTarget }) => {
        search.value = currentTarget.value
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        search.value = ''
        event.currentTarget.blur()
      }}
    />
  </div>
)

const Place = ({
  to,
  icon,
  name,
  count,
}: {
  to: View
  icon: IconName
  name: string
  count?: number
}) => {
  const address = addressOf(to)
  return (
    <li>
      <a href={address} aria-current={addressOf(view.value) === address ? 'page' : undefined}>
        <Icon name={icon} />
        <span class="name">{name}</span>
        {count ? (
          <span class="count">
            {count}
            <span class="unseen"> open</span>
          </span>
        ) : null}
      </a>
    </li>
  )
}

/** The views, as a list at the side or a bar at the bottom. */
export const Views = () => {
  const { tags, ...open } = counts.value
  const names = [...tags].sort(([a], [b]) => a.localeCompare(b))
  return (
    <nav aria-label="Views">
      <ul>
        <Place to={{ is: 'today' }} icon="today" name={text.views.today} count={open.today} />
        <Place
          to={{ is: 'upcoming' }}
          icon="upcoming"
          name={text.views.upcoming}
          count={open.upcoming}
        />
        <Place to={{ is: 'all' }} icon="all" name={text.views.all} count={open.all} />
        <Place to={{ is: 'done' }} icon="done" name={text.views.done} />
      </ul>
      {names.length > 0 && (
        <ul class="tags">
          {names.map(([tag, count]) => (
            <Place key={tag} to={{ is: 'tag', tag }} icon="tag" name={tag} count={count} />
          ))}
        </ul>
      )}
    </nav>
  )
}

export const Tools = () => (
  <div class="tools">
    <button
      type="button"
      class="icon-button"
      title="Keyboard (?)"
      onClick={() => {
        isHelpShown.value = true
      }}
    >
      <Icon name="help" />
      <span class="unseen">Keyboard</span>
    </button>
    <button
      type="button"
      class="icon-button"
      title={`Sign out ${session.value?.user.email ?? ''}`}
      onClick={() => {
        isSigningOut.value = true
      }}
    >
      <Icon name="leave" />
      <span class="unseen">Sign out</span>
    </button>
  </div>
)
