import { type SQL, sql } from 'drizzle-orm'
import type { Database } from '../database/neon.ts'
import { type MailPurpose, mailCounts, sha256 } from '../database/schema.ts'

/** Mails an hour for one purpose to one address. */
export const mostMails = 3
/** Changes of address that a user may ask for in an hour. */
export const mostChanges = 5

/**
 * Counts one more of what `subject` selects, and says whether it is admitted: at most `most` are in
 * any hour. One that is refused does not count.
 */
const count = (db: Database, most: number, subject: SQL) => {
  const limit = sql.raw(String(most))
  const { sent_at } = mailCounts
  const fits = sql`coalesce(${sent_at}[${limit}] <= now() - interval '1 hour', true)`
  return db
    .insert(mailCounts)
    .select(
      sql`select ${sha256(sql`subject`)}, array[now()], true from (${subject}) subjects (subject)`
    )
    .onConflictDoUpdate({
      target: mailCounts.hash,
      set: {
        sent_at: sql`case when ${fits} then (now() || ${sent_at})[1:${limit}] else ${sent_at} end`,
        admitted: fits,
      },
    })
    .returning({ admitted: mailCounts.admitted })
}

/**
 * Counts a mail for this purpose to the address that `address` selects, whether or not it has an
 * account. `changed` is the mail that tells an address that another one took its place.
 */
export const countMail = (db: Database, purpose: MailPurpose | 'changed', address: SQL) =>
  count(
    db,
    mostMails,
    sql`select ${sql.raw(`'${purpose} '`)} || address from (${address}) address (address)`
  )

const changesOf = (user: SQL) => sql`select 'changes ' || id from (${user}) users (id)`

/** Counts a change of address that the user with the id that `user` selects has asked for. */
export const countChangeOfAddress = (db: Database, user: SQL) =>
  count(db, mostChanges, changesOf(user))

/**
 * A CTE that deletes the count of a user who goes. The counts of the address stay until the daily
 * cleaning: else an account that is made and deleted again and again could send any number of mails.
 */
export const forgetChangesOfAddress = (db: Database, user: SQL) =>
  db.$with('forgotten_changes').as(
    db
      .delete(mailCounts)
      .where(
        sql`${mailCounts.hash} in (select ${sha256(sql`subject`)} from (${changesOf(user)}) subjects (subject))`
      )
      .returning({ hash: mailCounts.hash })
  )
