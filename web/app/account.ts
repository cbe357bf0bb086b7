import { createClient, type Problem } from '../../src/client.ts'

export type User = { id: string; email: string }

/** Why there is no access token: nobody is signed in, or another person is, or the server could not be asked. */
export type Refusal = 'signed-out' | 'stranger'

type Options = {
  /** The origin of the API. */
  origin: string
  fetch?: typeof fetch
  /** Remembers who is signed in on this device, and nothing secret. */
  memory: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
}

/** A request that hangs would hold the lock of the tabs. */
const timeout = 15_000

const userKey = 'user'
/** Set while a session still has to be ended, because there was no network when the person signed out. */
const endingKey = 'ending'

const claimsOf = (token: string): { sub: string; email: string } => {
  const [, payload = ''] = token.split('.')
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (character) =>
    character.charCodeAt(0)
  )
  return JSON.parse(new TextDecoder().decode(bytes))
}

/** Who is signed in on this device. The access token is in memory alone. */
export const createAccount = ({ origin, fetch: send = fetch, memory }: Options) => {
  let token: string | undefined
  let refusal: Refusal | undefined
  let refreshing: Promise<boolean> | undefined

  const timed: typeof fetch = (input, init) =>
    send(input, { ...init, signal: AbortSignal.timeout(timeout) })
  const visitor = createClient(origin, { fetch: timed })

  const remembered = (): User | undefined =>
    JSON.parse(memory.getItem(userKey) ?? 'null') ?? undefined
  // Read once: another tab may let another person in, while this one still shows the first one's tasks.
  let user = remembered()

  /** Takes a token for the user whose tasks are open here. Anyone else's is thrown away. */
  const accept = (accessToken: string): boolean => {
    const { sub } = claimsOf(accessToken)
    if (user?.id !== sub) {
      refusal = 'stranger'
      return false
    }
    token = accessToken
    refusal = undefined
    return true
  }

  const refresh = async (): Promise<boolean> => {
    const reply = await visitor.auth.refresh.$post()
    if (reply.status === 200) return accept((await reply.json()).access_token)
    // Any other status is passing trouble, which the caller sees in its own 401.
    if (reply.status !== 401) throw new TypeError('The session could not be renewed')
    refusal = 'signed-out'
    return false
  }

  /** The callers that meet a 401 at the same time share one refresh. */
  const renewed = () => {
    refreshing ??= refresh().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  const withToken: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers)
    headers.set('Authorization', `Bearer ${token}`)
    return timed(input, { ...init, headers })
  }

  const unauthorized = () => new Response(null, { status: 401 })

  /** Sends with the access token, which a 401 renews once. */
  const authorized: typeof fetch = async (input, init) => {
    if (!token && !(await renewed())) return unauthorized()
    const used = token
    const reply = await withToken(input, init)
    if (reply.status !== 401) return reply
    if (used === token) token = undefined
    return token || (await renewed()) ? withToken(input, init) : reply
  }

  const client = createClient(origin, { fetch: authorized })

  const signIn = async (email: string, password: string): Promise<Problem | User> => {
    const reply = await visitor.auth.login.$post({ json: { email, password } })
    if (reply.status !== 200) return problemOf(reply)
    const { access_token } = await reply.json()
    const claims = claimsOf(access_token)
    user = { id: claims.sub, email: claims.email }
    memory.setItem(userKey, JSON.stringify(user))
    // The new session's cookie has taken the place of the one that was to be ended.
    memory.removeItem(endingKey)
    accept(access_token)
    return user
  }

  return {
    client,
    /** Who was signed in here last, in whatever tab. */
    remembered,
    /** Why the last request had no access token. */
    refusal: () => refusal,

    signIn,

    signUp: async (email: string, password: string): Promise<Problem | User> => {
      const reply = await visitor.auth.signup.$post({ json: { email, password } })
      return reply.status === 201 ? signIn(email, password) : problemOf(reply)
    },

    /** Ends the session. Without a network it is marked, and ended at the next start. */
    signOut: async () => {
      memory.setItem(endingKey, 'true')
      await client.auth.logout
        .$post()
        .then(({ status }) => {
          if (status === 204 || status === 401) memory.removeItem(endingKey)
        })
        .catch(() => {})
      memory.removeItem(userKey)
      token = undefined
      return memory.getItem(endingKey) === null
    },

    /** Ends a session that could not be ended when the person signed out. True when none is left. */
    endLeftSession: async (): Promise<boolean> => {
      if (memory.getItem(endingKey) === null) return true
      try {
        const reply = await visitor.auth.refresh.$post()
        if (reply.status === 200) {
          const { access_token } = await reply.json()
          const ended = await createClient(origin, {
            token: access_token,
            fetch: timed,
          }).auth.logout.$post()
          if (ended.status !== 204 && ended.status !== 401) return false
        } else if (reply.status !== 401) return false
      } catch {
        return false
      }
      memory.removeItem(endingKey)
      return true
    },
  }
}

export type Account = ReturnType<typeof createAccount>

/** The problem in a reply. What is no problem at all comes from a proxy or the network's edge. */
export const problemOf = async (reply: {
  status: number
  headers: Headers
  json: () => Promise<unknown>
}): Promise<Problem & { retryAfter: number }> => {
  const retryAfter = Number(reply.headers.get('Retry-After')) || 0
  const body = (await reply.json().catch(() => null)) as Problem | null
  return {
    type: 'about:blank',
    title: '',
    detail: '',
    request_id: '',
    ...body,
    status: reply.status,
    retryAfter,
  }
}
