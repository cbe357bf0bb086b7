import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Account, User } from './account.ts'
import { LinkButton } from './button.tsx'
import { Sheet, useForm } from './form.tsx'
import { Forgot } from './links.tsx'
import { focusTop, notice, session, show } from './state.ts'
import { text } from './text.ts'

type Props = { account: Account; onSignedIn: (user: User) => void }

/** Signing in and creating an account: one form in two modes. */
export const SignIn = ({ account, onSignedIn }: Props) => {
  const isNew = useSignal(false)
  // The tasks come in its place, and what had the focus is gone.
  useEffect(
    () => () =>
      void setTimeout(() => {
        if (document.activeElement === document.body) focusTop()
      }),
    []
  )
  /** The address that was typed when the password turned out to be forgotten. */
  const forgotten = useSignal<string>()
  const title = isNew.value ? 'Create account' : 'Sign in'
  const { submit, clear, content } = useForm({
    asks: {
      email: {
        label: 'E-mail',
        autocomplete: 'username',
        defaultValue: session.value?.me.user.value.email ?? '',
      },
      password: {
        label: 'Password',
        autocomplete: isNew.value ? 'new-password' : 'current-password',
      },
    },
    button: title,
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

  const forget = ({ currentTarget }: { currentTarget: HTMLButtonElement }) => {
    const fields = new FormData(currentTarget.form ?? undefined)
    forgotten.value = String(fields.get('email'))
  }

  if (forgotten.value !== undefined)
    return (
      <Forgot
        account={account}
        email={forgotten.value}
        back={text.toSignIn}
        onBack={() => {
          forgotten.value = undefined
        }}
      />
    )
  return (
    <Sheet title={title} onSubmit={submit}>
      <p class="soft">{text.about}</p>
      {notice.value && <p class="soft">{text.notices[notice.value]}</p>}
      {content}
      <p class="soft">
        {isNew.value ? 'You have an account already? ' : 'New here? '}
        <LinkButton onClick={switchMode}>{isNew.value ? 'Sign in' : 'Create account'}</LinkButton>
      </p>
      {session.value && (
        <p>
          <LinkButton onClick={() => show(undefined)}>{text.toTasks}</LinkButton>
        </p>
      )}
      {!isNew.value && (
        <p class="soft">
          <LinkButton onClick={forget}>{text.forgot.title}</LinkButton>
        </p>
      )}
    </Sheet>
  )
}
