import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { QuietButton } from './button.tsx'
import { union } from './changes.ts'
import { Icon, IconButton, type IconName } from './icon.tsx'
import { faultsIn } from './limits.ts'
import { firstDay } from './preferences.ts'
import { type Understood, understand } from './quick-add.ts'
import {
  add,
  counts,
  fieldsOfView,
  focusTop,
  isList,
  line,
  nameOfView,
  remove,
  rows,
  say,
  search,
  session,
  show,
  sort,
  today,
  view,
} from './state.ts'
import { Facts } from './task.tsx'
import { text } from './text.ts'
import { addressOf, type Sort, type View } from './views.ts'

/** The fields of a new task, with those that the view adds. */
const read = (line: string): Understood => {
  const understood = understand(line, today.value, undefined, firstDay())
  const { due_date, tags = [] } = fieldsOfView()
  return {
    ...understood,
    due_date: understood.due_date ?? due_date ?? null,
    tags: union(tags, understood.tags),
  }
}

const faultIn = (fields: Understood) => {
  const { title, tags } = faultsIn(fields)
  return title ?? tags ?? ''
}

/** The lines of a pasted list, without bullets, numbers and boxes. */
const linesOf = (pasted: string) =>
  pasted
    .split('\n')
    .map((line) => line.replace(/^\s*(?:(?:[-*•]|\d+[.)]|\[[ x]?\])(?:\s+|$))*/i, '').trim())
    .filter(Boolean)

/** The field for new tasks, with a line that shows what was understood. */
export const QuickAdd = () => {
  /** Why nothing was added, until the line changes or is left. */
  const fault = useSignal('')
  const fields = read(line.value)
  const field = useRef<HTMLInputElement>(null)
  /** Adds all or, where there is a fault, nothing. */
  const addAll = (all: [Understood, ...Understood[]], words: string) => {
    fault.value = words
    if (words) say(words, 'assertive')
    else add(...all)
    return !words
  }
  const forgive = () => {
    fault.value = ''
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    // The button goes with the line, and the next line is typed here.
    field.current?.focus()
    if (line.value.trim() && addAll([fields], faultIn(fields))) line.value = ''
  }
  const paste = (event: ClipboardEvent) => {
    const lines = linesOf(event.clipboardData?.getData('text') ?? '')
    const [one, ...more] = lines.map(read)
    if (!one || !more.length) return
    event.preventDefault()
    const faults = [one, ...more].map(faultIn)
    const at = faults.findIndex(Boolean)
    addAll([one, ...more], at < 0 ? '' : text.notAdded(lines[at] ?? '', faults[at] ?? ''))
  }
  return (
    <form class="quick-add box" noValidate onSubmit={submit}>
      <Icon name="add" />
      <input
        ref={field}
        id="quick-add"
        aria-label="New task"
        aria-describedby="understood"
        aria-invalid={fault.value ? true : undefined}
        placeholder={text.newTaskHint}
        autocomplete="off"
        enterKeyHint="done"
        value={line.value}
        onPaste={paste}
        onBlur={forgive}
        onInput={({ currentTarget }) => {
          forgive()
          line.value = currentTarget.value
        }}
      />
      <button type="submit" class="link" hidden={!line.value}>
        Add
      </button>
      <div id="understood">
        {fault.value && <p class="fault">{fault}</p>}
        {line.value && !fault.value && (
          <Facts {...fields}>
            <b>{fields.title || '…'}</b>
          </Facts>
        )}
      </div>
    </form>
  )
}

/** Moves everything that is done to the trash, in the place where other views add a task. */
export const ClearCompleted = () =>
  rows.value.length > 0 && (
    <QuietButton
      onClick={() => {
        // The button goes with the tasks.
        focusTop()
        remove(rows.value)
      }}
    >
      Clear completed
    </QuietButton>
  )

const Search = () => (
  <div class="search box">
    <Icon name="search" />
    <input
      id="search"
      type="search"
      aria-label="Search"
      placeholder={text.searchHint}
      autocomplete="off"
      value={search.value}
      onInput={({ currentTarget }) => {
        search.value = currentTarget.value
      }}
      onKeyDown={(event) => {
        if (event.isComposing || !/^(Enter|ArrowDown)$/.test(event.key)) return
        event.preventDefault()
        document.querySelector<HTMLElement>('.row')?.focus()
      }}
    />
  </div>
)

const Sorting = () => (
  <select
    aria-label="Sort"
    value={sort.value}
    onChange={({ currentTarget }) => {
      sort.value = currentTarget.value as Sort
    }}
  >
    {Object.entries(text.sorts).map(([name, label]) => (
      <option key={name} value={name}>
        {label}
      </option>
    ))}
  </select>
)

/** The name of the view, and what can be done with it. */
export const Header = () => (
  <header>
    <h1 tabIndex={-1}>{nameOfView()}</h1>
    {isList() && <Search />}
    {(view.value.is === 'all' || view.value.is === 'tag') && <Sorting />}
    <div class="tools">
      <IconButton
        icon="help"
        label="Keyboard"
        title="Keyboard (?)"
        onClick={() => show({ is: 'help' })}
      />
      <IconButton
        icon="leave"
        label="Sign out"
        title={`Sign out ${session.value?.me.user.value.email}`}
        onClick={() => show({ is: 'signing-out' })}
      />
    </div>
  </header>
)

type PlaceProps = { to: View; icon: IconName; name: string; count?: number }

const Place = ({ to, icon, name, count = 0 }: PlaceProps) => {
  const isHere = addressOf(view.value) === addressOf(to)
  return (
    <li>
      <a href={addressOf(to)} aria-current={isHere ? 'page' : undefined}>
        <Icon name={icon} />
        <span class="name">{name}</span>
        {count > 0 && (
          <span class="count">
            {count}
            <span class="unseen"> open</span>
          </span>
        )}
      </a>
    </li>
  )
}

/** The views, as a list at the side or a bar at the bottom, where a menu has the tags and the rest. */
export const Views = () => {
  const { tags } = counts.value
  const names = [...tags.keys()].sort((a, b) => a.localeCompare(b))
  return (
    <nav aria-label="Views">
      <ul class="places">
        {(['today', 'upcoming', 'all', 'done'] as const).map((is) => (
          <Place
            key={is}
            to={{ is }}
            icon={is}
            name={text.views[is]}
            count={is === 'done' ? 0 : counts.value[is]}
          />
        ))}
        <li class="to-more">
          <button
            type="button"
            popoverTarget="more"
            aria-pressed={view.value.is === 'tag' || !isList()}
          >
            <Icon name="more" />
            More
          </button>
        </li>
      </ul>
      <div id="more" popover="auto">
        <ul aria-label="More views">
          {(['trash', 'settings'] as const).map((is) => (
            <Place key={is} to={{ is }} icon={is} name={text.views[is]} />
          ))}
        </ul>
        <ul class="tags" aria-label="Tags">
          {names.map((tag) => (
            <Place
              key={tag}
              to={{ is: 'tag', tag }}
              icon="tag"
              name={tag}
              count={tags.get(tag) ?? 0}
            />
          ))}
        </ul>
      </div>
    </nav>
  )
}
