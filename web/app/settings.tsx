import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { Address } from './address.tsx'
import { LinkButton, QuietButton } from './button.tsx'
import { sayAgo } from './dates.ts'
import { Field } from './field.tsx'
import { useForm } from './form.tsx'
import type { Device } from './me.ts'
import { choices, type Preferences, prefer, preferences } from './preferences.ts'
import { countUnsent, type Session, say, session, show, tell, today } from './state.ts'
import { text } from './text.ts'

type GroupProps = { title: string; children: ComponentChildren }

const Group = ({ title, children }: GroupProps) => (
  <section aria-label={title}>
    <h2 tabIndex={-1}>{title}</h2>
    {children}
  </section>
)

const Choice = ({ name }: { name: keyof Preferences }) => {
  const { label, ...names }: Record<string, string> = text.preferences[name]
  return (
    <Field
      label={label ?? name}
      name={name}
      tag="select"
      value={preferences.value[name]}
      onChange={({ currentTarget }) => prefer({ [name]: currentTarget.value })}
    >
      {choices[name].map((choice) => (
        <option key={choice} value={choice}>
          {names[choice]}
        </option>
      ))}
    </Field>
  )
}

const sayTime = (time: string) => sayAgo(Date.parse(time))

/** The button goes with what it does, so the focus goes to the title above it. */
const focusGroup = (button: HTMLElement) => button.closest('section')?.querySelector('h2')?.focus()

const Devices = () => {
  const { me } = session.value as Session
  useEffect(() => void me.loadDevices(), [me])
  const devices = me.devices.value
  const others = devices?.filter(({ current }) => !current) ?? []
  const end = async (button: HTMLElement, ended: Device[]) => {
    focusGroup(button)
    await me.endDevices(ended)
    if (me.fault.value) say(text.account(me.fault.value), 'assertive')
    else tell(text.devicesEnded(ended.length))
  }
  return (
    <Group title="Devices">
      {!devices && !me.fault.value && <p class="soft waiting">{text.loading}</p>}
      <ul>
        {devices?.map((device) => {
          const name = text.device(device.user_agent)
          const [used, began] = [device.last_used_at, device.created_at].map(sayTime)
          const about = device.current ? text.thisDevice : text.usedDevice(used, began)
          return (
            <li key={device.id} class="device">
              <p>
                {name}
                <span class="soft">{about}</span>
              </p>
              {!device.current && (
                <QuietButton
                  aria-label={`Sign out ${name}: ${about}`}
                  onClick={({ currentTarget }) => void end(currentTarget, [device])}
                >
                  Sign out
                </QuietButton>
              )}
            </li>
          )
        })}
      </ul>
      {me.fault.value && (
        <p class="fault">
          {text.account(me.fault.value)}{' '}
          <LinkButton
            onClick={({ currentTarget }) => {
              focusGroup(currentTarget)
              void me.loadDevices()
            }}
          >
            Try again
          </LinkButton>
        </p>
      )}
      {others.length > 1 && (
        <QuietButton onClick={({ currentTarget }) => void end(currentTarget, others)}>
          Sign out all others
        </QuietButton>
      )}
    </Group>
  )
}

type FormProps = Omit<Parameters<typeof useForm>[0], 'words' | 'button'> & {
  title: string
  hint: string
}

/** A form that unfolds. It asks for passwords. */
const PasswordForm = ({ title, hint, ...sending }: FormProps) => {
  const { submit, content } = useForm({ ...sending, button: title })
  const { email } = (session.value as Session).me.user.value
  return (
    <details>
      <summary class={sending.isGrave ? 'danger' : ''}>{title}</summary>
      <form noValidate onSubmit={submit}>
        <p>{hint}</p>
        {/* Password managers keep it with the password. */}
        <input autocomplete="username" value={email} readOnly hidden />
        {content}
      </form>
    </details>
  )
}

