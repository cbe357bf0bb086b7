import { hc } from 'hono/client'
import type { AppType } from './index.ts'

/**
 * The API at `baseUrl` as functions whose paths, bodies and replies the compiler checks, by the
 * status of the reply. A `token` from /auth/login goes along with every request.
 */
export const createClient = (baseUrl: string, token?: string) =>
  hc<AppType>(baseUrl, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } })
