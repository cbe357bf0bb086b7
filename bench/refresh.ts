import { neon } from '@neondatabase/serverless'
import type { User } from './user.ts'

/** More than one run spends. */
const amount = 200_000
const token = (n: number) => `refresh-token-${n}`

/** Gives the session of the user so many good refresh tokens, where a real one has one. */
export const addRefreshTokens = async (databaseUrl: string, { id }: User): Promise<void> => {
  await neon(databaseUrl).query(
    `insert into refresh_tokens (hash, session_id)
    select encode(sha256(convert_to('${token(0).slice(0, -1)}' || n, 'UTF8')), 'hex'), sessions.id
    from sessions, generate_series(1, $2::int) n where user_id = $1`,
    [id, amount]
  )
}

let spent = 0

/** The token that was given out last. */
export const spentToken = () => token(spent)

export const nextRefreshCookie = (): string => {
  spent++
  return `__Host-refresh=${token(spent)}`
}
