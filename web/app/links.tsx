import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Problem } from '../../src/client.ts'
import type { Account } from './account.ts'
import { SendAgain } from './address.tsx'
import { LinkButton } from './button.tsx'
import { type Read, Sheet, useForm } from './form.tsx'
import { closeLink, type Link, link } from './link.ts'
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
  const { submit, content } = useForm({
    asks: { email: { label: 'E-mail', autocomplete: 'username', defaultValue: email } },
    button: 'Send a link',
    send: async (read) => {
      const problem = await account.forgot(read('email'))
      if (!problem) asked.value = read('email')
      return problem
    },
  })
  const Back = (
    <p class="soft">
      <LinkButton onClick={onBack}>{back}</LinkButton>
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
      {content}
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

type PageProps = Pick<Parameters<typeof useForm>[0], 'asks' | 'button'> & {
  is: Link['is']
  /** Spends the link, and gives the problem when there is one. */
  send: (read: Read) => Promise<Problem | undefined>
  /** Brings this device up to date with what the link has done. */
  follow: () => Promise<unknown> | undefined
  /** What is shown when the link does not work any more. */
  dead: ComponentChildren
}

const Page = ({ is, asks, button, send, follow, dead }: PageProps) => {
  const end = useSignal<'done' | 'dead'>()
  const words = text.links[is]
  const { submit, content } = useForm({
    asks,
    button,
    send: async (read) => {
      const problem = await send(read)
      if (problem && !isDead(problem)) return problem
      await follow()
      end.value = problem ? 'dead' : 'done'
      return undefined
    },
  })
  if (end.value === 'dead') return dead
  if (end.value)
    return (
      <End title={words.done} words={words.doneWords}>
        <GoOn />
      </End>
    )
  return (
    <Sheet title={words.title} onSubmit={submit}>
      <p>{words.words}</p>
      {content}
    </Sheet>
  )
}

type Props = { account: Account; token: string }

const Reset = ({ account, token }: Props) => (
  <Page
    is="reset"
    asks={{ new_password: { label: 'New password', autocomplete: 'new-password' } }}
    button="Set password"
    send={(read) => account.reset(token, read('new_password'))}
    // Finds out whether the session of this device was among those that have ended.
    follow={() => session.value?.sync.sync()}
    dead={
      <Forgot
        account={account}
        title={text.deadLink}
        words={`${text.deadLinkWhy} ${text.forgot.words}`}
        back={session.value ? text.toTasks : text.toSignIn}
        onBack={closeLink}
      />
    }
  />
)

const Confirm = ({ account, token }: Props) => {
  const { me } = session.value ?? {}
  const user = me?.user.value
  return (
    <Page
      is="confirm"
      asks={{}}
      button="Confirm"
      send={() => account.confirm(token)}
      follow={() => me?.loadUser().catch(() => {})}
      dead={
        <End title={text.deadLink} words={`${text.deadLinkWhy} ${text.askAnother(user)}`}>
          {user?.email_verified === false && (
            <p class="soft">
              <SendAgain />
            </p>
          )}
          <GoOn />
        </End>
      }
    />
  )
}

/** The page of a link from a mail. Opening it does nothing; its button does. */
export const LinkPage = ({ account }: { account: Account }) => {
  // What takes the place of the page has its title when this runs.
  useEffect(() => () => queueMicrotask(focusTop), [])
  if (!link.value) return null
  const { is, token } = link.value
  const Opened = is === 'reset' ? Reset : Confirm
  return <Opened key={token} account={account} token={token} />
}
