import { useSignal } from '@preact/signals'
import { LinkButton, QuietButton } from './button.tsx'
import type { Task } from './changes.ts'
import { dayOf, sayDay } from './dates.ts'
import { useMost } from './list.tsx'
import { nothing, pick, type Selection } from './selection.ts'
import { focusTop, restore, type Session, session, today } from './state.ts'
import { Facts } from './task.tsx'
import { text } from './text.ts'

type RowProps = { task: Task; isChosen: boolean; onChoose: () => void }

const Row = ({ task, isChosen, onChoose }: RowProps) => (
  <li class="row">
    <label class="pick">
      <input
        type="checkbox"
        checked={isChosen}
        aria-label={`Select “${task.title}”`}
        onChange={onChoose}
      />
    </label>
    <div class="words">
      <p class="title">{task.title}</p>
      <Facts {...task} />
    </div>
    <LinkButton
      aria-label={`Restore “${task.title}”`}
      onClick={({ currentTarget }) => {
        // The row goes, and the focus would go with it.
        const buttons = [...document.querySelectorAll<HTMLElement>('.row .link')]
        const at = buttons.indexOf(currentTarget)
        const next = buttons[at + 1] ?? buttons[at - 1]
        if (next) next.focus()
        else focusTop()
        restore([task])
      }}
    >
      Restore
    </LinkButton>
  </li>
)

/** The deleted tasks, to be restored one by one or many at once. */
export const Trash = () => {
  const { trash } = session.value as Session
  const chosen = useSignal(nothing)
  const list = trash.list.value
  const state = trash.state.value
  const { most, end } = useMost()
  const days = Map.groupBy(list.slice(0, most), ({ at }) => dayOf(new Date(at)))
  const picked = list.filter(({ task }) => chosen.value.ids.has(task.id))
  const isAll = picked.length === list.length
  const choose = (next: Selection) => {
    chosen.value = next
  }
  return (
    <>
      <p class="soft">{text.trash}</p>
      {state in text.trashStates && (
        <p class="status">
          {text.trashStates[state as keyof typeof text.trashStates]}{' '}
          <LinkButton
            onClick={() => {
              // The button goes with the words.
              focusTop()
              void trash.load()
            }}
          >
            Try again
          </LinkButton>
        </p>
      )}
      {list.length > 0 && (
        <div class="heading">
          <label class="pick">
            <input
              type="checkbox"
              checked={isAll}
              ref={(box) => {
                if (box) box.indeterminate = picked.length > 0 && !isAll
              }}
              onChange={() =>
                choose(isAll ? nothing : { ids: new Set(list.map(({ task }) => task.id)) })
              }
            />
            {text.selectAll(list.length)}
          </label>
          <QuietButton
            aria-disabled={!picked.length}
            onClick={() => {
              if (isAll) focusTop()
              restore(picked.map(({ task }) => task))
              choose(nothing)
            }}
          >
            {text.restoreSelected(picked.length)}
          </QuietButton>
        </div>
      )}
      {[...days].map(([day, deleted]) => (
        <section key={day} aria-labelledby={day}>
          <h2 id={day} class="heading">
            {sayDay(day, today.value)}
          </h2>
          <ul>
            {deleted.map(({ task }) => (
              <Row
                key={task.id}
                task={task}
                isChosen={chosen.value.ids.has(task.id)}
                onChoose={() => choose(pick(chosen.value, task.id))}
              />
            ))}
          </ul>
        </section>
      ))}
      {list.length > most && <div ref={end} />}
      {!list.length && state === 'loaded' && <p class="empty">{text.empty.trash}</p>}
      {!list.length && state === 'loading' && <p class="empty waiting">{text.loading}</p>}
      {trash.hasMore.value && (
        <QuietButton
          onClick={() => {
            // The button goes with the last page. From the last row, Tab leads to the new ones.
            const buttons = document.querySelectorAll<HTMLElement>('.row .link')
            buttons[buttons.length - 1]?.focus()
            void trash.loadMore()
          }}
        >
          Show more
        </QuietButton>
      )}
    </>
  )
}
