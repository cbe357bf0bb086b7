import { computed, effect, signal } from '@preact/signals'
import { render } from 'preact'
import { createAccount, type User } from './account.ts'
import { ClearCompleted, Header, QuickAdd, Views } from './bar.tsx'
import { Editor } from './editor.tsx'
import { Sheet } from './form.tsx'
import { Help } from './help.tsx'
import { install } from './install.ts'
import { onKeyDown, onPointerDown } from './keys.ts'
import { link } from './link.ts'
import { LinkPage } from './links.tsx'
import { List } from './list.tsx'
import { createMe, isRefused } from './me.ts'
import { memory } from './memory.ts'
import { Menu } from './menu.tsx'
import { Closed, Decisions, Leaving, Status, Toast } from './notice.tsx'
import { forgetPreferences, watchPreferences } from './preferences.ts'
import { SelectedEditor, SelectionBar } from './selection-bar.tsx'
import { Settings } from './settings.tsx'
import { SignIn } from './sign-in.tsx'
import {
  closing,
  cover,
  focusList,
  focusTop,
  isList,
  isTyped,
  notice,
  rows,
  session,
  show,
  view,
  watchAddress,
  watchDay,
  watchSelection,
} from './state.ts'
import { eraseStore, openMemoryStore, openStore } from './store.ts'
import { createSync } from './sync.ts'
import { createTasks } from './tasks.ts'
import { text } from './text.ts'
import { createTrash } from './trash.ts'
import { Trash } from './trash.tsx'

/** Whether the tasks go from this device, and this page with them. */
const isLeaving = signal(false)

/** Deletes what this device keeps of a user. When that is on the screen, it goes from there first. */
const erase = async (userId: string) => {
  const open = session.value
  if (open?.user.id === userId) {
    isLeaving.value = true
    session.value = undefined
    open.sync.end()
    open.store.close()
  }
  await eraseStore(userId)
}

const account = createAccount({ origin: location.origin, memory, erase })

/** Until the tasks have come for the first time, an empty list would be a lie. */
const first = signal<'waiting' | 'failed'>()

/** The address of the sign-in that follows the deletion of an account. */
const accountDeleted = '#deleted'

/** Enough tasks to ask the browser not to clear them away. */
const worthKeeping = 10
let isKeepingAsked = false

const askToKeep = (tasks: number) => {
  if (isKeepingAsked || tasks < worthKeeping) return
  isKeepingAsked = true
  void navigator.storage?.persist?.()
}

/** Starts the page anew, after a link from a mail: its token would be lost. */
const reload = () =>
  effect(() => {
    if (!link.value) location.reload()
  })

/** Tells the tabs of a user what has changed here. */
const channelOf = (user: User) => new BroadcastChannel(`tasks-${user.id}`)
/** Tells them that the person who was signed out has signed in again. */
const isBack = 'back'

const open = async (user: User) => {
  const stored = await openStore(user.id, (why) => {
    closing.value = why
  }).catch((error) => {
    // The database is there, and a newer version of the app has written it.
    if (error instanceof DOMException && error.name === 'VersionError') closing.value = 'outdated'
    return undefined
  })
  const store = stored ?? openMemoryStore()
  const isInMemory = !stored
  const channel = channelOf(user)
  const tasks = createTasks(store, (ids) => {
    channel.postMessage(ids)
    sync.soon()
    askToKeep(tasks.all.value.size)
  })
  const sync = createSync({
    account,
    store,
    userId: user.id,
    lock: stored && `sync-${user.id}`,
    onChange: (ids) => {
      channel.postMessage(ids)
      return tasks.reload(ids)
    },
  })
  channel.onmessage = ({ data }: MessageEvent<string[] | typeof isBack | undefined>) => {
    if (data !== isBack) return tasks.reload(data)
    if (cover.peek()?.is === 'signing-in') show(undefined)
    return sync.sync()
  }
  const [syncedAt] = await Promise.all([
    store.readSyncedAt().catch(() => undefined),
    tasks.reload(),
  ])
  if (syncedAt === undefined) first.value = 'waiting'
  const trash = createTrash({ account, userId: user.id, tasks })
  const me = createMe(account, user)
  session.value = { me, store, sync, tasks, trash, user, isInMemory }

  effect(() => {
    if (closing.value) sync.end()
  })
  effect(() => {
    const { is } = sync.state.value
    if (is === 'synced') first.value = undefined
    else if (is !== 'waiting' && is !== 'running' && first.peek()) first.value = 'failed'
    // Another tab let another person in: this page starts anew, with that person's tasks.
    if (is === 'stranger' && account.remembered()?.id !== user.id) reload()
  })
  // The trash needs the same network, so it is fetched after each attempt to sync.
  const hasTried = computed(() => !/^(waiting|running)$/.test(sync.state.value.is))
  effect(() => {
    if (view.value.is === 'trash' && hasTried.value) void trash.load()
  })
  // The sync says so, and offers to sign in.
  const isOut = computed(() => trash.state.value === 'signed-out' || isRefused(me.fault.value))
  effect(() => {
    const { is } = sync.state.peek()
    if (isOut.value && is !== 'signed-out' && is !== 'stranger') void sync.sync()
  })
  const look = async () => {
    await sync.sync()
    if (sync.state.value.is === 'synced') await me.look()
  }
  const lookWhenVisible = () => {
    if (document.visibilityState === 'visible') void look()
  }
  addEventListener('online', lookWhenVisible)
  document.addEventListener('visibilitychange', lookWhenVisible)
  // After the tasks are on the screen. A page that is not looked at waits until it is.
  requestAnimationFrame(() => setTimeout(look))
}

