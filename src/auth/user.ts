import * as z from 'zod/mini'
import { rfc3339, users } from '../database/schema.ts'
import { instant, uuid } from '../http/format.ts'
import { password } from './password.ts'

export const email = z
  .string('must be an e-mail address')
  .check(
    z.trim(),
    z.toLowerCase(),
    z.email('must be an e-mail address'),
    z.maxLength(254, 'must be at most 254 characters long'),
    z.meta({ description: 'Trimmed and lower-cased.' })
  )

export const Credentials = z.strictObject({ email, password }, 'must be an object').check(
  z.meta({
    id: 'Credentials',
    examples: [{ email: 'ada@example.com', password: 'correct horse battery' }],
  })
)

export const User = z
  .strictObject({
    id: uuid,
    email: z.email().check(z.maxLength(254)),
    email_verified: z
      .boolean()
      .check(
        z.meta({ description: 'Whether a link that was sent to the address has been confirmed.' })
      ),
    created_at: instant,
  })
  .check(z.meta({ id: 'User' }))
export type User = z.infer<typeof User>

/** The columns that a reply shows. The hash of the password is not among them. */
export const userColumns = {
  id: users.id,
  email: users.email,
  email_verified: users.email_verified,
  created_at: rfc3339(users.created_at).as('created_at'),
}
