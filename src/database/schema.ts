import { type SQLWrapper, sql } from 'drizzle-orm'
import {
  boolean,
  check,
  date,
  doublePrecision,
  index,
  integer,
  json,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  time,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'

// In string mode, because rows reach us as JSON, which has no Date.
const instant = () => timestamp({ mode: 'string', withTimezone: true, precision: 3 })

export const users = pgTable(
  'users',
  {
    id: uuid().primaryKey().defaultRandom(),
    email: text().notNull().unique(),
    /** Whether somebody has opened a link that was sent to the address. */
    email_verified: boolean().notNull().default(false),
    hashed_password: text().notNull(),
    created_at: instant().notNull().defaultNow(),
    /**
     * The user's clock: the time of the last write to any of their tasks. It only moves forward, and
     * whoever moves it locks the row, so one user's writes happen one after another.
     */
    changed_at: instant().notNull().defaultNow(),
  },
  (user) => [
    check(
      'users_email_is_normalized',
      sql`${user.email} = lower(${user.email}) and char_length(${user.email}) <= 254`
    ),
    check('users_hashed_password_is_bcrypt', sql`${user.hashed_password} ~ '^[$]2[aby][$].{56}$'`),
  ]
)

/** The column that ties a row to its user. The row goes when the user goes. */
const owner = () =>
  uuid()
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' })

/**
 * A login and what keeps it alive. A session is over when its row is gone, when `expires_at` is
 * past, or when the user's password has changed since. The last rule is for a login that overlaps
 * with a password change: the change ends all other sessions, but cannot see that one yet.
 */
export const sessions = pgTable(
  'sessions',
  {
    id: uuid().primaryKey().defaultRandom(),
    user_id: owner(),
    /** Salt of the user's password hash at login. When the password changes it no longer matches. */
    salt: text(),
    user_agent: text(),
    created_at: instant().notNull().defaultNow(),
    last_used_at: instant().notNull().defaultNow(),
    expires_at: instant().notNull(),
  },
  (session) => [
    check('sessions_user_agent_length', sql`char_length(${session.user_agent}) <= 200`),
    index('sessions_by_user').on(session.user_id),
    index('sessions_by_expiry').on(session.expires_at),
  ]
)

/** The refresh tokens of a session: the one that is good, and the spent ones, which betray a thief. */
export const refreshTokens = pgTable(
  'refresh_tokens',
  {
    hash: text().primaryKey(),
    session_id: uuid()
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    spent_at: instant(),
    /**
     * Hash of the token that replaced this one. A spent token without a successor is lost: its
     * reply never arrived, and another token was given out in its place.
     */
    successor: text(),
  },
  (token) => [
    check('refresh_tokens_hash_is_sha_256', sql`${token.hash} ~ '^[0-9a-f]{64}$'`),
    index('refresh_tokens_by_session').on(token.session_id),
    index('refresh_tokens_by_spending').on(token.spent_at),
  ]
)

/** Wrong passwords for each e-mail address, whether or not it has an account. Stored under its SHA-256. */
export const guesses = pgTable(
  'guesses',
  {
    email_hash: text().primaryKey(),
    failures: integer().notNull().default(1),
    since: instant().notNull().defaultNow(),
    blocked_until: instant(),
    admitted: boolean().notNull().default(true),
  },
  (guess) => [
    check('guesses_email_hash_is_sha_256', sql`${guess.email_hash} ~ '^[0-9a-f]{64}$'`),
    index('guesses_by_age').on(guess.since),
  ]
)

/** What the link of a mail is for. */
export const mailPurpose = pgEnum('mail_purpose', ['reset', 'confirm', 'change'])
export type MailPurpose = (typeof mailPurpose.enumValues)[number]

/**
 * The tokens in the links of mails. The primary key makes a newer token replace the older one. A
 * token is dead when its row is gone, when `expires_at` is past, or when the user's password or
 * address is another than when it was made. The last rule is for a mail that overlaps with such a
 * change: the change deletes all tokens of the user, but cannot see that one yet.
 */
export const mailTokens = pgTable(
  'mail_tokens',
  {
    user_id: owner(),
    purpose: mailPurpose().notNull(),
    hash: text().notNull().unique(),
    /** Salt of the user's password hash when the token was made. */
    salt: text().notNull(),
    /** The user's address when the token was made. */
    email: text().notNull(),
    /** The address that a change asks for, to which its mail goes. */
    new_email: text(),
    expires_at: instant().notNull(),
  },
  (token) => [
    primaryKey({ columns: [token.user_id, token.purpose] }),
    check('mail_tokens_hash_is_sha_256', sql`${token.hash} ~ '^[0-9a-f]{64}$'`),
    check(
      'mail_tokens_change_has_new_email',
      sql`(${token.purpose} = 'change') = (${token.new_email} is not null)`
    ),
    index('mail_tokens_by_expiry').on(token.expires_at),
  ]
)

/**
 * The latest mails of each purpose to an address, whether or not it has an account, and the latest
 * changes of address that each user asked for.
 */
export const mailCounts = pgTable(
  'mail_counts',
  {
    /** SHA-256 of what is counted, so that no address is kept here. */
    hash: text().primaryKey(),
    /** When they were sent, the last one first: as many as the limit allows within its hour. */
    sent_at: instant().array().notNull(),
    admitted: boolean().notNull().default(true),
  },
  (count) => [
    check('mail_counts_hash_is_sha_256', sql`${count.hash} ~ '^[0-9a-f]{64}$'`),
    index('mail_counts_by_age').on(sql`(${count.sent_at}[1])`),
  ]
)

/** From low to high, which is also how they sort. */
export const priority = pgEnum('priority', ['low', 'medium', 'high'])

/**
 * What a list of tasks can be sorted by. Each is the SQL expression that both the query and its
 * index use. None is ever null, so that one row comparison finds the next page: a task without a
 * due date or an order counts as infinitely late.
 */
export const sortKeys = {
  due_date: (date: SQLWrapper) => sql`coalesce(${date}, 'infinity'::date)`,
  priority: (priority: SQLWrapper) => sql`${priority}`,
  title: (title: SQLWrapper) => sql`lower(${title})`,
  order: (place: SQLWrapper) => sql`coalesce(${place}, 'infinity'::double precision)`,
  created_at: (time: SQLWrapper) => sql`${time}`,
  updated_at: (time: SQLWrapper) => sql`${time}`,
}
export type SortKey = keyof typeof sortKeys

export const tasks = pgTable(
  'tasks',
  {
    /** Unique for its user alone, because clients choose ids too. */
    id: uuid().notNull().defaultRandom(),
    user_id: owner(),
    title: text().notNull(),
    description: text(),
    completed: boolean().notNull().default(false),
    completed_at: instant(),
    priority: priority().notNull().default('medium'),
    tags: text().array().notNull().default([]),
    due_date: date({ mode: 'string' }),
    due_time: time({ precision: 0 }),
    order: doublePrecision(),
    created_at: instant().notNull().defaultNow(),
    /** The user's clock at the last write, which is also the task's ETag. */
    updated_at: instant().notNull().defaultNow(),
    /** When the task went into the trash. Null outside it. */
    deleted_at: instant(),
  },
  (task) => [
    primaryKey({ columns: [task.user_id, task.id] }),
    check('tasks_title_length', sql`char_length(${task.title}) between 1 and 255`),
    check('tasks_description_length', sql`char_length(${task.description}) <= 10000`),
    check(
      'tasks_completed_has_completed_at',
      sql`${task.completed} = (${task.completed_at} is not null)`
    ),
    check(
      'tasks_tags_are_few_and_not_null',
      sql`cardinality(${task.tags}) <= 20 and array_position(${task.tags}, null) is null`
    ),
    check(
      'tasks_due_date_has_four_digit_year',
      sql`${task.due_date} between '0001-01-01' and '9999-12-31'`
    ),
    check(
      'tasks_due_time_is_hours_and_minutes',
      sql`${task.due_time} < '24:00' and extract(second from ${task.due_time}) = 0`
    ),
    check(
      'tasks_due_time_needs_due_date',
      sql`${task.due_time} is null or ${task.due_date} is not null`
    ),
    check('tasks_order_is_finite', sql`${task.order} > '-Infinity' and ${task.order} < 'Infinity'`),
    ...Object.entries(sortKeys).map(([name, key]) =>
      index(`tasks_by_${name}`)
        .on(task.user_id, key(task[name as SortKey]), task.id)
        .where(sql`${task.deleted_at} is null`)
    ),
    // For GET /tasks/changes, which tells deletions too.
    index('tasks_by_change').on(task.user_id, task.updated_at, task.id),
    index('tasks_in_trash')
      .on(task.user_id, task.updated_at, task.id)
      .where(sql`${task.deleted_at} is not null`),
    // For the daily cleaning.
    index('tasks_by_deletion').on(task.deleted_at).where(sql`${task.deleted_at} is not null`),
  ]
)

/** The replies to requests with an Idempotency-Key. */
export const replies = pgTable(
  'replies',
  {
    user_id: owner(),
    key: text().notNull(),
    /** SHA-256 of the request, which tells another request with the same key. */
    fingerprint: text().notNull(),
    /** The rows that the first request's reply was made from. */
    rows: json().notNull(),
    created_at: instant().notNull().defaultNow(),
  },
  (reply) => [
    primaryKey({ columns: [reply.user_id, reply.key] }),
    check('replies_key_length', sql`char_length(${reply.key}) between 1 and 255`),
    check('replies_fingerprint_is_sha_256', sql`${reply.fingerprint} ~ '^[0-9a-f]{64}$'`),
    index('replies_by_age').on(reply.created_at),
  ]
)

/** The 22 characters of salt in a bcrypt hash, `$2b$10$<salt><checksum>`. */
export const saltOf = (hashedPassword: SQLWrapper) => sql<string>`substr(${hashedPassword}, 8, 22)`

/** The SHA-256 of a text in UTF-8, as 64 hexadecimal digits. */
export const sha256 = (text: SQLWrapper) =>
  sql<string>`encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`

/** A time as the API writes it: RFC 3339, in UTC, with milliseconds. */
export const rfc3339 = <T extends string | null = string>(time: SQLWrapper) =>
  sql<T>`to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
