import { fileURLToPath } from 'node:url'
import { neon, neonConfig } from '@neondatabase/serverless'
import { readMigrationFiles } from 'drizzle-orm/migrator'
// Tells the driver where a local Neon listens.
import '../src/database/neon.ts'

// src sets a fetch function with a deadline for requests. A migration may take longer.
neonConfig.fetchFunction = undefined

const folder = fileURLToPath(new URL('../drizzle', import.meta.url))

/**
 * Applies the migrations that the database at `url` lacks, and returns how many. Each runs in a
 * transaction: drizzle's own migrator for this driver uses none, and can leave a half-applied one.
 * `last` is the time of the last one to apply, for the database of an earlier version.
 */
export const migrate = async (url: string, last = Number.POSITIVE_INFINITY): Promise<number> => {
  const sql = neon(url)
  await sql.transaction([
    sql`create schema if not exists drizzle`,
    sql`create table if not exists drizzle.__drizzle_migrations (
      id serial primary key, hash text not null, created_at bigint)`,
  ])
  const [latest] = await sql`select max(created_at) as applied from drizzle.__drizzle_migrations`
  const pending = readMigrationFiles({ migrationsFolder: folder }).filter(
    ({ folderMillis }) => folderMillis > Number(latest?.applied ?? 0) && folderMillis <= last
  )
  for (const { sql: statements, hash, folderMillis } of pending)
    await sql.transaction([
      ...statements.map((statement) => sql.query(statement)),
      sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${folderMillis})`,
    ])
  return pending.length
}

if (import.meta.main) {
  const url = process.env.DATABASE_URL
  try {
    if (!url)
      throw new Error('DATABASE_URL is not set: set it to the connection string of your database')
    const applied = await migrate(url)
    console.log(applied ? `Applied ${applied} migration(s).` : 'The database is up to date.')
  } catch (error) {
    console.error(
      `Migration failed: ${(error as Error).message.replaceAll(url ?? '\0', 'DATABASE_URL')}`
    )
    process.exitCode = 1
  }
}
