import { type SQL, sql } from 'drizzle-orm'
import type { Database } from './database/neon.ts'
import {
  guesses,
  mailCounts,
  mailTokens,
  refreshTokens,
  replies,
  sessions,
  tasks,
} from './database/schema.ts'

/** The most rows that one statement deletes, so that none holds its locks for long. */
const batchRows = 1000
/** The most statements for each table in one run. The next run deletes the rest. */
const batches = 100

/** The rows that nobody needs any more: their table, its key, and what tells them. */
const dead: [table: SQL, key: SQL, isDead: SQL][] = [
  [sql`${sessions}`, sql`${sessions.id}`, sql`${sessions.expires_at} < now()`],
  // By then an unspent token would have expired too.
  [
    sql`${refreshTokens}`,
    sql`${refreshTokens.hash}`,
    sql`${refreshTokens.spent_at} < now() - interval '30 days'`,
  ],
  [
    sql`${guesses}`,
    sql`${guesses.email_hash}`,
    sql`${guesses.since} < now() - interval '1 hour'
      and coalesce(${guesses.blocked_until} < now() - interval '1 hour', true)`,
  ],
  [
    sql`${mailTokens}`,
    sql`${mailTokens.user_id}, ${mailTokens.purpose}`,
    sql`${mailTokens.expires_at} < now()`,
  ],
  [
    sql`${mailCounts}`,
    sql`${mailCounts.hash}`,
    sql`${mailCounts.sent_at}[1] < now() - interval '1 hour'`,
  ],
  // Longer than any token of GET /tasks/changes is good for, so that no client misses a deletion.
  [
    sql`${tasks}`,
    sql`${tasks.user_id}, ${tasks.id}`,
    sql`${tasks.deleted_at} < now() - interval '31 days'`,
  ],
  [
    sql`${replies}`,
    sql`${replies.user_id}, ${replies.key}`,
    sql`${replies.created_at} < now() - interval '24 hours'`,
  ],
]

/**
 * Deletes expired sessions, refresh tokens spent over 30 days ago, expired tokens of mails, old
 * counts of wrong passwords and mails, tasks long in the trash, and stored replies to keys that have run out. Rows that another statement
 * holds are skipped: to wait for them could deadlock with the deletion of an account, or with a
 * second run.
 */
export const cleanUp = async (db: Database): Promise<void> => {
  for (const [table, key, isDead] of dead)
    for (let batch = 0; batch < batches; batch++) {
      const { rowCount } = await db.execute(
        sql`delete from ${table} where (${key}) in (
          select ${key} from ${table} where ${isDead}
          limit ${sql.raw(String(batchRows))} for update skip locked)`
      )
      if (rowCount < batchRows) break
    }
}
