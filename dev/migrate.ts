import { fileURLToPath } from 'node:url'
import { neon, neonConfig } from '@neondatabase/serverless'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import '../src/database/neon.ts'

// The Worker's deadline is for requests: a migration may take its time.
neonConfig.fetchFunction = undefined

const folder = fileURLToPath(new URL('../drizzle', import.meta.url))

/**
 * Applies the migrations that the database at `url` lacks, each whole or not at all: drizzle's own
 * migrator for this driver runs statement by statement, outside a transaction. Gives their number.
 */
export const migrate = async (url: string): Promise<number> => {
  const sql = neon(url)
  await sql.transaction([
    sql`create schema if not exists drizzle`,
    sql`create table if not exists drizzle.__drizzle_migrations (
      id serial primary key, hash text not null, created_at bigint)`,
  ])
  const [last] = await sql`select max(created_at) as applied from drizzle.__drizzle_migrations`
  const pending = readMigrationFiles({ migrationsFolder: folder }).filter(
    ({ folderMillis }) => folderMillis > Number(last?.applied ?? 0)
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
      throw new Error('DATABASE_URL is not set: give the connection string of your database.')
    const applied = await migrate(url)
    console.log(applied ? `Applied ${applied} migration(s).` : 'Nothing to apply.')
  } catch (error) {
    console.error(
      `Migration failed: ${(error as Error).message.replaceAll(url ?? '\0', 'DATABASE_URL')}`
    )
    process.exitCode = 1
  }
}
