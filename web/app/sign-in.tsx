import { useSignal } from '@preact/signals'
import type { Account, User } from './account.ts'
import { Field } from './field.tsx'
import { Password, useForm } from './form.tsx'
import { notice } from './state.ts'
import { text } from './text.ts'

type Props = { account: Account; onSignedIn: (user: User) => void }

/** Signing in and creating an account: one form in two modes. */
export const SignIn = ({ account, onSignedIn }: Props) => {
  const isNew = useSignal(false)
  const { submit, clear, isBusy, fault, faults } = useForm({
    labels: { email: 'E-mail', password: 'Password' },
    send: async (read) => {
      const enter = isNew.value ? account.signUp : account.signIn
      const result = await enter(read('email'), read('password'))
      if (!('id' in result)) return result
      onSignedIn(result)
      return undefined
    },
    words: text.signIn,
  })

  const switchMode = () => {
    isNew.value = !isNew.value
    clear()
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
          fault={faults.email}
        />
        <Password
          label="Password"
          name="password"
          autocomplete={isNew.value ? 'new-password' : 'current-password'}
          hint={isNew.value ? text.passwordRules : undefined}
          fault={faults.password}
        />
        <p class="fault">{fault}</p>
        <button type="submit" class="primary" aria-disabled={isBusy}>
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
