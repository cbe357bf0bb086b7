import { and, eq, gt, inArray, type SQL, sql } from 'drizzle-orm'
import * as z from 'zod/mini'
import type { Database } from '../database/neon.ts'
import { type MailPurpose, mailTokens, saltOf, users } from '../database/schema.ts'

/** How long the link of a mail works. The mail says so in the same words, and Postgres reads them too. */
export const lifetimes: Record<MailPurpose, string> = {
  reset: '30 minutes',
  confirm: '7 days',
  change: '24 hours',
}

/** The one answer to a token that is unknown, spent, expired, malformed or for another purpose. */
export const deadLink = 'is not valid any more. Ask for another link.'

export const mailToken = z
  .string(deadLink)
  .check(
    z.regex(/^[\w-]{43}$/, deadLink),
    z.meta({ description: 'What follows `=` in the link of the mail.', maxLength: 43 })
  )

const { placeholder } = sql

/**
 * Stores the token whose hash is the placeholder `token_hash`, in the place of an older one. `owner`
 * selects the user's `id`, `salt` and `email` and, for a change, the `new_email`; no row makes no
 * token. Whoever selects locks the user, so that the account cannot go meanwhile.
 */
export const addMailToken = (db: Database, purpose: MailPurpose, owner: SQL) =>
  db
    .insert(mailTokens)
    .select(
      sql`select id, ${sql.raw(`'${purpose}'::mail_purpose`)}, ${placeholder('token_hash')}, salt, email,
        ${purpose === 'change' ? sql`new_email` : sql`null`}, now() + ${sql.raw(`interval '${lifetimes[purpose]}'`)}
        from (${owner}) owner`
    )
    .onConflictDoUpdate({
      target: [mailTokens.user_id, mailTokens.purpose],
      set: {
        hash: sql`excluded.hash`,
        salt: sql`excluded.salt`,
        email: sql`excluded.email`,
        new_email: sql`excluded.new_email`,
        expires_at: sql`excluded.expires_at`,
      },
    })
    .returning({ user_id: mailTokens.user_id })

/** A user's columns that a token is made of. */
export const tokenOwner = {
  id: users.id,
  salt: saltOf(users.hashed_password).as('salt'),
  email: users.email,
}

/**
 * The CTE with the token whose hash is the placeholder `token_hash` and its user, if the token is good
 * for one of these purposes. It locks both: of several requests at once, all but the first wait here,
 * and then find that the first has deleted the token.
 */
export const shownMailToken = (db: Database, ...purposes: MailPurpose[]) =>
  db.$with('shown').as(
    db
      .select({
        user_id: mailTokens.user_id,
        purpose: mailTokens.purpose,
        email: mailTokens.email,
        new_email: mailTokens.new_email,
      })
      .from(mailTokens)
      .innerJoin(
        users,
        and(
          eq(users.id, mailTokens.user_id),
          eq(users.email, mailTokens.email),
          eq(saltOf(users.hashed_password), mailTokens.salt)
        )
      )
      .where(
        and(
          eq(mailTokens.hash, placeholder('token_hash')),
          inArray(mailTokens.purpose, purposes),
          gt(mailTokens.expires_at, sql`now()`)
        )
      )
      .for('no key update', { of: [users, mailTokens] })
  )

/** A CTE that deletes tokens of the user that `user` selects: all of them, or those that `which` tells. */
export const voidMailTokens = (db: Database, user: SQL, which?: SQL) =>
  db.$with('voided').as(
    db
      .delete(mailTokens)
      .where(and(sql`${mailTokens.user_id} in (${user})`, which))
      .returning({ user_id: mailTokens.user_id })
  )
