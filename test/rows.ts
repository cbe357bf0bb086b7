import { env } from 'cloudflare:workers'
import { neon } from '@neondatabase/serverless'
import { refreshTokenOf, sidOf } from './tokens.ts'

/**
 * Queries the database directly, for what no request can show or do. The driver is the Worker's own,
 * which demands of every query that its first column is never null.
 */
export const sql = neon(env.DATABASE_URL)

type Fragment = ReturnType<typeof sql>

/** SQL for the SHA-256 of a text, in hex: what e-mail addresses and refresh tokens are stored under. */
export const sha256 = (text: string | Fragment): Fragment =>
  sql`encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`

export const hashedPasswordOf = async (userId: string) => {
  const [row] = await sql`select hashed_password from users where id = ${userId}`
  return String(row?.hashed_password)
}

/** Makes the database refuse an update or insert of this user's rows, until the result is called. */
const refuse = async (userId: string, event: string, condition: string, error: string) => {
  const name = `refuse_${userId.replaceAll('-', '')}`
  await sql.query(`create function ${name}() returns trigger language plpgsql as
    $$ begin raise ${error}; end $$`)
  await sql.query(`create trigger ${name} before ${event} for each row
    when (${condition} = '${userId}') execute function ${name}()`)
  return () => sql.query(`drop function ${name} cascade`)
}

export const refuseNewHash = (userId: string) =>
  refuse(userId, 'update on users', 'old.id', "exception 'no new hash'")

/** Fails as a broken constraint does. */
export const failInserts = (userId: string) =>
  refuse(userId, 'insert on tasks', 'new.user_id', 'check_violation')

/** Lets the session of an access token run out. */
export const expireSession = (accessToken: string) =>
  sql`update sessions set expires_at = now() - interval '1 second' where id = ${sidOf(accessToken)}`

export const refreshTokenRow = async (cookie: string) => {
  const [row] = await sql`select session_id, spent_at from refresh_tokens
    where hash = ${sha256(refreshTokenOf(cookie))}`
  return row
}

/** Moves the time at which a refresh token was spent into the past. */
export const spentEarlier = (cookie: string, seconds: number) =>
  sql`update refresh_tokens set spent_at = spent_at - make_interval(secs => ${seconds})
    where hash = ${sha256(refreshTokenOf(cookie))}`

/** The count of wrong passwords for an e-mail address; its times are in seconds since 1970. */
export const guessesAt = async (email: string) => {
  const [row] = await sql`select failures, extract(epoch from since)::float8 as since,
      extract(epoch from blocked_until)::float8 as blocked_until
    from guesses where email_hash = ${sha256(email)}`
  return row as { failures: number; since: number; blocked_until: number | null } | undefined
}

/** Moves the end of the wait to `seconds` from now, which is in the past if negative. */
export const blockFor = (email: string, seconds: number) =>
  sql`update guesses set blocked_until = now() + make_interval(secs => ${seconds})
    where email_hash = ${sha256(email)}`
