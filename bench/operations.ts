import type { Cookies } from './refresh.ts'
import { newTask, type User } from './user.ts'

/** A request to load the Worker with, and the figures expected of it. */
export type Operation = {
  name: string
  method: string
  path: string
  headers: Record<string, string>
  /** Present when each request needs a cookie of its own. */
  cookies?: Cookies
  body?: string
  /** The status of the reply. */
  status: number
  /** Requests that the Worker sends to Neon. */
  neonRequests: number
  /** The goal for the ratio of the Worker's CPU time to the bare Worker's, where there is one. */
  maxCpuRatio?: number
}

/** `reader` needs more tasks than fit on a page. All writes go to `writer`, who needs one task. */
export const operations = (reader: User, writer: User, refreshCookies: Cookies): Operation[] => {
  const read = { Authorization: `Bearer ${reader.token}` }
  const json = { 'Content-Type': 'application/json' }
  const write = { Authorization: `Bearer ${writer.token}`, ...json }
  const { email, password } = reader
  return [
    {
      name: 'list',
      method: 'GET',
      path: '/tasks',
      headers: read,
      status: 200,
      neonRequests: 1,
      maxCpuRatio: 1.5,
    },
    {
      name: 'read',
      method: 'GET',
      path: `/tasks/${reader.tasks[0]}`,
      headers: read,
      status: 200,
      neonRequests: 1,
      maxCpuRatio: 1.5,
    },
    {
      name: 'create',
      method: 'POST',
      path: '/tasks',
      headers: write,
      body: newTask,
      status: 201,
      neonRequests: 1,
      maxCpuRatio: 2,
    },
    {
      name: 'patch',
      method: 'PATCH',
      path: `/tasks/${writer.tasks[0]}`,
      headers: write,
      body: JSON.stringify({ completed: true, priority: 'high' }),
      status: 200,
      neonRequests: 1,
      maxCpuRatio: 2,
    },
    {
      name: 'login',
      method: 'POST',
      path: '/auth/login',
      headers: json,
      body: JSON.stringify({ email, password }),
      status: 200,
      neonRequests: 2,
    },
    {
      name: 'refresh',
      method: 'POST',
      path: '/auth/refresh',
      headers: { 'Sec-Fetch-Site': 'same-origin' },
      cookies: refreshCookies,
      status: 200,
      neonRequests: 1,
    },
    {
      name: 'me',
      method: 'GET',
      path: '/auth/me',
      headers: read,
      status: 200,
      neonRequests: 1,
    },
    {
      name: 'refused token',
      method: 'GET',
      path: '/tasks',
      headers: { Authorization: `Bearer ${reader.token.replace(/[^.]+$/, 'A'.repeat(43))}` },
      status: 401,
      neonRequests: 0,
    },
  ]
}
