import { useSignal } from '@preact/signals'
import type { Account, User } from './account.ts'
import { Field } from './field.tsx'
import { notice, say } from './state.ts'
import { text } from './text.ts'

type Faults = { email?: string; password?: string }

type Props = { account: Account; onSignedIn: (user: User) => void }

/** Signing in and creating an account: one form in two modes. */
export const SignIn = ({ account, onSignedIn }: Props) => {
  const isNew = useSignal(false)
  const isShown = useSignal(false)
  const isBusy = useSignal(false)
  const fault = useSignal('')
  const faults = useSignal<Faults>({})

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy.value) return
    const form = event.currentTarget as HTMLFormElement
    const read = (name: string) => String(new FormData(form).get(name))
    isBusy.value = true
    fault.value = ''
    const result = await (isNew.value ? account.signUp : account.signIn)(
      read('email'),
      read('password')
    ).catch(() => 'unreachable' as const)
    isBusy.value = false
    if (result !== 'unreachable' && 'id' in result) return onSignedIn(result)
    const { errors = [] } = result === 'unreachable' ? {} : result
    const of = (name: string) => errors.find(({ pointer }) => pointer === `/${name}`)?.detail
    const [email, password] = [of('email'), of('password')]
    faults.value = {
      ...(email && { email: `The e-mail ${email}.` }),
      ...(password && { password: `The password ${password}.` }),
    }
    if (!email && !password) fault.value = text.signIn(result)
    say(fault.value, 'assertive')
    form.querySelector<HTMLElement>(`[name=${email ? 'email' : 'password'}]`)?.focus()
  }

  const switchMode = () => {
    isNew.value = !isNew.value
    fault.value = ''
    faults.value = {}
  }

  return (
    <main class="sign-in">
      <form noValidate onSubmit={submit} aria-labelledby="sign-in-title">
        <img src="/app/icon.svg" alt="" width="48" height="48" />
        <h1 id="sign-in-title">{isNew.value ? 'Create account' : 'Sign in'}</h1>
        {notice.value && <p class="soft">{text.notices[notice.value]}</p>}
        <Field
          label="E-mail"
          name="email"
          type="email"
          autocomplete="username"
          required
          fault={faults.value.email}
        />
        <Field
          label="Password"
          name="password"
          {...(isShown.value ? { type: 'text' } : { type: 'password' })}
          autocomplete={isNew.value ? 'new-password' : 'current-password'}
          required
          hint={isNew.value ? text.passwordRules : undefined}
          fault={faults.value.password}
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
              <span class="unseen"> password</span>
            </button>
          }
        />
        <p class="fault">{fault}</p>
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
