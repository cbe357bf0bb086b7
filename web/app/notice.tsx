import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Unconfirmed } from './address.tsx'
import { LinkButton } from './button.tsx'
import { type Change, patched } from './changes.ts'
import { Dialog } from './dialog.tsx'
import {
  countUnsent,
  discard,
  focusList,
  focusTop,
  notice,
  openTask,
  type Session,
  say,
  session,
  show,
  takeTheirs,
  toast,
  undo,
} from './state.ts'
import type { Closing } from './store.ts'
import { text } from './text.ts'

/** Says a moment of saving only when it has become a long one. */
const savingAfter = 2000
const toastFor = 10_000

const signIn = { name: 'Sign in', run: () => show({ is: 'signing-in' }) }
const reload = { name: 'Reload', run: () => location.reload() }

/** What the person should know now, the gravest first, and what there is to do about it. */
const statusOf = ({ isInMemory, sync, tasks }: Session, isSlow: boolean) => {
  const state = sync.state.value
  const waiting = tasks.waiting.value
  if (tasks.isUnsaved.value) return { words: text.notStored }
  if (state.is === 'signed-out') return { words: text.signedOutElsewhere(waiting), action: signIn }
  if (state.is === 'stranger') return { words: text.otherPerson, action: signIn }
  if (state.is === 'offline' || !navigator.onLine) return { words: text.offline(waiting) }
  if (state.is === 'trouble' || state.is === 'broken') return { words: text[state.is](state.code) }
  if (state.is === 'limited' || state.is === 'full' || state.is === 'stumbled')
    return { words: text[state.is] }
  if (isInMemory) return { words: text.inMemory }
  if (notice.value === 'updated') return { words: text.notices.updated, action: reload }
  if (notice.value) return { words: text.notices[notice.value] }
  return { words: isSlow ? text.saving : '' }
}

export const Status = () => {
  const isSlow = useSignal(false)
  const open = session.value as Session
  const isSaving = open.sync.state.value.is === 'running' && open.tasks.waiting.value > 0
  useEffect(() => {
    if (!isSaving) return
    const timer = setTimeout(() => {
      isSlow.value = true
    }, savingAfter)
    return () => {
      clearTimeout(timer)
      isSlow.value = false
    }
  }, [isSaving, isSlow])
  const { words, action } = statusOf(open, isSlow.value)
  useEffect(() => {
    say(words, 'state')
  }, [words])
  if (!words) return <Unconfirmed />
  return (
    <p class="status">
      {words} {action && <LinkButton onClick={action.run}>{action.name}</LinkButton>}
    </p>
  )
}

type Choices = Record<string, () => unknown>

/** What a parked change says, and what the person can do about it. */
const decisionOf = (change: Change, { tasks }: Session): { words: string; choices: Choices } => {
  const { base, fields, parked } = change
  const task = patched(tasks.all.value.get(change.id) ?? base, fields)
  const Discard = () => discard(change)
  const keep = () => discard(change, text.kept)
  if (parked?.why === 'conflict') {
    const { theirs } = parked
    return {
      words: text.conflict(task, theirs),
      choices: { 'Keep mine': keep, 'Use theirs': () => takeTheirs(change, theirs) },
    }
  }
  if (parked?.why === 'deleted')
    return {
      words: text.deletedElsewhere(task.title),
      choices: { 'Restore with your changes': () => tasks.sendAgain(change, 'restore'), Discard },
    }
  if (parked?.why === 'changed')
    return {
      words: text.changedElsewhere(task.title),
      choices: { Delete: () => tasks.sendAgain(change, 'delete'), Keep: keep },
    }
  return {
    words: text.refused(task.title, parked?.why === 'refused' ? parked.detail : ''),
    choices: { Edit: () => openTask(task), Discard },
  }
}

/** The changes that the person has to decide about. */
export const Decisions = () => {
  const open = session.value as Session
  const parked = open.tasks.parked.value
  const first = parked[0] && decisionOf(parked[0], open).words
  useEffect(() => {
    if (first) say(first, 'assertive')
  }, [first])
  if (!parked.length) return null
  return (
    <ul aria-label="To decide">
      {parked.map((change) => {
        const { words, choices } = decisionOf(change, open)
        return (
          <li key={change.n} class="decision" tabIndex={-1}>
            <p>{words}</p>
            {Object.entries(choices).map(([name, choose]) => (
              <button
                key={name}
                type="button"
                class="quiet"
                onClick={({ currentTarget }) => {
                  const decision = currentTarget.closest('li')
                  const next = decision?.nextElementSibling ?? decision?.previousElementSibling
                  void choose()
                  // The dialog gives the focus back to the button.
                  if (name === 'Edit') return
                  // Else the button goes. A key that is held must not answer the next question, too.
                  if (next instanceof HTMLElement) next.focus()
                  else focusTop()
                }}
              >
                {name}
              </button>
            ))}
          </li>
        )
      })}
    </ul>
  )
}

/** What just happened, with undo. It waits while the pointer or the focus is on it. */
export const Toast = () => {
  const isHeld = useSignal(false)
  const shown = toast.value
  useEffect(() => {
    // The last one may have gone from under the pointer.
    isHeld.value = false
  }, [shown, isHeld])
  useEffect(() => {
    if (!shown || isHeld.value) return
    const timer = setTimeout(() => {
      toast.value = undefined
    }, toastFor)
    return () => clearTimeout(timer)
  }, [shown, isHeld.value])
  if (!shown) return null
  const hold = ({ type }: Event) => {
    isHeld.value = type === 'pointerenter' || type === 'focusin'
  }
  return (
    <section
      class="toast"
      aria-label="Last change"
      onPointerEnter={hold}
      onPointerLeave={hold}
      onFocusIn={hold}
      onFocusOut={hold}
    >
      <p>{shown.text}</p>
      {shown.isUndoable && (
        <LinkButton
          onClick={() => {
            undo()
            // When the row that came back is the one that the keyboard acts on.
            requestAnimationFrame(focusList)
          }}
        >
          Undo
        </LinkButton>
      )}
    </section>
  )
}

/** Covers everything once the store is closed: what is typed from then on would be lost. */
export const Closed = ({ why }: { why: Closing }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      aria-labelledby="closed-title"
      onCancel={(event) => event.preventDefault()}
      // Some browsers close it all the same when Esc is pressed twice.
      onClose={() => dialog.current?.showModal()}
    >
      <h2 id="closed-title">{text.closed[why]}</h2>
      <footer>
        <button type="button" class="primary" onClick={reload.run}>
          {reload.name}
        </button>
      </footer>
    </dialog>
  )
}

type LeavingProps = {
  title: string
  act: string
  /** When the tasks are back, if they come back by themselves. */
  after?: string
  no: string
  yes: string
  onYes: () => void
}

/** Asks before this device forgets the tasks, and changes that the server does not have. */
export const Leaving = ({ title, act, after, no, yes, onYes }: LeavingProps) => {
  const changes = countUnsent()
  const isGrave = changes > 0 || after !== undefined
  return (
    <Dialog title={title} onClose={(button) => button === 'yes' && onYes()}>
      <p>
        {changes ? text.losing(act, changes) : text.leave} {after}
      </p>
      <footer>
        <button type="submit" class="quiet" value="">
          {no}
        </button>
        <button type="submit" class={isGrave ? 'primary grave' : 'primary'} value="yes">
          {isGrave ? `${yes} anyway` : yes}
        </button>
      </footer>
    </Dialog>
  )
}
