import { neon } from '@neondatabase/serverless'
import { addTasks } from './plans.ts'
import { signUp } from './user.ts'
import { startWorker } from './workerd.ts'

const few = 1000
const many = 100_000

/**
 * The most memory, in bytes, that a Worker of its own holds while it exports a hundred times a
 * thousand tasks, and once a hundred thousand: as much in all, of which only one is large.
 */
export const measureExport = async (
  script: string,
  bindings: Record<string, string>,
  databaseUrl: string
) => {
  const sql = neon(databaseUrl)
  const peak = async (tasks: number, times: number): Promise<number> => {
    const worker = await startWorker(script, bindings)
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

export type Export = Awaited<ReturnType<typeof measureExport>>
