import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type Change, patched } from './changes.ts'
import { Dialog } from './dialog.tsx'
import { isSigningOut, opened, type Session, session, toast, undo } from './state.ts'
import { text } from './text.ts'

/** Says a moment of saving only when it has become a long one. */
const savingAfter = 2000
const toastFor = 10_000

export const Status = ({ onSignIn }: { onSignIn: () => void }) => {
  const isSlow = useSignal(false)
  const { sync, tasks } = session.value as Session
  const state = sync.state.value
  const isOut = state.is === 'signed-out' || state.is === 'stranger'
  const waiting = tasks.waiting.value
  const isSaving = state.is === 'running' && waiting > 0
  useEffect(() => {
    isSlow.value = false
    const timer = setTimeout(() => {
      isSlow.value = isSaving
    }, savingAfter)
    return () => clearTimeout(timer)
  }, [isSaving, isSlow])
  const words = () => {
    if (tasks.isUnsaved.value) return text.notStored
    if (state.is === 'signed-out') return text.signedOutElsewhere(waiting)
    if (state.is === 'stranger') return text.otherPerson
    if (state.is === 'offline' || !navigator.onLine) return text.offline(waiting)
    if (state.is === 'limited') return text.limited
    if (state.is === 'trouble') return text.trouble(state.code)
    return isSlow.value && isSaving ? text.saving : ''
  }
  return (
    <p class="status" role="status">
      {words()}{' '}
      {isOut && (
        <button type="button" class="link" onClick={onSignIn}>
          Sign in
        </button>
      )}
    </p>
  )
}

type Choice = [string, () => unknown]

/** What a parked change says, and what the person can do about it. */
const decisionOf = (change: Change, { tasks }: Session): { words: string; choices: Choice[] } => {
  const { base, fields, parked } = change
  const { title } = patched(tasks.all.value.get(change.id) ?? base, fields)
  const discard: Choice = ['Discard', () => tasks.discard(change)]
  if (parked?.why === 'conflict') {
    const { theirs } = parked
    return {
      words: text.conflict(title, theirs.title ?? theirs.description ?? ''),
      choices: [
        ['Keep mine', () => tasks.discard(change)],
        ['Use theirs', () => tasks.useInstead(change, theirs)],
      ],
    }
  }
  if (parked?.why === 'deleted')
    return {
      words: text.deletedElsewhere(title),
      choices: [['Restore with your changes', () => tasks.sendAgain(change, 'restore')], discard],
    }
  if (parked?.why === 'changed')
    return {
      words: text.changedElsewhere(title),
      choices: [
        ['Delete', () => tasks.sendAgain(change, 'delete')],
        ['Keep', () => tasks.useInstead(change, fields)],
      ],
    }
  return {
    words: text.refused(title, parked?.why === 'refused' ? parked.detail : ''),
    choices: [
      [
        'Edit',
        () => {
          opened.value = change.id
        },
      ],
      discard,
    ],
  }
}

/** The changes that the person has to decide about. */
export const Decisions = () => {
  const open = session.value as Session
  return open.tasks.parked.value.length ? (
    <ul class="decisions" aria-label="Decisions">
      {open.tasks.parked.value.map((change) => {
        const { words, choices } = decisionOf(change, open)
        return (
          <li key={change.n}>
            <p>{words}</p>
            {choices.map(([name, choose]) => (
              <button key={name} type="button" class="quiet" onClick={() => void choose()}>
                {name}
              </button>
            ))}
          </li>
        )
      })}
    </ul>
  ) : null
}

/** What just happened, with undo. It waits while the pointer or the focus is on it. */
export const Toast = () => {
  const isHeld = useSignal(false)
  const shown = toast.value
  useEffect(() => {
    if (!shown || isHeld.value) return
    const timer = setTimeout(() => {
      toast.value = undefined
    }, toastFor)
    return () => clearTimeout(timer)
  }, [shown, isHeld.value, isHeld])
  const hold = (is: boolean) => () => {
    isHeld.value = is
  }
  if (!shown) return null
  return (
    <section
      class="toast"
      aria-label="Last change"
      onPointerEnter={hold(true)}
      onPointerLeave={hold(false)}
      onFocusIn={hold(true)}
      onFocusOut={hold(false)}
    >
      <p>{shown.text}</p>
      {shown.isUndoable && (
        <button
          type="button"
          class="link"
          onClick={() => {
            isHeld.value = false
            undo()
          }}
        >
          Undo
        </button>
      )}
    </section>
  )
}

/** Asks before changes are lost, and signs out at once when there are none. */
export const SigningOut = ({ onSignOut }: { onSignOut: () => void }) => {
  const isLeaving = useRef(false)
  if (!isSigningOut.value) return null
  const changes = session.value?.tasks.waiting.value ?? 0
  const parked = session.value?.tasks.parked.value.length ?? 0
  return (
    <Dialog
      title="Sign out"
      onClose={() => {
        isSigningOut.value = false
      }}
    >
      <p>{changes + parked ? text.leaveWithChanges(changes + parked) : text.leave}</p>
      <footer>
        <button
          type="button"
          class={changes + parked ? 'quiet danger' : 'primary'}
          onClick={() => {
            if (isLeaving.current) return
            isLeaving.current = true
            onSignOut()
          }}
        >
          {changes + parked ? 'Sign out and lose them' : 'Sign out'}
        </button>
      </footer>
    </Dialog>
  )
}
