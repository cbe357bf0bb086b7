import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { QuietButton } from './button.tsx'
import { Field } from './field.tsx'
import { focusTop, say } from './state.ts'
import { type Fault, text } from './text.ts'

type Asked = {
  label: string
  /** What the browser may fill in. It also tells a password from an e-mail. */
  autocomplete: 'username' | 'email' | 'current-password' | 'new-password'
  /** Where two forms of a page have a field of the same name. */
  id?: string
  defaultValue?: string
}
export type Asks = Record<string, Asked>

/** Reads a field by its name. */
export type Read = (name: string) => string

type Sending = {
  /** The fields, by the names that the server has for them. */
  asks: Asks
  /** The name of the button that sends them. */
  button: string
  /** Whether something is lost. */
  isGrave?: boolean
  /** Sends the fields, and gives the problem when there is one. */
  send: (read: Read) => Promise<Fault | undefined>
  /** What to say of a problem that belongs to no field. */
  words?: (fault: Fault) => string
}

type PasswordProps = Asked & { name: string; fault: string | undefined }

/** A password, with a button that shows what is typed. */
const Password = (props: PasswordProps) => {
  const isShown = useSignal(false)
  return (
    <Field
      {...props}
      {...(isShown.value ? { type: 'text' } : { type: 'password' })}
      hint={props.autocomplete === 'new-password' ? text.passwordRules : undefined}
      required
      button={
        <QuietButton
          aria-pressed={isShown.value}
          onClick={() => {
            isShown.value = !isShown.value
          }}
        >
          {isShown.value ? 'Hide' : 'Show'}
          <span class="unseen"> {props.label.toLowerCase()}</span>
        </QuietButton>
      }
    />
  )
}

/**
 * The content of a form that asks for e-mails and passwords. It is sent one time at once, and says
 * what is wrong where it is wrong.
 */
export const useForm = ({ asks, button, isGrave, send, words = text.account }: Sending) => {
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
      Object.entries(asks).flatMap(([name, { label }]) => {
        const error = errors.find(({ pointer }) => pointer === `/${name}`)
        return error ? [[name, `The ${label.toLowerCase()} ${error.detail}.`]] : []
      })
    )
    if (!problem) return form.reset()
    const [first] = Object.keys(faults.value)
    if (!first) fault.value = words(problem)
    say(first ? (faults.value[first] ?? '') : fault.value, 'assertive')
    // A conflict is about the e-mail, which another account has.
    const isTaken = problem !== 'unreachable' && problem.status === 409 && 'email' in asks
    const blamed = first ?? (isTaken ? 'email' : Object.keys(asks).at(-1))
    form.querySelector<HTMLElement>(`[name=${blamed}]`)?.focus()
  }

  const clear = () => {
    fault.value = ''
    faults.value = {}
  }

  const content = (
    <>
      {Object.entries(asks).map(([name, asked]) => {
        const props = { ...asked, name, fault: faults.value[name] }
        return asked.autocomplete.endsWith('password') ? (
          <Password key={name} {...props} />
        ) : (
          <Field key={name} {...props} type="email" required />
        )
      })}
      <p class="fault">{fault}</p>
      <button
        type="submit"
        class={isGrave ? 'primary grave' : 'primary'}
        aria-disabled={isBusy.value}
      >
        {button}
      </button>
    </>
  )
  return { submit, clear, content }
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
