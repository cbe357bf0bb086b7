import { signal, useSignal } from '@preact/signals'
import { LinkButton } from './button.tsx'
import { focusTop, type Session, say, session, view } from './state.ts'
import { text } from './text.ts'

/** Sends the link that confirms the address again, and says what became of that. */
export const SendAgain = ({ words = '' }: { words?: string }) => {
  const { me } = session.value as Session
  const isBusy = useSignal(false)
  const outcome = useSignal('')
  const run = async () => {
    if (isBusy.value) return
    isBusy.value = true
    const problem = await me.resend()
    isBusy.value = false
    const { email, email_verified } = me.user.value
    outcome.value = problem ? text.account(problem) : text.sent(email)
    // Confirmed meanwhile: the button goes, and the focus would go with it.
    if (email_verified) focusTop()
    say(email_verified ? text.confirmed : outcome.value)
  }
  return (
    <>
      {outcome.value || words}{' '}
      <LinkButton aria-disabled={isBusy.value} onClick={() => void run()}>
        Send again
      </LinkButton>
    </>
  )
}

const isDismissed = signal(false)

/** A quiet line, as long as the address is not confirmed. Settings has it beside the address. */
export const Unconfirmed = () => {
  const { me } = session.value as Session
  const { email, email_verified } = me.user.value
  const isWanted = !isDismissed.value && !me.isMailMissing.value && view.value.is !== 'settings'
  const isShown = email_verified === false && isWanted
  const dismiss = () => {
    focusTop()
    isDismissed.value = true
  }
  return (
    <p class="status">
      {isShown && (
        <>
          <SendAgain words={text.unconfirmed(email)} />{' '}
          <LinkButton onClick={dismiss}>Not now</LinkButton>
        </>
      )}
    </p>
  )
}

/** The address in the settings. */
export const Address = () => {
  const { email, email_verified } = (session.value as Session).me.user.value
  return (
    <>
      <p>{text.signedInAs(email)}</p>
      <p class="soft">
        {email_verified && text.confirmed}
        {email_verified === false && <SendAgain words={text.notConfirmed} />}
      </p>
    </>
  )
}
