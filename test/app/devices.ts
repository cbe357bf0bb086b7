import 'fake-indexeddb/auto'
import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { migrate } from '../../dev/migrate.ts'
import { startNeon } from '../../dev/neon/neon.ts'
import { createAccount, type User } from '../../web/app/account.ts'
import { eraseStore, openMemoryStore, openStore, type Store } from '../../web/app/store.ts'
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
export type Network = (
  request: Request,
  pass: (instead?: Request) => Promise<Response>
) => Promise<Response>

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
      const answered = profile.network(request, async (instead = request) => {
        const reply = await app.fetch(instead, env, context)
        const set = reply.headers.get('Set-Cookie')
        if (set) cookie = /Max-Age=0/.test(set) ? '' : (set.split(';')[0] ?? '')
        return reply
      })
      // As a browser does it, whether or not the network above listens.
      const givenUp = new Promise<never>((_, reject) => {
        const signal = init?.signal
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
      return Promise.race([answered, givenUp])
    }) as typeof fetch,
  }
  return profile
}
export type Profile = ReturnType<typeof newProfile>

type AccountOptions = { timeout?: number; erase?: (userId: string) => Promise<unknown> }

export const accountOf = (profile: Profile, options: AccountOptions = {}) =>
  createAccount({
    origin,
    fetch: profile.fetch,
    memory: profile.storage,
    erase: eraseStore,
    ...options,
  })

/** Where the tabs keep their tasks. */
export type Place = {
  name: string
  open: (database: string) => Promise<Store>
  erase: (database: string) => Promise<unknown>
}

export const indexedDb: Place = { name: 'IndexedDB', open: openStore, erase: eraseStore }

const inMemory = new Map<string, Store>()
/** A store in memory ends with its page. Here it is kept, so that the same tests can open it again. */
export const memory: Place = {
  name: 'memory',
  open: async (database) => {
    const store = inMemory.get(database) ?? openMemoryStore()
    inMemory.set(database, store)
    return store
  },
  erase: async (database) => inMemory.delete(database),
}

type TabOptions = AccountOptions & { place?: Place; database?: string }

/** A tab of the app, with everything but its views. Nothing syncs unless the test says so. */
export const openTab = async (
  profile: Profile,
  user: User,
  { place = indexedDb, database = user.id, ...options }: TabOptions = {}
) => {
  const account = accountOf(profile, options)
  const store = await place.open(database)
  const told: string[][] = []
  const tasks = createTasks(store, (ids) => told.push(ids))
  const waits: number[] = []
  const timers: (() => void)[] = []
  const sync = createSync({
    account,
    store,
    userId: user.id,
    lock: `sync-${database}`,
    onChange: tasks.reload,
    wait: (work, milliseconds) => {
      waits.push(milliseconds)
      timers.push(work)
      return setTimeout(() => {})
    },
  })
  await tasks.reload()
  return {
    account,
    store,
    tasks,
    sync,
    /** How long each wait for the next sync is, and what happens after it. */
    waits,
    timers,
    /** The tasks that other tabs are told of, by command. */
    told,
    /** Syncs, and gives the state that this comes to. */
    run: async () => {
      await tasks.reload([])
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
export const newPerson = async (place = indexedDb) => {
  const profile = newProfile()
  const email = newEmail()
  const user = await accountOf(profile).signUp(email, password)
  if (!('id' in user)) throw new Error(user.detail)
  return { profile, user, email, place, tab: await openTab(profile, user, { place }) }
}

/** Another device of the same person. Its database has a name of its own, for all share one IndexedDB. */
export const newDevice = async (email: string, place = indexedDb) => {
  const profile = newProfile()
  const user = await accountOf(profile).signIn(email, password)
  if (!('id' in user)) throw new Error(user.detail)
  const database = randomUUID()
  return { profile, user, database, tab: await openTab(profile, user, { place, database }) }
}

/** There is no network. */
export const offline: Network = async () => {
  throw new TypeError('fetch failed')
}

/** The server acts, but its reply does not arrive. */
export const lost: Network = async (_, pass) => {
  await pass()
  throw new TypeError('the connection broke')
}

export const isBatch = (request: Request) => request.url.endsWith('/tasks/batch')
export const isPull = (request: Request) => request.url.includes('/tasks/changes')

/** Has the first request that `matches` meet with `fate`. All others pass. */
export const once = (
  profile: Profile,
  matches: (request: Request) => boolean,
  fate: Network
): (() => boolean) => {
  let isDone = false
  profile.network = (request, pass) => {
    if (isDone || !matches(request)) return pass()
    isDone = true
    return fate(request, pass)
  }
  return () => isDone
}

/** A refusal of the API. */
export const problem = (status: number, body: object = {}, headers = {}) =>
  new Response(JSON.stringify({ status, detail: 'no', request_id: 'abc', ...body }), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  })
