import { connections } from './load.ts'
import { refreshCookies } from './refresh.ts'
import type { Stock } from './stock.ts'
import { readSync } from './sync.ts'
import { newTask, signUp, type User } from './user.ts'
import type { Worker } from './workerd.ts'

/** A request to load the Worker with, and the figures expected of it. */
export type Operation = {
  name: string
  method: string
  path: string
  headers: Record<string, string>
  /** Present when each request needs a header or a path of its own. */
  stock?: Stock
  body?: string
  /** The status of the reply. */
  status: number
  /** Requests that the Worker sends to Neon. */
  neonRequests: number
  /** The goal for the ratio of the Worker's CPU time to the bare Worker's, where there is one. */
  maxCpuRatio?: number
}

const batchSize = 100

/** Gives each request an Idempotency-Key that no other has. */
const freshKeys = (): Stock => {
  let last = 0
  return {
    take: () => {
      last++
      return { headers: { 'Idempotency-Key': `create-${last}` } }
    },
    keep: () => {},
  }
}

/**
 * Signs up the two users of the load, and returns the operations and the users. All writes go to the
 * writer, so that the reader's lists stay as they are. A Worker without entity tags gets only the
 * operations that need none.
 */
export const prepare = async (
  worker: Worker
): Promise<{ operations: Operation[]; users: User[] }> => {
  // More tasks than fit on a page.
  const reader = await signUp(worker, 'reader@example.com', 60)
  const writer = await signUp(worker, 'writer@example.com', batchSize + connections)
  const sync = await readSync(worker, reader, writer, writer.tasks.slice(batchSize))
  const read = { Authorization: `Bearer ${reader.token}` }
  const json = { 'Content-Type': 'application/json' }
  const write = { Authorization: `Bearer ${writer.token}`, ...json }
  const { email, password } = reader
  const patch = { completed: true, priority: 'high' }
  const syncing: Operation[] = sync
    ? [
        {
          name: 'list 304',
          method: 'GET',
          path: '/tasks',
          headers: { ...read, 'If-None-Match': sync.listTag },
          status: 304,
          neonRequests: 1,
        },
        {
          name: 'changes',
          method: 'GET',
          path: `/tasks/changes?since=${sync.since}`,
          headers: read,
          status: 200,
          neonRequests: 1,
        },
        {
          name: 'patch If-Match',
          method: 'PATCH',
          path: '/tasks',
          headers: write,
          stock: sync.tagged,
          body: JSON.stringify(patch),
          status: 200,
          neonRequests: 1,
        },
        {
          name: 'create with key',
          method: 'POST',
          path: '/tasks',
          headers: write,
          stock: freshKeys(),
          body: newTask,
          status: 201,
          neonRequests: 1,
        },
        {
          name: 'batch of 100',
          method: 'POST',
          path: '/tasks/batch',
          headers: write,
          body: JSON.stringify(
            writer.tasks.slice(0, batchSize).map((id) => ({ op: 'update', id, task: patch }))
          ),
          status: 200,
          neonRequests: 1,
        },
      ]
    : []
  const operations: Operation[] = [
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
      body: JSON.stringify(patch),
      status: 200,
      neonRequests: 1,
      maxCpuRatio: 2,
    },
    ...syncing,
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
      stock: await refreshCookies(worker, reader),
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
  return { operations, users: [reader, writer] }
}
