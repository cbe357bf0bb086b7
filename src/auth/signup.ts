import { sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { prepared } from '../database/neon.ts'
import { users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { newToken } from '../http/encoding.ts'
import { problem } from '../http/problem.ts'
import { clientAddress, rateLimit } from '../http/rate-limit.ts'
import { validate } from '../http/validation.ts'
import { countMail } from '../mail/counts.ts'
import { sendMail } from '../mail/send.ts'
import { addMailToken, tokenOwner } from '../mail/tokens.ts'
import { hashPassword } from './password.ts'
import { Credentials, userColumns } from './user.ts'

export const emailTaken = 'This e-mail address is already registered.'

const { placeholder } = sql

/**
 * Creates the user, if no account has the address, and a token to confirm it with. `token_hash` is
 * null where no mail can be sent: then there is no token, and nothing is counted.
 */
const createUser = prepared((db) => {
  const created = db.$with('created').as(
    db
      .insert(users)
      .values({ email: placeholder('email'), hashed_password: placeholder('hashed_password') })
      .onConflictDoNothing({ target: users.email })
      .returning({ ...userColumns, salt: tokenOwner.salt })
  )
  const counted = db
    .$with('counted')
    .as(
      countMail(
        db,
        'confirm',
        sql`select email from ${created} where ${placeholder('token_hash')}::text is not null`
      )
    )
  const made = db
    .$with('made')
    .as(
      addMailToken(
        db,
        'confirm',
        sql`select id, salt, email from ${created}, ${counted} where admitted`
      )
    )
  return db
    .with(created, counted, made)
    .select({
      id: created.id,
      email: created.email,
      email_verified: created.email_verified,
      created_at: created.created_at,
      is_mailed: sql<boolean>`exists (select 1 from ${made})`,
    })
    .from(created)
    .prepare('create_user')
})

export default new Hono<Env>().post(
  '/',
  rateLimit('AUTH_LIMIT', clientAddress),
  validate('json', Credentials),
  async (c) => {
    const { db, bcryptCost, mail } = c.var.configuration
    const { email, password } = c.req.valid('json')
    const hashed_password = await hashPassword(password, bcryptCost)
    const link = 'missing' in mail ? null : await newToken()
    const [created] = await createUser(db).execute({
      email,
      hashed_password,
      token_hash: link?.hash ?? null,
    })
    if (!created) return problem(c, 409, emailTaken)
    const { is_mailed, ...user } = created
    if (is_mailed) sendMail(c, 'confirm', email, link?.token)
    return c.json(user, 201)
  }
)
