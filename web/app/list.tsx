import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { sayDay } from './dates.ts'
import { Icon } from './icon.tsx'
import {
  current,
  isDoneShown,
  reschedule,
  rows,
  search,
  sections,
  sort,
  today,
  view,
} from './state.ts'
import { Row } from './task.tsx'
import { text } from './text.ts'
import { addressOf, type Section, type Sort } from './views.ts'

/** So many rows are in the page at first, and so many more when the end comes near. */
const step = 60

const headingOf = ({ key, day }: Section) =>
  day ? sayDay(day, today.value) : key === 'open' ? '' : text.sections[key as 'late']

const Heading = ({ section }: { section: Section }) => {
  const { key, tasks } = section
  const heading = headingOf(section)
  if (key === 'done' && !section.day)
    return (
      <h2>
        <button
          type="button"
          class="fold"
          aria-expanded={isDoneShown.value}
          onClick={() => {
            isDoneShown.value = !isDoneShown.value
          }}
        >
          <Icon name="fold" />
          {heading} <span class="count">{tasks.length}</span>
        </button>
      </h2>
    )
  return (
    <div class="section">
      <h2 class={key === 'late' ? 'late' : ''}>{heading}</h2>
      {key === 'late' && (
        <button
          type="button"
          class="link"
          onClick={() =>
            reschedule(
              tasks.map(({ id }) => id),
              today.value
            )
          }
        >
          Move all to today
        </button>
      )}
    </div>
  )
}

/** Open tasks, and those of today while nothing is late, stand under the title of the view alone. */
const isNamed = ({ key }: Section) =>
  key !== 'open' && (key !== 'today' || sections.value.length > 1)

export const Sorting = () =>
  (view.value.is === 'all' || view.value.is === 'tag') && (
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

export const List = () => {
  const most = useSignal(step)
  const end = useRef<HTMLDivElement>(null)
  const address = addressOf(view.value)
  useEffect(() => {
    most.value = step
  }, [address, most])
  useEffect(() => {
    if (!end.current) return
    const watch = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) most.value += step
      },
      { rootMargin: '800px' }
    )
    watch.observe(end.current)
    return () => watch.disconnect()
  })

  const order = rows.value
  const place = order.findIndex(({ id }) => id === current.value)
  const before = useRef(0)
  useLayoutEffect(() => {
    if (place >= 0) before.current = place
    // The row is gone: the keyboard goes on with the next one, or with the last.
    else current.value = order[Math.min(before.current, order.length - 1)]?.id
  })
  let left = Math.max(most.value, place + 2)

  if (!sections.value.length)
    return <p class="empty">{search.value ? text.empty.search : text.empty[view.value.is]}</p>
  return (
    <div class="list">
      {sections.value.map((section) => {
        const { key, tasks } = section
        const isFolded = key === 'done' && !section.day && !isDoneShown.value
        const shown = isFolded ? [] : tasks.slice(0, Math.max(left, 0))
        left -= shown.length
        return (
          <section key={key} aria-label={headingOf(section) || text.views.all}>
            {isNamed(section) && <Heading section={section} />}
            <ul>
              {shown.map((task) => (
                <Row key={task.id} task={task} />
              ))}
            </ul>
          </section>
        )
      })}
      {order.length > most.value && <div ref={end} class="more" />}
    </div>
  )
}
