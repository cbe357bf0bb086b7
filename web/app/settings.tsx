import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { sayAgo } from './dates.ts'
import { Question } from './dialog.tsx'
import { Field } from './field.tsx'
import { Password, useForm } from './form.tsx'
import type { Device } from './me.ts'
import { choices, type Preferences, prefer, preferences } from './preferences.ts'
import { type Session, say, session, show, tell, today } from './state.ts'
import { text } from './text.ts'

type GroupProps = { title: string; children: ComponentChildren }

const Group = ({ title, children }: GroupProps) => (
  <section aria-label={title}>
    <h2 tabIndex={-1}>{title}</h2>
    {children}
  </section>
)

const Choice = ({ name }: { name: keyof Preferences }) => {
  const { label, hint, ...names }: Record<string, string> = text.preferences[name]
  return (
    <Field
      label={label ?? name}
      name={name}
      tag="select"
      hint={hint}
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

const Devices = () => {
  const { me } = session.value as Session
  useEffect(() => void me.loadDevices(), [me])
  const devices = me.devices.value
  const others = devices?.filter(({ current }) => !current) ?? []
  const end = async (button: HTMLElement, ended: Device[]) => {
    // The buttons go with what they end.
    button.closest('section')?.querySelector('h2')?.focus()
    await me.endDevices(ended)
    if (!me.fault.value) tell(text.devicesEnded(ended.length))
  }
  return (
    <Group title={text.settings.devices}>
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
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Sign out ${name}: ${about}`}
                  onClick={({ currentTarget }) => void end(currentTarget, [device])}
                >
                  Sign out
                </button>
              )}
            </li>
          )
        })}
      </ul>
      {me.fault.value && (
        <p class="fault">
          {text.account(me.fault.value)}{' '}
          <button type="button" class="link" onClick={me.loadDevices}>
            Try again
          </button>
        </p>
      )}
      {others.length > 1 && (
        <button
          type="button"
          class="quiet"
          onClick={({ currentTarget }) => void end(currentTarget, others)}
        >
          Sign out all others
        </button>
      )}
    </Group>
  )
}

/** The e-mail, for password managers, which keep it with the password. */
const UserName = () => (
  <input autocomplete="username" value={(session.value as Session).user.email} readOnly hidden />
)

const PasswordForm = () => {
  const { me } = session.value as Session
  const { submit, isBusy, fault, faults } = useForm({
    names: { current_password: 'The current password', new_password: 'The new password' },
    send: async (read) => {
      const problem = await me.changePassword(read('current_password'), read('new_password'))
      if (problem) return problem
      tell(text.passwordChanged)
      void me.loadDevices()
      return undefined
    },
    words: text.account,
  })
  return (
    <details>
      <summary>{text.settings.password}</summary>
      <form noValidate onSubmit={submit}>
        <p>{text.passwordEnds}</p>
        <UserName />
        <Password
          label="Current password"
          name="current_password"
          autocomplete="current-password"
          fault={faults.current_password}
        />
        <Password
          label="New password"
          name="new_password"
          autocomplete="new-password"
          hint={text.passwordRules}
          fault={faults.new_password}
        />
        <p class="fault">{fault}</p>
        <button type="submit" class="primary" aria-disabled={isBusy}>
          Change password
        </button>
      </form>
    </details>
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
    const result = await me.exportAll().catch(() => 'unreachable' as const)
    isBusy.value = false
    if (result instanceof Blob) return save(result, `edge-todo-${today.value}.json`)
    fault.value = text.account(result)
    say(fault.value, 'assertive')
  }
  return (
    <>
      <p class="soft">{text.exportHint}</p>
      <button type="button" class="quiet" aria-disabled={isBusy.value} onClick={() => void run()}>
        {isBusy.value ? text.exporting : 'Export'}
      </button>
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
    void store.readSyncedAt().then((at) => {
      syncedAt.value = at
    })
  }, [is, store, syncedAt])
  const changes = tasks.waiting.value + tasks.parked.value.length
  const when = syncedAt.value === undefined ? '' : sayAgo(syncedAt.value)
  return (
    <Group title={text.settings.tasks}>
      <p>{text.held(tasks.all.value.size, when)}</p>
      <p class="soft">{text.emptyHint}</p>
      <button
        type="button"
        class="quiet"
        onClick={() => (changes ? show({ is: 'emptying' }) : onEmpty())}
      >
        Empty this device
      </button>
      <Export />
    </Group>
  )
}

/** Asks before changes are lost that the server does not have. */
export const Emptying = ({ onEmpty }: { onEmpty: () => void }) => {
  const { waiting, parked } = (session.value as Session).tasks
  return (
    <Question
      title="Empty this device"
      words={text.emptyWithChanges(waiting.value + parked.value.length)}
      no="Keep them"
      yes="Empty anyway"
      isGrave
      onYes={onEmpty}
    />
  )
}

const Deletion = ({ onDeleted }: { onDeleted: () => void }) => {
  const { me } = session.value as Session
  const { submit, isBusy, fault, faults } = useForm({
    names: { password: 'The password' },
    send: async (read) => {
      const problem = await me.remove(read('password'))
      if (!problem) onDeleted()
      return problem
    },
    words: text.account,
  })
  return (
    <details>
      <summary class="danger">{text.settings.deletion}</summary>
      <form noValidate onSubmit={submit}>
        <p>{text.deletionHint}</p>
        <UserName />
        <Password
          label="Password"
          name="password"
          autocomplete="current-password"
          fault={faults.password}
        />
        <p class="fault">{fault}</p>
        <button type="submit" class="primary grave" aria-disabled={isBusy}>
          Delete account
        </button>
      </form>
    </details>
  )
}

type Props = { onEmpty: () => void; onDeleted: () => void }

export const Settings = ({ onEmpty, onDeleted }: Props) => (
  <div class="settings">
    <Group title={text.settings.preferences}>
      <div class="fields">
        {(['theme', 'firstDay', 'newTasks', 'singleKeys'] as const).map((name) => (
          <Choice key={name} name={name} />
        ))}
      </div>
    </Group>
    <Devices />
    <YourTasks onEmpty={onEmpty} />
    <Group title={text.settings.account}>
      <p>{text.signedInAs((session.value as Session).user.email)}</p>
      <PasswordForm />
      <Deletion onDeleted={onDeleted} />
    </Group>
  </div>
)
