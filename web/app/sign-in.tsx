import { useSignal } from '@preact/signals'
import type { Problem } from '../../src/client.ts'
import type { Account, User } from './account.ts'
import { text } from './text.ts'

type Props = {
  account: Account
  /** Why the person has to sign in again, if that is so. */
  notice?: string | undefined
  onSignedIn: (user: User) => void
}

type Name = 'email' | 'password'

/** Signing in and creating an account: one form in two modes. */
export const SignIn = ({ account, notice, onSignedIn }: Props) => {
  const isNew = useSignal(false)
  const isShown = useSignal(false)
  const isBusy = useSignal(false)
  const fault = useSignal('')
  const faults = useSignal<Partial<Record<Name, string>>>({})

  const fail = (form: HTMLFormElement, problem: Problem | 'unreachable') => {
    const errors = (problem !== 'unreachable' && problem.errors) || []
    const found: Partial<Record<Name, string>> = {}
    for (const { pointer, detail } of errors) {
      const name = pointer.slice(1)
      if (name === 'email') found.email ??= `The e-mail ${detail}.`
      if (name === 'password') found.password ??= `The password ${detail}.`
    }
    faults.value = found
    const [first] = Object.keys(found)
    fault.value = first ? '' : text.signIn(problem)
    form.querySelector<HTMLInputElement>(`[name=${first ?? 'password'}]`)?.focus()
  }

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const [email, password] = [String(data.get('email')), String(data.get('password'))]
    if (isBusy.value) return
    isBusy.value = true
    fault.value = ''
    faults.value = {}
    const result = await (isNew.value ? account.signUp : account.signIn)(email, password).catch(
      () => 'unreachable' as const
    )
    isBusy.value = false
    if (result !== 'unreachable' && 'id' in result) onSignedIn(result)
    else fail(form, result)
  }

  const switchMode = () => {
    isNew.value = !isNew.value
    fault.value = ''
    faults.value = {}
  }

  const describe = (name: Name) => (faults.value[name] ? `${name}-fault` : undefined)

  return (
    <main class="sign-in">
      <form noValidate onSubmit={submit} aria-labelledby="sign-in-title">
        <img src="/app/icon.svg" alt="" width="48" height="48" />
        <h1 id="sign-in-title">{isNew.value ? 'Create account' : 'Sign in'}</h1>
        {notice && <p class="notice">{notice}</p>}
        <div class="field">
          <label for="email">E-mail</label>
          <input
            id="email"
            name="email"
            type="email"
            autocomplete="username"
            required
            aria-invalid={Boolean(faults.value.email)}
            aria-describedby={describe('email')}
          />
          {faults.value.email && (
            <p id="email-fault" class="fault">
              {faults.value.email}
            </p>
          )}
        </div>
        <div class="field">
          <label for="password">Password</label>
          <div class="with-button">
            <input
              id="password"
              name="password"
              {...(isShown.value ? { type: 'text' } : { type: 'password' })}
              autocomplete={isNew.value ? 'new-password' : 'current-password'}
              required
              aria-invalid={Boolean(faults.value.password)}
              aria-describedby={describe('password') ?? (isNew.value ? 'rules' : undefined)}
            />
            <button
              type="button"
              class="quiet"
              aria-pressed={isShown.value}
              onClick={() => {
                isShown.value = !isShown.value
              }}
            >
              {isShown.value ? 'Hide' : 'Show'}
              <span class="unseen"> password</span>
            </button>
          </div>
          {isNew.value && (
            <p id="rules" class="soft">
              {text.passwordRules}
            </p>
          )}
          {faults.value.password && (
            <p id="password-fault" class="fault">
              {faults.value.password}
            </p>
          )}
        </div>
        <p class="fault" role="alert">
          {fault}
        </p>
        <button type="submit" class="primary" aria-disabled={isBusy.value}>
          {isNew.value ? 'Create account' : 'Sign in'}
        </button>
        <p class="soft">
          {isNew.value ? 'You have an account already? ' : 'New here? '}
          <button type="button" class="link" onClick={switchMode}>
            {isNew.value ? 'Sign in' : 'Create account'}
          </button>
        </p>
      </form>
    </main>
  )
}
