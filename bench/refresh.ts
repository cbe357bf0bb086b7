import { connections } from './load.ts'
import { logIn, type User } from './user.ts'
import type { Worker } from './workerd.ts'

/** Cookies that are good for one request each. The reply to that request brings another one. */
export type Cookies = {
  take: () => string
  keep: (setCookie: string | null | undefined) => void
  /** The cookie that was taken last. */
  last: () => string
}

/** The refresh cookies of one session for each connection of the load. */
export const refreshCookies = async (worker: Worker, user: User): Promise<Cookies> => {
  const unused: string[] = []
  let last = ''
  const cookies: Cookies = {
    take: () => {
      // Without a cookie the reply is a 401, which the caller reports.
      last = unused.shift() ?? ''
      return last
    },
    keep: (setCookie) => {
      const [cookie] = setCookie?.split(';') ?? []
      if (cookie) unused.push(cookie)
    },
    last: () => last,
  }
  for (let session = 0; session < connections; session++)
    cookies.keep((await logIn(worker, user)).setCookie)
  return cookies
}
