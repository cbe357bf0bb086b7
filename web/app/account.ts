import { createClient, type Problem } from '../../src/client.ts'

/** `email_verified` is missing as long as the server has not told it. */
export type User = { id: string; email: string; email_verified?: boolean }

/** Why there is no access token: nobody is signed in, or another person is. */
export type Refusal = 'signed-out' | 'stranger'

/** A reply of whatever route. */
export type Reply = Pick<Response, 'headers' | 'json'> & { status: number }

type Options = {
  /** The origin of the API. */
  origin: string
  fetch?: typeof fetch
  /** Remembers who is signed in on this device, and nothing secret. */
  memory: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  /** Deletes what this device keeps of a user. */
  erase: (userId: string) => Promise<unknown>
  /** Milliseconds of silence that end a request. A hung one would hold the lock of the tabs. */
  timeout?: number
}

const userKey = 'user'
/** The user who has signed out, until their session has ended. */
const leavingKey = 'leaving'
/** The users who have signed out, until their tasks are erased. */
const erasingKey = 'erasing'

const claimsOf = (token: string): { sub: string; email: string } => {
  const [, payload = ''] = token.split('.')
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (character) =>
    character.charCodeAt(0)
  )
  return JSON.parse(new TextDecoder().decode(bytes))
}

/** Who is signed in on this device. The access token is in memory alone. */
export const createAccount = ({
  origin,
  fetch: send = fetch,
  memory,
  erase,
  timeout = 15_000,
}: Options) => {
  let token: { value: string; userId: string } | undefined
  let refusal: Refusal | undefined
  let refreshing: Promise<Response | undefined> | undefined

  /** Sends a request, and aborts it when no bytes come for a while. A slow reply may take its time. */
  const timed: typeof fetch = async (input, init) => {
    if (init?.signal) return send(input, init)
    const silence = new AbortController()
    const hear = <Heard>(work: Promise<Heard>, most = timeout) => {
      const timer = setTimeout(() => silence.abort(), most)
      return work.finally(() => clearTimeout(timer))
    }
    // No bytes come while the body is sent. A network that sends 10 KB a second has the time for it.
    const sending = new Blob([String(init?.body ?? '')]).size / 10
    const reply = await hear(send(input, { ...init, signal: silence.signal }), timeout + sending)
    // Some browsers give an empty body to a 204, which may have none.
    if (reply.status === 204 || !reply.body) return reply
    const reader = reply.body.getReader()
    const pull = async (body: ReadableStreamDefaultController) => {
      const { done, value } = await hear(reader.read())
      if (done) body.close()
      else body.enqueue(value)
    }
    return new Response(new ReadableStream({ pull }), reply)
  }
  const visitor = createClient(origin, { fetch: timed })

  const remembered = (): User | undefined =>
    JSON.parse(memory.getItem(userKey) ?? 'null') ?? undefined
  // Read once: another tab may let another person in, while this one still shows the first one's tasks.
  let user = remembered()

  /** Remembers what is new about this user, unless another one is remembered. */
  const update = (changed: User) => {
    const known = remembered()
    if (known?.id === changed.id) memory.setItem(userKey, JSON.stringify({ ...known, ...changed }))
  }

  const accept = (value: string) => {
    const { sub, email } = claimsOf(value)
    token = { value, userId: sub }
    update({ id: sub, email })
    return { id: sub, email }
  }

  /** Asks for a token with the cookie. Gives the reply when that is a refusal. */
  const refresh = async (): Promise<Response | undefined> => {
    const reply = await visitor.auth.refresh.$post()
    if (reply.status !== 200) return reply as Response
    accept((await reply.json()).access_token)
    return undefined
  }

  /** The callers that meet a 401 at the same time share one refresh. */
  const renewed = () => {
    refreshing ??= refresh().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  /**
   * An access token of this user, or the reply that refused it. The tabs share one cookie, so the
   * token that it gives may be another person's: that one is thrown away.
   */
  const tokenOf = async (userId: string): Promise<string | Response> => {
    const refused = token?.userId === userId ? undefined : await renewed()
    if (refused?.status === 401) refusal = 'signed-out'
    if (refused) return refused.clone()
    if (token?.userId === userId) return token.value
    token = undefined
    refusal = 'stranger'
    return new Response(null, { status: 401 })
  }

  /** Sends with an access token of this user, which a 401 renews once. */
  const sendFor =
    (userId: string): typeof fetch =>
    async (input, init) => {
      const withToken = (value: string) => {
        const headers = new Headers(init?.headers)
        headers.set('Authorization', `Bearer ${value}`)
        return timed(input, { ...init, headers })
      }
      const first = await tokenOf(userId)
      if (first instanceof Response) return first
      refusal = undefined
      const reply = await withToken(first)
      if (reply.status !== 401) return reply
      if (token?.value === first) token = undefined
      const second = await tokenOf(userId)
      return second instanceof Response ? second : withToken(second)
    }

  /** The API as this user, and as nobody else, whoever signs in meanwhile. */
  const clientOf = (userId: string) => createClient(origin, { fetch: sendFor(userId) })

  /** Ends the session of this user. True when there is none any more. */
  const endSession = async (userId: string): Promise<boolean> => {
    const { status } = await clientOf(userId).auth.logout.$post()
    token = undefined
    return status === 204 || status === 401
  }

  const toErase = () => memory.getItem(erasingKey)?.split(' ') ?? []

  const markErased = (userId: string) => {
    const left = toErase().filter((id) => id !== userId)
    if (left.length) memory.setItem(erasingKey, left.join(' '))
    else memory.removeItem(erasingKey)
  }

  /** Erases what is left of users. What cannot be erased now is tried again at the next start. */
  const eraseLeft = async () => {
    if (!toErase().length) return
    const erasing = Promise.allSettled(toErase().map((id) => erase(id).then(() => markErased(id))))
    // IndexedDB does not delete a database that another tab holds open. Unlike setTimeout, this signal
    // does not keep a process of Node.js alive.
    const late = new Promise((resolve) => {
      AbortSignal.timeout(timeout).addEventListener('abort', resolve)
    })
    await Promise.race([erasing, late])
  }

  const endLeft = async (): Promise<boolean> => {
    const id = memory.getItem(leavingKey)
    const isEnded = id === null || (await endSession(id).catch(() => false))
    if (isEnded) memory.removeItem(leavingKey)
    return isEnded
  }

  let ending: Promise<boolean> | undefined

  const endOnce = () => {
    ending ??= endLeft().finally(() => {
      ending = undefined
    })
    return ending
  }

  /**
   * Erases the tasks of a user who has signed out, and ends their session. If that fails, or the page
   * closes first, the next start does it. True when no session is left.
   */
  const finishSignOut = async () => {
    const [, isEnded] = await Promise.all([eraseLeft(), endOnce()])
    return isEnded
  }

  /** Marks the user as leaving. From now on no start opens their tasks. */
  const leave = () => {
    if (!user) return
    memory.setItem(leavingKey, user.id)
    memory.setItem(erasingKey, [...toErase(), user.id].join(' '))
    if (remembered()?.id === user.id) memory.removeItem(userKey)
  }

  const signIn = async (email: string, password: string): Promise<Problem | User> => {
    // The new session's cookie takes the place of the one that is still to be ended.
    await endOnce()
    const reply = await visitor.auth.login.$post({ json: { email, password } })
    if (reply.status !== 200) return problemOf(reply)
    user = accept((await reply.json()).access_token)
    refusal = undefined
    // Otherwise it is up to date, and also says whether the address is confirmed.
    if (remembered()?.id !== user.id) memory.setItem(userKey, JSON.stringify(user))
    memory.removeItem(leavingKey)
    markErased(user.id)
    return user
  }

  return {
    clientOf,
    /** Who was signed in here last, in whatever tab. */
    remembered,
    update,
    /** Why the last request had no access token. */
    refusal: () => refusal,
    finishSignOut,
    signIn,

    signUp: async (email: string, password: string): Promise<Problem | User> => {
      const reply = await visitor.auth.signup.$post({ json: { email, password } })
      return reply.status === 201 ? signIn(email, password) : problemOf(reply)
    },

    /** Has a link sent to set a new password, if the address has an account. */
    forgot: async (email: string) =>
      refusalOf(await visitor.auth.password.forgot.$post({ json: { email } }), 202),

    /** Sets a new password with the token of a link. Every session of its user ends. */
    reset: async (token: string, new_password: string) =>
      refusalOf(await visitor.auth.password.reset.$post({ json: { token, new_password } }), 204),

    /** Confirms an address with the token of a link. */
    confirm: async (token: string) =>
      refusalOf(await visitor.auth.email.confirm.$post({ json: { token } }), 204),

    /** Erases what is left of a user whose account is gone, and whose session with it. */
    forget: async () => {
      leave()
      await eraseLeft()
      memory.removeItem(leavingKey)
      token = undefined
    },

    signOut: (): Promise<boolean> => {
      leave()
      return finishSignOut()
    },
  }
}

export type Account = ReturnType<typeof createAccount>

/** The problem in a reply. What is no problem of the API comes from a proxy or the network's edge. */
export const problemOf = async (
  reply: Reply
): Promise<Problem & { retryAfter: number; isOurs: boolean }> => {
  const isOurs = reply.headers.get('Content-Type')?.startsWith('application/problem+json') ?? false
  const body = isOurs ? ((await reply.json().catch(() => null)) as Problem | null) : null
  return {
    type: 'about:blank',
    title: '',
    detail: '',
    request_id: '',
    ...body,
    status: reply.status,
    retryAfter: Number(reply.headers.get('Retry-After')) || 0,
    isOurs: body !== null,
  }
}

/** Nothing when the reply has one of these statuses, else its problem. */
export const refusalOf = async (
  reply: Reply,
  ...statuses: number[]
): Promise<Problem | undefined> => (statuses.includes(reply.status) ? undefined : problemOf(reply))