const signedIn = (user: User) => {
  show(undefined)
  notice.value = undefined
  const before = session.value
  if (!before) void open(user)
  // This tab hears it too, for its own channel is another one.
  else if (before.user.id === user.id) channelOf(user).postMessage(isBack)
  else location.reload()
}

const startAnew = (address: string) => {
  history.replaceState(null, '', address)
  location.reload()
}

const signOut = async () => {
  await account.signOut()
  startAnew('/app/')
}

const empty = async () => {
  if (session.value) await erase(session.value.user.id).catch(() => {})
  startAnew(location.href)
}

const end = () => {
  forgetPreferences()
  startAnew(`/app/${accountDeleted}`)
}

const Waiting = () => (
  <div class="waiting" aria-hidden="true">
    {[0, 1, 2, 3].map((row) => (
      <div key={row} class="row" />
    ))}
  </div>
)

const Content = () => {
  if (view.value.is === 'trash') return <Trash />
  if (view.value.is === 'settings') return <Settings onEmpty={() => void empty()} onDeleted={end} />
  if (!first.value || rows.value.length) return <List />
  return first.value === 'waiting' ? <Waiting /> : <p class="empty">{text.empty.never}</p>
}

const Cover = () => {
  const { value } = cover
  if (value?.is === 'task') return <Editor key={value.id} id={value.id} focus={value.field} />
  if (value?.is === 'selected') return <SelectedEditor field={value.field} />
  if (value?.is === 'help') return <Help />
  if (value?.is === 'emptying')
    return (
      <Leaving
        title="Empty this device"
        act="Emptying"
        after={text.comeBack(session.value?.sync.state.value.is)}
        no="Cancel"
        yes="Empty"
        onYes={empty}
      />
    )
  return (
    value && <Leaving title="Sign out" act="Signing out" no="Stay" yes="Sign out" onYes={signOut} />
  )
}

const Screen = () => (
  <div class="app">
    <button type="button" class="skip primary" onClick={isList() ? focusList : focusTop}>
      Skip to the {isList() ? 'tasks' : 'content'}
    </button>
    <Views />
    <main>
      <Header />
      <Status />
      <Decisions />
      {view.value.is === 'done' ? <ClearCompleted /> : isList() && <QuickAdd />}
      <Content />
      <SelectionBar />
      <Menu />
    </main>
    <Toast />
    <Cover />
    {closing.value && <Closed why={closing.value} />}
  </div>
)

const App = () => {
  if (link.value) return <LinkPage account={account} />
  if (isLeaving.value) return <Sheet title={text.leaving} />
  return session.value && cover.value?.is !== 'signing-in' ? (
    <Screen />
  ) : (
    <SignIn account={account} onSignedIn={signedIn} />
  )
}

const start = async () => {
  watchPreferences()
  addEventListener('storage', ({ key }) => {
    if (key !== 'user') return
    const { me, user } = session.value ?? {}
    if (me && account.remembered()?.id === user?.id) me.follow()
    else reload()
  })
  addEventListener('beforeunload', (event) => {
    // Not of a person who is signed out, whose tasks must go from the screen.
    const { user } = session.value ?? {}
    if (user && account.remembered()?.id === user.id && isTyped()) event.preventDefault()
  })
  document.addEventListener('keydown', onKeyDown)
  document.addEventListener('pointerdown', onPointerDown)
  if (location.hash === accountDeleted) {
    notice.value = 'deleted'
    history.replaceState(null, '', '/app/')
  }
  watchAddress()
  watchDay()
  watchSelection()
  const user = account.remembered()
  if (user) await open(user)
  const root = document.getElementById('app')
  if (root) render(<App />, root)
  if (!(await account.finishSignOut()) && !user) notice.value = 'sessionLeft'
  await install(() => {
    notice.value = 'updated'
  })
}

void start()
