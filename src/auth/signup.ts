import { sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { prepared } from '../database/neon.ts'
import { users } from '../database/schema.ts'
import type { Env } from '../env.ts'
import { problem } from '../http/problem.ts'
import { clientAddress, rateLimit } from '../http/rate-limit.ts'
import { validate } from '../http/validation.ts'
import { hashPassword } from './password.ts'
import { Credentials, userColumns } from './user.ts'

export const emailTaken = 'This e-mail address is already registered.'

const { placeholder } = sql

const createUser = prepared((db) =>
  db
    .insert(users)
    .values({ email: placeholder('email'), hashed_password: placeholder('hashed_password') })
    .onConflictDoNothing({ target: users.email })
    .returning(userColumns)
    .prepare('create_user')
)

export default new Hono<Env>().post(
  '/',
  rateLimit('AUTH_LIMIT', clientAddress),
  validate('json', Credentials),
  async (c) => {
    const { db, bcryptCost } = c.var.configuration
    const { email, password } = c.req.valid('json')
    const hashed_password = await hashPassword(password, bcryptCost)
    const [user] = await createUser(db).execute({ email, hashed_password })
    return user ? c.json(user, 201) : problem(c, 409, emailTaken)
  }
)
