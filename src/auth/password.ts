import { compare, getRounds, getSalt, hash } from 'bcryptjs'
import { eq, type SQLWrapper } from 'drizzle-orm'
import * as z from 'zod/mini'
import { saltOf, users } from '../database/schema.ts'
import { databaseTrouble } from '../http/problem.ts'

export const password = z.string('must be a string').check(
  z.refine((text) => text.isWellFormed() && !text.includes('\0'), {
    error: 'must be valid Unicode without U+0000',
    abort: true,
  }),
  z.normalize('NFC'),
  z.refine((text) => [...text].length >= 8, 'must be at least 8 characters long'),
  // bcrypt reads 72 bytes and silently ignores the rest.
  z.refine(
    (text) => new TextEncoder().encode(text).length <= 72,
    'must be at most 72 bytes long in UTF-8'
  ),
  z.meta({
    description: 'Kept exactly as it is. At most 72 bytes in UTF-8.',
    format: 'password',
    minLength: 8,
    maxLength: 72,
  })
)

export const hashPassword = (password: string, cost: number): Promise<string> =>
  hash(password, cost)

const bcryptHash = (cost: number, saltAndChecksum: string) =>
  `$2b$${String(cost).padStart(2, '0')}$${saltAndChecksum}`

/** A well-formed hash that no password has, for work that must take as long as a real comparison. */
const dummyHash = (cost: number) =>
  bcryptHash(cost, 'abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234')

/** Whether bcrypt can read a stored hash: its cost is 4 to 31, and its alphabet is bcrypt's own. */
const isReadable = (hashedPassword: string) =>
  /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z\d]{53}$/.test(hashedPassword)

/**
 * Whether the password is the one that was hashed. `hashedPassword` is null for an unknown address.
 * Every answer but yes takes the time of the present `cost`, so time does not tell a wrong password
 * from an unknown address. Throws a 503 when the stored hash is damaged.
 */
export const verifyPassword = async (
  password: string,
  hashedPassword: string | null,
  cost: number
): Promise<boolean> => {
  const isDamaged = hashedPassword !== null && !isReadable(hashedPassword)
  const known = isDamaged || hashedPassword === null ? dummyHash(cost) : hashedPassword
  const matches = (await compare(password, known)) && known === hashedPassword
  if (matches) return true
  // An older hash has a lower cost c. Its comparison took 2^c steps; 2^c + 2^(c+1) + … make up for the rest of 2^cost.
  for (let step = getRounds(known); step < cost; step++) await compare(password, dummyHash(step))
  if (isDamaged) throw databaseTrouble()
  return false
}

/**
 * A new hash of a password whose hash has a lower cost than the present one, or null. The salt
 * stays, because sessions know the password by it.
 */
export const strongerHash = async (
  password: string,
  hashedPassword: string,
  cost: number
): Promise<string | null> =>
  getRounds(hashedPassword) < cost
    ? hash(password, bcryptHash(cost, getSalt(hashedPassword).slice(7))).catch(() => null)
    : null

/**
 * The condition that a user still has the password that was hashed. It compares salts, because a
 * login may have replaced the hash by a stronger one of the same password.
 */
export const hasPasswordOf = (hashedPassword: SQLWrapper) =>
  eq(saltOf(users.hashed_password), saltOf(hashedPassword))