const YourAccount = ({ onDeleted }: { onDeleted: () => void }) => {
  const { me } = session.value as Session
  // Another device may have confirmed another address.
  useEffect(() => void me.loadUser().catch(() => {}), [me])
  const { email, old } = me.asked.value
  return (
    <Group title="Account">
      <Address />
      <PasswordForm
        title="Change e-mail"
        hint={old === me.user.value.email ? text.emailAsked(email, old) : text.emailHint}
        asks={{
          email: { label: 'New e-mail', autocomplete: 'email' },
          current_password: {
            label: 'Account password',
            autocomplete: 'current-password',
            id: 'account-password',
          },
        }}
        send={async (read) => {
          const fault = await me.changeEmail(read('email'), read('current_password'))
          if (fault) return fault
          say(text.emailAsked(read('email'), me.user.value.email))
          return undefined
        }}
      />
      <PasswordForm
        title="Change password"
        hint={text.passwordHint}
        asks={{
          current_password: { label: 'Current password', autocomplete: 'current-password' },
          new_password: { label: 'New password', autocomplete: 'new-password' },
        }}
        send={async (read) => {
          const fault = await me.changePassword(read('current_password'), read('new_password'))
          if (fault) return fault
          tell(text.passwordChanged)
          void me.loadDevices()
          return undefined
        }}
      />
      <PasswordForm
        title="Delete account"
        hint={`${text.deletionHint} ${text.notExported(countUnsent())}`}
        isGrave
        asks={{ password: { label: 'Password', autocomplete: 'current-password' } }}
        send={async (read) => {
          const fault = await me.remove(read('password'))
          if (!fault) onDeleted()
          return fault
        }}
      />
    </Group>
  )
}

/** Gives the browser a file to save. */
const save = (file: Blob, name: string) => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  // Some browsers read the file only after a while.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

const Export = () => {
  const { me, sync } = session.value as Session
  const isBusy = useSignal(false)
  const fault = useSignal('')
  const run = async () => {
    if (isBusy.value) return
    isBusy.value = true
    fault.value = ''
    // What was changed here belongs to it.
    await sync.sync()
    const lack = text.notExported(countUnsent())
    const result = await me.exportAll().catch(() => 'unreachable' as const)
    isBusy.value = false
    const isSaved = result instanceof Blob
    fault.value = isSaved ? lack : text.account(result)
    say(fault.value, 'assertive')
    if (isSaved) save(result, `edge-todo-${today.value}.json`)
  }
  return (
    <>
      <p class="soft">{text.exportHint}</p>
      <QuietButton aria-disabled={isBusy.value} onClick={() => void run()}>
        {isBusy.value ? text.exporting : 'Export'}
      </QuietButton>
      <p class="fault">{fault}</p>
    </>
  )
}

const YourTasks = ({ onEmpty }: { onEmpty: () => void }) => {
  const { store, sync, tasks } = session.value as Session
  const syncedAt = useSignal<number>()
  const { is } = sync.state.value
  useEffect(() => {
    if (is === 'running') return
    const keep = (at?: number) => {
      syncedAt.value = at
    }
    // The store may have been closed.
    store.readSyncedAt().then(keep, () => {})
  }, [is, store, syncedAt])
  const when = syncedAt.value === undefined ? '' : sayAgo(syncedAt.value)
  return (
    <Group title="Your tasks">
      <p>{text.held(tasks.all.value.size, when)}</p>
      <p class="soft">{text.emptyHint}</p>
      <QuietButton
        onClick={() => {
          const areBackAtOnce = /^(synced|running)$/.test(is) && navigator.onLine
          if (areBackAtOnce && !countUnsent()) onEmpty()
          else show({ is: 'emptying' })
        }}
      >
        Empty this device
      </QuietButton>
      <Export />
    </Group>
  )
}

type Props = { onEmpty: () => void; onDeleted: () => void }

export const Settings = ({ onEmpty, onDeleted }: Props) => (
  <div class="settings">
    <Group title="Preferences">
      <div class="fields">
        {(['theme', 'firstDay', 'newTasks', 'singleKeys'] as const).map((name) => (
          <Choice key={name} name={name} />
        ))}
      </div>
    </Group>
    <Devices />
    <YourTasks onEmpty={onEmpty} />
    <YourAccount onDeleted={onDeleted} />
  </div>
)
