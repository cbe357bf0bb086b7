import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { Field } from './field.tsx'
import { focusTop, type Session, say, session } from './state.ts'
import type { Fault } from './text.ts'

type Sending = {
  /** The fields that the server may find fault with, and how a sentence on each begins. */
  names: Record<string, string>
  /** Sends the fields, and gives the problem when there is one. */
  send: (read: (name: string) => string) => Promise<Fault | undefined>
  /** What to say of a problem that belongs to no field. */
  words: (fault: Fault) => string
}

/** Sends a form, one time at once, and says what is wrong where it is wrong. */
export const useForm = ({ names, send, words }: Sending) => {
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
      Object.entries(names).flatMap(([name, start]) => {
        const error = errors.find(({ pointer }) => pointer === `/${name}`)
        return error ? [[name, `${start} ${error.detail}.`]] : []
      })
    )
    if (!problem) return form.reset()
    const [first] = Object.keys(faults.value)
    if (!first) fault.value = words(problem)
    say(fault.value, 'assertive')
    form.querySelector<HTMLElement>(`[name=${first ?? Object.keys(names).at(-1)}]`)?.focus()
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

/** The e-mail, for password managers, which keep it with the password. */
export const UserName = () => (
  <input
    autocomplete="username"
    value={(session.value as Session).me.user.value.email}
    readOnly
    hidden
  />
)

type SheetProps = {
  title: string
  onSubmit?: (event: SubmitEvent) => void
  children?: ComponentChildren
}

/** A page with one form and nothing else. It begins at its title, for what had the focus is gone. */
export const Sheet = ({ title, onSubmit, children }: SheetProps) => {
  useEffect(focusTop, [])
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
