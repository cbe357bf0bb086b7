import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Problem } from '../../src/client.ts'
import type { Account } from './account.ts'
import { SendAgain } from './address.tsx'
import { Field } from './field.tsx'
import { Password, Sheet, useForm } from './form.tsx'
import { closeLink, link } from './link.ts'
import { focusTop, say, session, show } from './state.ts'
import { text } from './text.ts'

type EndProps = { title: string; words: string; children?: ComponentChildren }

/** What has become of it. */
const End = ({ title, words, children }: EndProps) => {
  useEffect(() => say(words), [words])
  return (
    <Sheet title={title}>
      <p>{words}</p>
      {children}
    </Sheet>
  )
}

type ForgotProps = {
  account: Account
  email?: string
  title?: string
  words?: string
  back: string
  onBack: () => void
}

/** Asks for the address to send a link to. */
export const Forgot = ({
  account,
  email = '',
  title = text.forgot.title,
  words = text.forgot.words,
  back,
  onBack,
}: ForgotProps) => {
  const asked = useSignal('')
  const { submit, isBusy, fault, faults } = useForm({
    labels: { email: 'E-mail' },
    send: async (read) => {
      const problem = await account.forgot(read('email'))
      if (!problem) asked.value = read('email')
      return problem
    },
    words: text.account,
  })
  const Back = (
    <p class="soft">
      <button type="button" class="link" onClick={onBack}>
        {back}
      </button>
    </p>
  )
  if (asked.value)
    return (
      <End title={text.forgot.sent} words={text.forgot.sentTo(asked.value)}>
        {Back}
      </End>
    )
  return (
    <Sheet title={title} onSubmit={submit}>
      <p class="soft">{words}</p>
      <Field
        label="E-mail"
        name="email"
        type="email"
        autocomplete="username"
        required
        defaultValue={email}
        fault={faults.email}
      />
      <p class="fault">{fault}</p>
      <button type="submit" class="primary" aria-disabled={isBusy}>
        Send a link
      </button>
      {Back}
    </Sheet>
  )
}

/** Leads to the sign-in, and to the tasks of whoever is signed in here. */
const GoOn = () => {
  const open = session.value
  const isOut = !open || open.sync.state.value.is === 'signed-out'
  const signIn = () => {
    if (open) show({ is: 'signing-in' })
    closeLink()
  }
  return (
    <>
      {isOut && (
        <button type="button" class="primary" onClick={signIn}>
          Sign in
        </button>
      )}
      {open && (
        <button type="button" class={isOut ? 'quiet' : 'primary'} onClick={closeLink}>
          {text.toTasks}
        </button>
      )}
    </>
  )
}

const isDead = (problem: Problem | undefined) =>
  problem?.errors?.some(({ pointer }) => pointer === '/token') ?? false

type Props = { account: Account; token: string }

const Reset = ({ account, token }: Props) => {
  const end = useSignal<'done' | 'dead'>()
  const { submit, isBusy, fault, faults } = useForm({
    labels: { new_password: 'New password' },
    send: async (read) => {
      const problem = await account.reset(token, read('new_password'))
      if (problem && !isDead(problem)) return problem
      // Finds out whether the session of this device was among those that have ended.
      if (!problem) await session.value?.sync.sync()
      end.value = problem ? 'dead' : 'done'
      return undefined
    },
    words: text.account,
  })
  if (end.value === 'done')
    return (
      <End title={text.reset.done} words={text.reset.doneWords}>
        <GoOn />
      </End>
    )
  if (end.value)
    return (
      <Forgot
        account={account}
        title={text.deadLink}
        words={`${text.deadLinkWhy} ${text.forgot.words}`}
        back={session.value ? text.toTasks : text.toSignIn}
        onBack={closeLink}
      />
    )
  return (
    <Sheet title={text.links.reset} onSubmit={submit}>
      <Password
        label="New password"
        name="new_password"
        autocomplete="new-password"
        hint={text.passwordRules}
        fault={faults.new_password}
      />
      <p class="fault">{fault}</p>
      <button type="submit" class="primary" aria-disabled={isBusy}>
        Set password
      </button>
      <p class="soft">{text.reset.words}</p>
    </Sheet>
  )
}

const Confirm = ({ account, token }: Props) => {
  const end = useSignal<'done' | 'dead'>()
  const { me } = session.value ?? {}
  const { submit, isBusy, fault } = useForm({
    labels: {},
    send: async () => {
      const problem = await account.confirm(token)
      if (problem && !isDead(problem)) return problem
      await me?.loadUser().catch(() => {})
      end.value = problem ? 'dead' : 'done'
      return undefined
    },
    words: text.account,
  })
  if (end.value === 'done')
    return (
      <End title={text.confirm.done} words={text.confirm.doneWords}>
        <GoOn />
      </End>
    )
  if (end.value)
    return (
      <End
        title={text.deadLink}
        words={`${text.deadLinkWhy} ${text.confirm.another(me?.user.value)}`}
      >
        {me?.user.value.email_verified === false && (
          <p class="soft">
            <SendAgain />
          </p>
        )}
        <GoOn />
      </End>
    )
  return (
    <Sheet title={text.links.confirm} onSubmit={submit}>
      <p>{text.confirm.words}</p>
      <p class="fault">{fault}</p>
      <button type="submit" class="primary" aria-disabled={isBusy}>
        Confirm
      </button>
    </Sheet>
  )
}

/** The page of a link from a mail. Opening it does nothing; its button does. */
export const LinkPage = ({ account }: { account: Account }) => {
  // What takes the place of the page has its title when this runs.
  useEffect(() => () => queueMicrotask(focusTop), [])
  if (!link.value) return null
  const { is, token } = link.value
  const Page = is === 'reset' ? Reset : Confirm
  return <Page key={token} account={account} token={token} />
}
