import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { LinkButton } from './button.tsx'
import { sayDay } from './dates.ts'
import { Icon } from './icon.tsx'
import {
  complete,
  current,
  focusList,
  isByHand,
  isDoneShown,
  nameOfView,
  reschedule,
  rows,
  say,
  search,
  sections,
  today,
  view,
} from './state.ts'
import { Row } from './task.tsx'
import { text } from './text.ts'
import { addressOf, type Section } from './views.ts'

/** How many rows are rendered at first: those that fill the window below the header. */
const firstRows = () => Math.ceil((innerHeight - 150) / 44)
/** So many more follow when the end comes near. */
const step = 60

const headingOf = ({ key, day }: Section) =>
  day ? sayDay(day, today.value) : text.sections[key as keyof typeof text.sections]

/** What can be done with all tasks of a section, named so that it makes sense alone. */
const actOf = ({ key, tasks }: Section) => {
  if (key === 'late')
    return { name: 'Move all to today', act: () => reschedule(tasks, today.value) }
  if (key === 'open') return { name: 'Complete all', act: () => complete(tasks, true) }
  if (key === 'done' && isDoneShown.value)
    return { name: 'Reopen all', act: () => complete(tasks, false) }
  return undefined
}

const Heading = ({ section }: { section: Section }) => {
  const { key, tasks } = section
  const all = actOf(section)
  return (
    <div class="heading">
      <h2 class={key === 'late' ? 'late' : ''}>
        {key === 'done' ? (
          <button
            type="button"
            class="fold"
            aria-expanded={isDoneShown.value}
            onClick={() => {
              isDoneShown.value = !isDoneShown.value
            }}
          >
            <Icon name="open" />
            {headingOf(section)} <span class="count">{tasks.length}</span>
          </button>
        ) : (
          headingOf(section)
        )}
      </h2>
      {all && (
        <LinkButton
          onClick={() => {
            // The button may go with its section.
            focusList()
            all.act()
          }}
        >
          {all.name}
        </LinkButton>
      )}
    </div>
  )
}

/** The tasks of today stand under the title of the view alone, while nothing is late. */
const isNamed = ({ key }: Section) => key !== 'today' || sections.value.length > 1

/** Makes the row that the keyboard acts on the next one, or the last, when it has gone. */
const useCurrent = () => {
  const place = rows.value.findIndex(({ id }) => id === current.value)
  const before = useRef(0)
  useLayoutEffect(() => {
    const next = current.value ? Math.min(before.current, rows.value.length - 1) : 0
    if (place >= 0) before.current = place
    else current.value = rows.value[next]?.id
  })
  return place
}

/** How many rows are shown: more whenever the mark at their end comes near. */
export const useMost = () => {
  const most = useSignal(firstRows())
  const end = useRef<HTMLDivElement>(null)
  const address = addressOf(view.value)
  useEffect(() => {
    most.value = firstRows()
  }, [address, most])
  useEffect(() => {
    if (!end.current) return
    const watch = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) most.value += step
      },
      { rootMargin: '800px' }
    )
    watch.observe(end.current)
    return () => watch.disconnect()
  })
  return { most: most.value, end }
}

const isAll = () => view.value.is === 'all'
const notFound = () => (isAll() ? text.empty.search : text.notFound(nameOfView()))

/** Says how many tasks a search finds, once the person has stopped typing. */
const useFound = () => {
  const { value } = search
  useEffect(() => {
    if (!value) return
    const timer = setTimeout(() => {
      const found = sections.value.flatMap(({ tasks }) => tasks).length
      say(found ? text.found(found) : notFound())
    }, 500)
    return () => clearTimeout(timer)
  }, [value, view.value])
}

export const List = () => {
  useFound()
  const { most, end } = useMost()
  let left = Math.max(most, useCurrent() + 2)
  if (!sections.value.length)
    return (
      <p class="empty">
        {search.value ? `${notFound()} ` : text.empty[view.value.is]}
        {search.value && !isAll() && (
          <LinkButton
            onClick={() => {
              // The button goes with the view.
              document.getElementById('search')?.focus()
              location.hash = '#all'
            }}
          >
            Search all tasks
          </LinkButton>
        )}
      </p>
    )
  return (
    <div class="list">
      {sections.value.map((section) => {
        const { key, tasks } = section
        const isFolded = key === 'done' && !isDoneShown.value
        const shown = isFolded ? [] : tasks.slice(0, left)
        left -= shown.length
        return (
          <section key={key} aria-label={headingOf(section)}>
            {isNamed(section) && <Heading section={section} />}
            <ul>
              {shown.map((task) => (
                <Row key={task.id} task={task} canMove={isByHand(section)} />
              ))}
            </ul>
          </section>
        )
      })}
      {rows.value.length > most && <div ref={end} />}
    </div>
  )
}
