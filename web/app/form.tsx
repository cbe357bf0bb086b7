import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { Field } from './field.tsx'
import { focusTop, say } from './state.ts'
import type { Fault } from './text.ts'

type Sending = {
  /** The fields that the server may find fault with, with their labels. */
  labels: Record<string, string>
  /** Sends the fields, and gives the problem when there is one. */
  send: (read: (name: string) => string) => Promise<Fault | undefined>
  /** What to say of a problem that belongs to no field. */
  words: (fault: Fault) => string
}

/** Sends a form, one time at once, and says what is wrong where it is wrong. */
export const useForm = ({ labels, send, words }: Sending) => {
  const isBusy = useSignal(false)
  const fault = useSignal('')
  const faults = useSignal<Record<string, string>>({})

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy.value) return
    const form = event.currentTarget as HTMLFormElement
    const fields = new FormData(form)
    isBusy.value = true
    fault.value = ''
    const problem = await send((name) => String(fields.get(name))).catch(
      () => 'unreachable' as const
    )
    isBusy.value = false
    const { errors = [] } = !problem || problem === 'unreachable' ? {} : problem
    faults.value = Object.fromEntries(
      Object.entries(labels).flatMap(([name, label]) => {
        const error = errors.find(({ pointer }) => pointer === `/${name}`)
        return error ? [[name, `The ${label.toLowerCase()} ${error.detail}.`]] : []
      })
    )
    if (!problem) return form.reset()
    const [first] = Object.keys(faults.value)
    if (!first) fault.value = words(problem)
    say(first ? (faults.value[first] ?? '') : fault.value, 'assertive')
    // A conflict is about the e-mail, which another account has.
    const isTaken = problem !== 'unreachable' && problem.status === 409 && 'email' in labels
    const blamed = first ?? (isTaken ? 'email' : Object.keys(labels).at(-1))
    form.querySelector<HTMLElement>(`[name=${blamed}]`)?.focus()
  }

  const clear = () => {
    fault.value = ''
    faults.value = {}
  }

  return { submit, clear, isBusy: isBusy.value, fault: fault.value, faults: faults.value }
}

type Props = {
  label: string
  id?: string
  name: string
  autocomplete: 'current-password' | 'new-password'
  hint?: string | undefined
  fault?: string | undefined
}

/** A password, with a button that shows what is typed. */
export const Password = (props: Props) => {
  const isShown = useSignal(false)
  return (
    <Field
      {...props}
      {...(isShown.value ? { type: 'text' } : { type: 'password' })}
      required
      button={
        <button
          type="button"
          class="quiet"
          aria-pressed={isShown.value}
          onClick={() => {
            isShown.value = !isShown.value
          }}
        >
          {isShown.value ? 'Hide' : 'Show'}
          <span class="unseen"> {props.label.toLowerCase()}</span>
        </button>
      }
    />
  )
}

type SheetProps = {
  title: string
  onSubmit?: (event: SubmitEvent) => void
  children?: ComponentChildren
}

/** A page with one form and nothing else. It begins at its title, for what had the focus is gone. */
export const Sheet = ({ title, onSubmit, children }: SheetProps) => {
  useEffect(focusTop, [title])
  return (
    <main class="sign-in">
      <form noValidate onSubmit={onSubmit} aria-labelledby="sheet-title">
        <img src="/app/icon.svg" alt="" width="48" height="48" />
        <h1 id="sheet-title" tabIndex={-1}>
          {title}
        </h1>
        {children}
      </form>
    </main>
  )
}
