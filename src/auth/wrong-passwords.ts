import { type SQL, sql } from 'drizzle-orm'
import type { Context } from 'hono'
import type { Database } from '../database/neon.ts'
import { guesses, sha256 } from '../database/schema.ts'
import { problem } from '../http/problem.ts'

/** Failures that an address may have before it has to wait. */
const freeFailures = sql`10`
/** The window in which they are counted. It begins with the first failure. */
const window = sql`interval '15 minutes'`
/** The longest wait, in seconds. */
const longestWait = sql`900`

const mustWait = sql`coalesce(${guesses.blocked_until} > now(), false)`
const isOver = sql`coalesce(${guesses.blocked_until}, ${guesses.since}) < now() - ${window}`
const failures = sql`case
  when ${mustWait} then ${guesses.failures}
  when ${isOver} then 1
  else ${guesses.failures} + 1 end`

/**
 * Counts a try at the password of the e-mail address that `address` selects, and says whether it is
 * admitted. The try is counted as a failure before it is checked, so that none slips through
 * however many come at once; success deletes the count. A try that comes too early is neither
 * admitted nor counted.
 */
export const countTry = (db: Database, address: SQL) =>
  db
    .insert(guesses)
    .select(
      sql`select ${sha256(sql`email`)}, 1, now(), null::timestamptz, true from (${address}) address (email)`
    )
    .onConflictDoUpdate({
      target: guesses.email_hash,
      set: {
        admitted: sql`not ${mustWait}`,
        failures,
        since: sql`case when ${isOver} then now() else ${guesses.since} end`,
        // The power stops at 2^10, which is past the longest wait: a larger one would overflow.
        blocked_until: sql`case
          when ${mustWait} then ${guesses.blocked_until}
          when ${failures} >= ${freeFailures}
          then now() + least(2 ^ least(${failures} - ${freeFailures}, 10), ${longestWait}) * interval '1 second'
        end`,
      },
    })
    .returning(verdict)

/** A CTE that deletes the count of the e-mail address that `address` selects, if any. */
export const forgetTries = (db: Database, address: SQL) =>
  db.$with('forgotten').as(
    db
      .delete(guesses)
      .where(
        sql`${guesses.email_hash} in (select ${sha256(sql`email`)} from (${address}) address (email))`
      )
      .returning({ email_hash: guesses.email_hash })
  )

/** Whether a try is admitted, and otherwise how many seconds to wait. */
const verdict = {
  admitted: guesses.admitted,
  wait: sql<number>`greatest(1, ceil(extract(epoch from ${guesses.blocked_until} - now())))::int`.as(
    'wait'
  ),
}

/** The 429 for a try that is not admitted. */
export const tooManyTries = (c: Context, wait: number) =>
  problem(c, 429, `Too many wrong passwords. Try again in ${wait} seconds.`, {
    headers: { 'Retry-After': String(wait) },
  })
