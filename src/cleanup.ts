import { type SQL, sql } from 'drizzle-orm'
import type { Database } from './env.ts'
import { guesses, refreshTokens, sessions } from './schema.ts'

/** How many rows go at once, and how often at most: a run stays short, and the next goes on. */
const batch = 1000
const batches = 100

const dead: [table: SQL, key: SQL, isDead: SQL][] = [
  [sql`${sessions}`, sql`${sessions.id}`, sql`${sessions.expires_at} < now()`],
  // The oldest spent tokens would have expired by now if nobody had spent them.
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
]

/** Deletes the sessions that are over, the refresh tokens long spent, and the guesses long made. */
export const cleanUp = async (db: Database): Promise<void> => {
  for (const [table, key, isDead] of dead)
    for (let run = 0; run < batches; run++) {
      const { rowCount } = await db.execute(
        sql`delete from ${table} where ${key} in (select ${key} from ${table} where ${isDead} limit ${sql.raw(String(batch))})`
      )
      if (rowCount < batch) break
    }
}
