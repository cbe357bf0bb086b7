import { describe, expect, test } from 'vitest'
import {
  changePassword,
  isRemote,
  newEmail,
  newUser,
  password,
  problem,
  sendWith,
  tryLogIn,
  wrongPassword,
} from './api.ts'
import { hashedPasswordOf, sql } from './rows.ts'

const checksum = 'a'.repeat(53)
// The table takes all of these, and bcrypt reads none of them.
const damaged = [
  `$2b$99$${checksum}`,
  `$2b$03$${checksum}`,
  `$2b$1x$${checksum}`,
  `$2b$10$${'!'.repeat(53)}`,
]

describe.each(damaged)('a stored hash that bcrypt cannot read, %s,', (hash) => {
  const damage = async () => {
    const user = await newUser()
    // The session keeps the salt of the damaged hash, so that it goes on.
    await sql`update users set hashed_password = ${hash} where id = ${user.id}`
    await sql`update sessions set salt = substr(${hash}, 8, 22) where user_id = ${user.id}`
    return user
  }

  test('makes a login a 503 with Retry-After', async () => {
    const { email } = await damage()
    const response = await tryLogIn({ email, password })
    expect(response.headers.get('Retry-After')).toBe('2')
    expect(response.headers.get('Set-Cookie')).toBeNull()
    const { detail } = await problem(response, 503)
    expect(detail).not.toContain(hash)
  })

  test('makes a password change a 503, and the hash stays', async () => {
    const user = await damage()
    await problem(changePassword(user.accessToken), 503)
    expect(await hashedPasswordOf(user.id)).toBe(hash)
  })
})

test.runIf(!isRemote)(
  'a login with a damaged hash takes as long as one with a wrong password',
  async () => {
    // At a cost at which bcrypt takes far longer than the rest of a login.
    const sendAtCost = sendWith({ BCRYPT_COST: '10' })
    const milliseconds = async (email: string, status: number) => {
      const start = performance.now()
      await problem(tryLogIn({ email, password: wrongPassword }, sendAtCost), status)
      return performance.now() - start
    }
    const { id, email } = await newUser()
    await sql`update users set hashed_password = ${damaged[0]} where id = ${id}`
    const times: Record<'damaged' | 'unknown', number[]> = { damaged: [], unknown: [] }
    for (let round = 0; round < 7; round++) {
      times.damaged.push(await milliseconds(email, 503))
      times.unknown.push(await milliseconds(newEmail(), 401))
    }
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[3] ?? 0
    const ratio = median(times.damaged) / median(times.unknown)
    expect(ratio).toBeGreaterThan(0.5)
    expect(ratio).toBeLessThan(2)
  }
)
