import { timeout } from 'hono/timeout'
import { tooSlow } from './problem.ts'

/** One request can make several calls of up to 4 s each to the database, so all of it has one deadline. */
export const deadline = timeout(9000, tooSlow)
