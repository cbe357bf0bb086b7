import { neon } from '@neondatabase/serverless'
import type { Build } from './bundle.ts'
import { addTasks } from './plans.ts'
import { signUp } from './user.ts'
import { startWorker } from './workerd.ts'

const few = 1000
const many = 100_000

/**
 * Returns the most bytes of memory that a Worker holds while it exports 1,000 tasks a hundred times,
 * and the same for another Worker that exports 100,000 tasks once. Both send the same amount of data,
 * so a difference comes from the size of the single export.
 */
export const measureExport = async (
  build: Build,
  bindings: Record<string, string>,
  databaseUrl: string
) => {
  const sql = neon(databaseUrl)
  const peak = async (tasks: number, times: number): Promise<number> => {
    const worker = await startWorker(build, bindings)
    const { email, token } = await signUp(worker, `export-${tasks}@example.com`, 0)
    await sql.query(addTasks, [1, tasks, email])
    await sql.query('vacuum analyze')
    let most = 0
    for (let time = 0; time < times; time++) {
      const { body, status } = await fetch(`${worker.url}/auth/me/export`, {
        headers: { Authorization: `Bearer ${token}` },
      })
      if (status !== 200 || !body) throw new Error(`GET /auth/me/export: ${status}`)
      for await (const _ of body) most = Math.max(most, worker.memory())
    }
    return most
  }
  return { few: await peak(few, many / few), many: await peak(many, 1) }
}

export type ExportMemory = Awaited<ReturnType<typeof measureExport>>
