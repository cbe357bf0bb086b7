import { type SQLWrapper, sql } from 'drizzle-orm'
import type { Context } from 'hono'
import type { Database } from './env.ts'
import { problem } from './problem.ts'
import { guesses } from './schema.ts'

/** How many failures are free, in how many minutes; and the longest wait, in seconds. */
const free = sql`10`
const window = sql`interval '15 minutes'`
const longest = sql`900`

const isBlocked = sql`coalesce(${guesses.blocked_until} > now(), false)`
const isStale = sql`coalesce(${guesses.blocked_until}, ${guesses.since}) < now() - ${window}`
const failures = sql`case
  when ${isBlocked} then ${guesses.failures}
  when ${isStale} then 1
  else ${guesses.failures} + 1 end`

/** What guesses at the password of an e-mail address are counted under. */
export const emailHash = (email: SQLWrapper) =>
  sql<string>`encode(sha256(convert_to(${email}, 'UTF8')), 'hex')`

/**
 * Counts a try at the password of this e-mail address as a failure, before it is known to be one: so none
 * slips through, however many come at once. Success takes the count away. A try that comes too
 * early is not admitted, and not counted.
 */
export const guess = (db: Database, email: SQLWrapper) =>
  db
    .insert(guesses)
    .values({ email_hash: emailHash(email) })
    // 2 ^ 10 is past the longest wait, and a larger power would overflow.
    .onConflictDoUpdate({
      target: guesses.email_hash,
      set: {
        admitted: sql`not ${isBlocked}`,
        failures,
        since: sql`case when ${isStale} then now() else ${guesses.since} end`,
        blocked_until: sql`case
          when ${isBlocked} then ${guesses.blocked_until}
          when ${failures} >= ${free}
          then now() + least(2 ^ least(${failures} - ${free}, 10), ${longest}) * interval '1 second'
        end`,
      },
    })

/** Of a guess: whether it may go on, and else for how many seconds it has to wait. */
export const verdict = {
  admitted: guesses.admitted,
  wait: sql<number>`greatest(1, ceil(extract(epoch from ${guesses.blocked_until} - now())))::int`.as(
    'wait'
  ),
}

export const tooManyGuesses = (c: Context, wait: number) =>
  problem(c, 429, `Too many tries at this password. Wait ${wait} s.`, {
    headers: { 'Retry-After': String(wait) },
  })
