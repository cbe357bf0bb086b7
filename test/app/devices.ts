import 'fake-indexeddb/auto'
import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { migrate } from '../../dev/migrate.ts'
import { startNeon } from '../../dev/neon/neon.ts'
import { createAccount, type User } from '../../web/app/account.ts'
import { openStore } from '../../web/app/store.ts'
import { createSync } from '../../web/app/sync.ts'
import { createTasks } from '../../web/app/tasks.ts'

type Api = { fetch: (request: Request, env: object, context: object) => Promise<Response> }

// By URL, because the compiler must not check src here: it needs the Worker's types, not Node's.
const { app }: { app: Api } = await import(new URL('../../src/index.ts', import.meta.url).href)

// The API logs each request.
console.log = () => {}
console.warn = () => {}

const neon = await startNeon({ port: 0, dataDir: 'memory' })
after(neon.close)
await migrate(neon.url)
const env = {
  DATABASE_URL: neon.url,
  JWT_SECRET: 'b0J1c3Qgb2YgdGhlIHRlc3RzLCBub3QgbW9yZQ',
  BCRYPT_COST: '4',
}
const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} }

export const origin = 'http://localhost'
export const password = 'correct horse battery'

/** What becomes of a request: the reply of `pass`, another one, or an error where there is no network. */
export type Network = (request: Request, pass: () => Promise<Response>) => Promise<Response>

/** A browser profile: its cookies, its local storage and its network. */
export const newProfile = () => {
  const memory = new Map<string, string>()
  let cookie = ''
  const profile = {
    network: ((_, pass) => pass()) as Network,
    requests: [] as string[],
    memory,
    storage: {
      getItem: (key: string) => memory.get(key) ?? null,
      setItem: (key: string, value: string) => void memory.set(key, value),
      removeItem: (key: string) => void memory.delete(key),
    },
    cookie: () => cookie,
    setCookie: (value: string) => {
      cookie = value
    },
    fetch: (async (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input, init)
      request.headers.set('Sec-Fetch-Site', 'same-origin')
      if (cookie) request.headers.set('Cookie', cookie)
      profile.requests.push(`${request.method} ${new URL(request.url).pathname}`)
      return profile.network(request, async () => {
        const reply = await app.fetch(request, env, context)
        const set = reply.headers.get('Set-Cookie')
        if (set) cookie = /Max-Age=0/.test(set) ? '' : (set.split(';')[0] ?? '')
        return reply
      })
    }) as typeof fetch,
  }
  return profile
}
export type Profile = ReturnType<typeof newProfile>

export const accountOf = (profile: Profile) =>
  createAccount({ origin, fetch: profile.fetch, memory: profile.storage })

/** A tab of the app, with everything but its views. Nothing syncs unless the test says so. */
export const openTab = async (profile: Profile, user: User, database = user.id) => {
  const account = accountOf(profile)
  const store = await openStore(database)
  const tasks = createTasks(store, () => {})
  const waits: number[] = []
  const sync = createSync({
    account,
    store,
    userId: database,
    onChange: tasks.reload,
    wait: (_, milliseconds) => {
      waits.push(milliseconds)
      return setTimeout(() => {})
    },
  })
  await tasks.reload()
  return {
    account,
    store,
    tasks,
    sync,
    /** How long each wait for the next sync is. */
    waits,
    /** Syncs, and gives the state that this comes to. */
    run: async () => {
      await sync.sync()
      await tasks.reload([])
      return sync.state.value.is
    },
    titles: () => [...tasks.all.value.values()].map(({ title }) => title).sort(),
    task: (id: string) => {
      const task = tasks.all.value.get(id)
      if (!task) throw new Error('There is no such task here')
      return task
    },
  }
}
export type Tab = Awaited<ReturnType<typeof openTab>>

export const newEmail = () => `${randomUUID()}@example.com`

/** Signs up a person on a device of their own. */
export const newPerson = async () => {
  const profile = newProfile()
  const email = newEmail()
  const user = await accountOf(profile).signUp(email, password)
  if (!('id' in user)) throw new Error(user.detail)
  return { profile, user, email, tab: await openTab(profile, user) }
}

/** Another device of the same person. Its database has a name of its own, for all share one IndexedDB. */
export const newDevice = async (email: string) => {
  const profile = newProfile()
  const user = await accountOf(profile).signIn(email, password)
  if (!('id' in user)) throw new Error(user.detail)
  return { profile, tab: await openTab(profile, user, randomUUID()) }
}

/** Serves one request without a network: it does not arrive, or its reply is lost. */
export const offline: Network = async () => {
  throw new TypeError('fetch failed')
}
