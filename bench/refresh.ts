import { connections } from './load.ts'
import { type Own, type Stock, stockOf } from './stock.ts'
import { logIn, type User } from './user.ts'
import type { Worker } from './workerd.ts'

const withCookie = (setCookie: string | null | undefined): Own | undefined => {
  const [cookie] = setCookie?.split(';') ?? []
  return cookie ? { headers: { Cookie: cookie } } : undefined
}

/** The refresh cookies of one session for each connection of the load. */
export const refreshCookies = async (worker: Worker, user: User): Promise<Stock> => {
  const cookies: Own[] = []
  for (let session = 0; session < connections; session++)
    cookies.push(withCookie((await logIn(worker, user)).setCookie) ?? { headers: {} })
  return stockOf(cookies, (_own, header) => withCookie(header('Set-Cookie')))
}
