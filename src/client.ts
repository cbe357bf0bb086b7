import { hc } from 'hono/client'
import type { AppType } from './index.ts'

/**
 * The API at `baseUrl` as functions. The compiler checks their paths and bodies, and their replies
 * by status. A `token` is the access token that POST /auth/login gives; every request carries it.
 */
export const createClient = (baseUrl: string, token?: string) =>
  hc<AppType>(baseUrl, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } })
