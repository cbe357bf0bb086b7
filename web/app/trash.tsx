import { useSignal } from '@preact/signals'
import { dayOf, sayDay } from './dates.ts'
import { Icon } from './icon.tsx'
import { focusTop, restore, type Session, session, today } from './state.ts'
import { Facts } from './task.tsx'
import type { Deleted } from './tasks.ts'
import { text } from './text.ts'

type RowProps = { deleted: Deleted; isChosen: boolean; onChoose: () => void }

const Row = ({ deleted: { task, at }, isChosen, onChoose }: RowProps) => (
  <li class="row">
    <label class="check">
      <input
        type="checkbox"
        checked={isChosen}
        aria-label={`Select “${task.title}”`}
        onChange={onChoose}
      />
      <Icon name="check" />
    </label>
    <div class="words">
      <p class="title">{task.title}</p>
      <Facts {...task}>
        <time dateTime={at}>{text.deletedOn(sayDay(dayOf(new Date(at)), today.value))}</time>
      </Facts>
    </div>
    <button
      type="button"
      class="link"
      aria-label={`Restore “${task.title}”`}
      onClick={({ currentTarget }) => {
        // The row goes, and the focus would go with it.
        const row = currentTarget.closest('li')
        const next = row?.nextElementSibling ?? row?.previousElementSibling
        const button = next?.querySelector<HTMLElement>('.link')
        if (button) button.focus()
        else focusTop()
        restore([task])
      }}
    >
      Restore
    </button>
  </li>
)

/** The deleted tasks, to be restored one by one or many at once. */
export const Trash = () => {
  const { trash } = session.value as Session
  const chosen = useSignal<ReadonlySet<string>>(new Set())
  const list = trash.list.value
  const state = trash.state.value
  const picked = list.filter(({ task }) => chosen.value.has(task.id))
  const isAll = picked.length === list.length
  const choose = (ids: string[]) => {
    chosen.value = new Set(ids)
  }
  const toggle = (id: string) =>
    choose(
      chosen.value.has(id) ? [...chosen.value].filter((one) => one !== id) : [...chosen.value, id]
    )
  return (
    <>
      <p class="soft">{text.trash}</p>
      {(state === 'unreachable' || state === 'trouble') && (
        <p class="status">
          {text.trashStates[state]}{' '}
          <button type="button" class="link" onClick={trash.load}>
            Try again
          </button>
        </p>
      )}
      {list.length > 0 && (
        <div class="heading">
          <label class="check-all">
            <input
              type="checkbox"
              checked={isAll}
              ref={(box) => {
                if (box) box.indeterminate = picked.length > 0 && !isAll
              }}
              onChange={() => choose(isAll ? [] : list.map(({ task }) => task.id))}
            />
            {text.selectAll(list.length)}
          </label>
          <button
            type="button"
            class="quiet"
            aria-disabled={!picked.length}
            onClick={() => {
              if (isAll) focusTop()
              restore(picked.map(({ task }) => task))
              choose([])
            }}
          >
            {text.restoreSelected(picked.length)}
          </button>
        </div>
      )}
      <ul aria-label={text.views.trash}>
        {list.map((deleted) => (
          <Row
            key={deleted.task.id}
            deleted={deleted}
            isChosen={chosen.value.has(deleted.task.id)}
            onChoose={() => toggle(deleted.task.id)}
          />
        ))}
      </ul>
      {!list.length && state === 'loaded' && <p class="empty">{text.empty.trash}</p>}
      {trash.hasMore.value && (
        <button type="button" class="quiet" onClick={trash.loadMore}>
          Show more
        </button>
      )}
    </>
  )
}
