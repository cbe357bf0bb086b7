import { nextRefreshCookie } from './refresh.ts'
import { newTask, type User } from './user.ts'

/** A request, and what it is to be answered with. */
export type Operation = {
  name: string
  method: string
  path: string
  headers: Record<string, string>
  /** A cookie that is good for one request: another for each. */
  cookie?: () => string
  body?: string
  status: number
  /** How often it may ask Neon. */
  neon: number
  /** How many times the bare Worker's processor time it may take, where there is a goal. */
  bares?: number
}

/** `reader` has tasks enough for two pages; what is written goes to `writer`. */
export const operations = (reader: User, writer: User): Operation[] => {
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
      neon: 1,
      bares: 1.5,
    },
    {
      name: 'read',
      method: 'GET',
      path: `/tasks/${reader.tasks[0]}`,
      headers: read,
      status: 200,
      neon: 1,
      bares: 1.5,
    },
    {
      name: 'create',
      method: 'POST',
      path: '/tasks',
      headers: write,
      body: newTask,
      status: 201,
      neon: 1,
      bares: 2,
    },
    {
      name: 'patch',
      method: 'PATCH',
      path: `/tasks/${writer.tasks[0]}`,
      headers: write,
      body: JSON.stringify({ completed: true, priority: 'high' }),
      status: 200,
      neon: 1,
      bares: 2,
    },
    {
      name: 'login',
      method: 'POST',
      path: '/auth/login',
      headers: json,
      body: JSON.stringify({ email, password }),
      status: 200,
      neon: 2,
    },
    {
      name: 'refresh',
      method: 'POST',
      path: '/auth/refresh',
      headers: { 'Sec-Fetch-Site': 'same-origin' },
      cookie: nextRefreshCookie,
      status: 200,
      neon: 1,
    },
    {
      name: 'me',
      method: 'GET',
      path: '/auth/me',
      headers: read,
      status: 200,
      neon: 1,
    },
    {
      name: 'refused token',
      method: 'GET',
      path: '/tasks',
      headers: { Authorization: `Bearer ${reader.token.replace(/[^.]+$/, 'A'.repeat(43))}` },
      status: 401,
      neon: 0,
    },
  ]
}
