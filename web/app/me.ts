import { signal } from '@preact/signals'
import type { Problem } from '../../src/client.ts'
import { type Account, problemOf, refusalOf, type User } from './account.ts'
import { cannotMail, type Fault } from './text.ts'

/** A session of this person, which is a device or a browser of theirs. */
export type Device = {
  id: string
  created_at: string
  last_used_at: string
  user_agent: string | null
  current: boolean
}

/** An export of many tasks takes its time. */
const exportTimeout = 300_000

/** Whether the session has ended. */
export const isRefused = (fault: Fault | undefined) =>
  typeof fault === 'object' && fault.status === 401

/** A problem that belongs beside the field of a wrong password. */
const wrong = (problem: Problem, field: string): Problem => ({
  ...problem,
  errors: [{ pointer: `/${field}`, detail: 'is wrong' }],
})

/** What people do with their own account: its address, devices, password, export and end. */
export const createMe = (account: Account, known: User) => {
  const { id } = known
  const { auth } = account.clientOf(id)
  /** The address, and whether it is confirmed. */
  const user = signal(known)
  /** The address that was asked for, and the one that it takes the place of. */
  const asked = signal({ email: '', old: '' })
  /** Whether the server is known to send no mails. */
  const isMailMissing = signal(false)
  const devices = signal<Device[]>()
  /** Why the list of devices could not be fetched or changed. */
  const fault = signal<Fault>()

  /** Takes over what another tab, or a fresh token, has told of this user. */
  const follow = () => {
    const remembered = account.remembered()
    if (remembered?.id === id) user.value = remembered
  }

  const loadUser = async (): Promise<Problem | undefined> => {
    const reply = await auth.me.$get()
    if (reply.status !== 200) return problemOf(reply)
    const { email, email_verified } = await reply.json()
    user.value = { id, email, email_verified }
    account.update(user.value)
    return undefined
  }

  const fetchDevices = async (): Promise<Problem | undefined> => {
    const reply = await auth.sessions.$get()
    if (reply.status !== 200) return problemOf(reply)
    devices.value = (await reply.json()).sort((a, b) => Number(b.current) - Number(a.current))
    return undefined
  }

  const loadDevices = async () => {
    fault.value = await fetchDevices().catch(() => 'unreachable' as const)
  }

  return {
    user,
    asked,
    isMailMissing,
    follow,
    loadUser,

    /** Asks for the user, as long as a link may be opened on another device. */
    look: async () => {
      follow()
      const { email, email_verified } = user.value
      if (!email_verified || asked.value.old === email) await loadUser().catch(() => {})
    },

    /** Has the link that confirms the address sent again. */
    resend: async (): Promise<Fault | undefined> => {
      const problem = await auth.email.resend
        .$post()
        // 204 says that it was confirmed meanwhile.
        .then((reply) => (reply.status === 204 ? loadUser() : refusalOf(reply, 202)))
        .catch(() => 'unreachable' as const)
      isMailMissing.value = cannotMail(problem)
      return problem
    },

    /** Has a link sent to a new address, which takes the place of the old one when it is confirmed. */
    changeEmail: async (email: string, current_password: string) => {
      const old = user.value.email
      const problem = await refusalOf(
        await auth.email.$put({ json: { email, current_password } }),
        202
      )
      if (!problem) asked.value = { email, old }
      isMailMissing.value = cannotMail(problem)
      return problem?.status === 403 ? wrong(problem, 'current_password') : problem
    },

    devices,
    fault,
    loadDevices,

    /** Ends sessions, and lists those that are left. */
    endDevices: async (ended: Device[]) => {
      const replies = await Promise.all(
        ended.map(async ({ id }) =>
          // One that is not there any more has ended.
          refusalOf(await auth.sessions[':id'].$delete({ param: { id } }), 204, 404)
        )
      ).catch(() => ['unreachable' as const])
      await loadDevices()
      fault.value ??= replies.find((problem) => problem)
    },

    /** This session goes on, all others end. */
    changePassword: async (current_password: string, new_password: string) => {
      const reply = await auth.password.$put({ json: { current_password, new_password } })
      const problem = await refusalOf(reply, 204)
      return problem?.status === 403 ? wrong(problem, 'current_password') : problem
    },

    /** Everything that the server holds about this person, as a file. */
    exportAll: async (): Promise<Problem | Blob> => {
      const init = { signal: AbortSignal.timeout(exportTimeout) }
      const reply = await auth.me.export.$get({}, { init })
      return reply.status === 200 ? (reply as Response).blob() : problemOf(reply)
    },

    /** Deletes the account. The server wants a fresh login, so the password is asked for again. */
    remove: async (password: string): Promise<Problem | undefined> => {
      // Another device may have changed the address.
      const me = await auth.me.$get()
      if (me.status !== 200) return problemOf(me)
      const unlisted = await fetchDevices()
      if (unlisted) return unlisted
      const before = devices.value?.filter(({ current }) => current) ?? []
      const result = await account.signIn((await me.json()).email, password)
      if (!('id' in result)) return result.status === 401 ? wrong(result, 'password') : result
      // The login has begun a second session. Should the deletion fail, one must be left, not two.
      for (const { id } of before) await auth.sessions[':id'].$delete({ param: { id } })
      let isLost = false
      const reply = await auth.me.$delete().catch(() => {
        isLost = true
        return auth.me.$delete()
      })
      // Asked again after a lost reply, the server does not know who has just logged in: it was done.
      const problem = await refusalOf(reply, 204, ...(isLost ? [401] : []))
      if (!problem) await account.forget()
      return problem
    },
  }
}

export type Me = ReturnType<typeof createMe>
