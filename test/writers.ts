import { array } from 'zod/mini'
import { Outcome } from '../src/tasks/batch.ts'
import { newUser, read, type Send, sendWith, Task, Tasks } from './api.ts'
import { nextOf } from './lists.ts'
import { sql } from './rows.ts'

const [server] = await sql`select version() as version`

/**
 * Whether the tests run on the embedded Postgres, which has one connection. Nothing can race there,
 * so it gets fewer rounds.
 */
export const isEmbedded = /PGlite/.test(String(server?.version))

/** Sends without the limit on requests by user, which a race soon reaches. */
export const unlimited = sendWith({ USER_LIMIT: undefined })

/** A user who may send any number of requests. */
export const newWriter = async (through: Send = unlimited) => {
  const user = await newUser()
  const send: Send = (method, path, options) =>
    through(method, path, { accessToken: user.accessToken, ...options })
  return {
    ...user,
    send,
    task: (id: string) => read(send('GET', `/tasks/${id}`), 200, Task),
    /** All tasks, however many pages they are. */
    all: async () => {
      const tasks: Task[] = []
      let next: string | undefined = '/tasks?limit=100'
      while (next) {
        const page: Response = await send('GET', next)
        next = nextOf(page)
        tasks.push(...(await read(page, 200, Tasks)))
      }
      return tasks
    },
  }
}
export type Writer = Awaited<ReturnType<typeof newWriter>>

/** Runs `act` so many times at once. */
export const atOnce = <Result>(times: number, act: (n: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: times }, (_, n) => act(n)))

const Outcomes = array(Outcome)

/** The outcomes of a batch that must have been accepted. */
export const outcomesOf = (reply: Promise<Response>) => read(reply, 200, Outcomes)
