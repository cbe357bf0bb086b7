import { effect, signal } from '@preact/signals'
import { render } from 'preact'
import { type Account, createAccount, type User } from './account.ts'
import { QuickAdd, Search, Tools, Views } from './bar.tsx'
import { Editor } from './editor.tsx'
import { Help } from './help.tsx'
import { onKeyDown } from './keys.ts'
import { List, Sorting } from './list.tsx'
import { Menu } from './menu.tsx'
import { Decisions, SigningOut, Status, Toast } from './notice.tsx'
import { SignIn } from './sign-in.tsx'
import { session, view, watchAddress, watchDay } from './state.ts'
import { eraseStore, openStore } from './store.ts'
import { createSync } from './sync.ts'
import { createTasks } from './tasks.ts'
import { text } from './text.ts'

const account: Account = createAccount({ origin: location.origin, memory: localStorage })

/** Whether the person types the password, and why. */
const isSigningIn = signal(false)
const notice = signal('')
/** Whether the tasks have never been here, so that an empty list would be a lie. */
const isFirst = signal(false)

/** Enough tasks to ask the browser not to clear them away. */
const worthKeeping = 10

const open = async (user: User) => {
  const store = await openStore(user.id, () => {
    notice.value = text.outdated
  })
  const channel = new BroadcastChannel(`tasks-${user.id}`)
  const tasks = createTasks(store, (ids) => {
    channel.postMessage(ids)
    sync.soon()
    if (tasks.all.value.size === worthKeeping) void navigator.storage?.persist?.()
  })
  const sync = createSync({
    account,
    store,
    userId: user.id,
    onChange: (ids) => {
      channel.postMessage(ids)
      return tasks.reload(ids)
    },
  })
  channel.onmessage = ({ data }: MessageEvent<string[] | undefined>) => tasks.reload(data)
  isFirst.value = (await store.readSyncedAt()) === undefined
  await tasks.reload()
  session.value = { store, sync, tasks, user }

  effect(() => {
    const { is } = sync.state.value
    if (is !== 'waiting' && is !== 'running') isFirst.value = false
    // Another tab let another person in: this page starts anew, with that person's tasks.
    if (is === 'stranger' && account.remembered()?.id !== user.id) location.reload()
  })
  const look = () => {
    if (document.visibilityState === 'visible') void sync.sync()
  }
  addEventListener('online', look)
  document.addEventListener('visibilitychange', look)
  void sync.sync()
}

const signedIn = async (user: User) => {
  isSigningIn.value = false
  notice.value = ''
  const before = session.value
  if (!before) await open(user).catch(noStorage)
  else if (before.user.id === user.id) void before.sync.sync()
  else location.reload()
}

const noStorage = () => {
  notice.value = text.noStorage
}

const signOut = async () => {
  const { store, sync, user } = session.value ?? {}
  sync?.end()
  await account.signOut()
  store?.close()
  if (user) await eraseStore(user.id)
  location.replace('/app/')
}

const Waiting = () => (
  <div class="waiting" aria-hidden="true">
    {[0, 1, 2, 3].map((row) => (
      <div key={row} class="row" />
    ))}
  </div>
)

const Tasks = () => {
  const { value } = view
  return (
    <div class="app">
      <button
        type="button"
        class="skip"
        onClick={() => document.querySelector<HTMLElement>('.list [tabindex="0"]')?.focus()}
      >
        Skip to the tasks
      </button>
      <Views />
      <main>
        <header>
          <h1>{value.is === 'tag' ? `#${value.tag}` : text.views[value.is]}</h1>
          <Sorting />
          <Search />
          <Tools />
        </header>
        {notice.value && <p class="notice">{notice}</p>}
        <Status
          onSignIn={() => {
            isSigningIn.value = true
          }}
        />
        <Decisions />
        {value.is !== 'done' && <QuickAdd />}
        {isFirst.value ? <Waiting /> : <List />}
        <Menu />
      </main>
      <Toast />
      <Editor />
      <Help />
      <SigningOut onSignOut={() => void signOut()} />
    </div>
  )
}

const App = () =>
  session.value && !isSigningIn.value ? (
    <Tasks />
  ) : (
    <SignIn account={account} notice={notice.value} onSignedIn={(user) => void signedIn(user)} />
  )

/** Trusted Types, which TypeScript does not know, and some browsers do not either. */
type TrustedTypes = {
  createPolicy: (
    name: string,
    rules: { createScriptURL: () => string }
  ) => { createScriptURL: (input: string) => string }
}

const registerServiceWorker = async () => {
  // The argument is ignored, so that the policy can make this one URL and no other.
  const { trustedTypes } = window as Window & { trustedTypes?: TrustedTypes }
  const policy = trustedTypes?.createPolicy('app', {
    createScriptURL: () => '/app/service-worker.js',
  })
  const url = policy?.createScriptURL('') ?? '/app/service-worker.js'
  await navigator.serviceWorker?.register(url, { scope: '/app/' })
}

const start = async () => {
  addEventListener('storage', ({ key }) => {
    if (key === 'user') location.reload()
  })
  document.addEventListener('keydown', onKeyDown)
  watchAddress()
  watchDay()
  const user = account.remembered()
  if (user) await open(user).catch(noStorage)
  else if (!(await account.endLeftSession())) notice.value = text.sessionLeft
  const root = document.getElementById('app')
  if (root) render(<App />, root)
  await registerServiceWorker()
}

void start()
