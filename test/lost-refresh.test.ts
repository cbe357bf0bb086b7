import { describe, expect, test } from 'vitest'
import { accessTokenOf, cookieOf, newUser, problem, refresh, statusWith } from './api.ts'
import { sha256, spentEarlier, sql } from './rows.ts'
import { refreshTokenOf } from './tokens.ts'

/** Moves the spending of a refresh token out of the grace period. */
const age = (cookie: string) => spentEarlier(cookie, 11)

/** A session whose first cookie was spent a while ago, and the reply with its second was lost. */
const lostReply = async () => {
  const { cookie: first, accessToken } = await newUser()
  const lost = cookieOf(await refresh(first))
  await age(first)
  return { first, lost, accessToken }
}

describe('a refresh token whose reply was lost', () => {
  test('is replaced once more, and the session goes on', async () => {
    const { first, accessToken } = await lostReply()
    const response = await refresh(first)
    const third = cookieOf(response)
    expect(third).toMatch(/^__Host-refresh=[\w-]{43}$/)
    const renewed = await accessTokenOf(response)
    expect(await statusWith(renewed)).toBe(200)
    expect(await statusWith(accessToken)).toBe(200)
    const fourth = cookieOf(await refresh(third))
    expect(fourth).toMatch(/^__Host-refresh=[\w-]{43}$/)
  })

  test('is replaced as often as its reply is lost', async () => {
    const { first, accessToken } = await lostReply()
    for (let loss = 0; loss < 3; loss++) {
      expect(cookieOf(await refresh(first))).toMatch(/^__Host-refresh=[\w-]{43}$/)
      await age(first)
    }
    const last = cookieOf(await refresh(first))
    expect(cookieOf(await refresh(last))).toMatch(/^__Host-refresh=/)
    expect(await statusWith(accessToken)).toBe(200)
  })

  test('gives no cookie to a second tab that sends it within 10 seconds of the replacement', async () => {
    const { first } = await lostReply()
    const third = cookieOf(await refresh(first))
    const second = await refresh(first)
    await accessTokenOf(second)
    expect(second.headers.get('Set-Cookie')).toBeNull()
    expect(cookieOf(await refresh(third))).toMatch(/^__Host-refresh=/)
  })

  test('sent ten times at once is replaced once, and nobody is signed out', async () => {
    const { first, accessToken } = await lostReply()
    const replies = await Promise.all(Array.from({ length: 10 }, () => refresh(first)))
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const cookies = replies.map(cookieOf).filter(Boolean)
    expect(cookies).toHaveLength(1)
    expect(cookieOf(await refresh(cookies[0] ?? ''))).toMatch(/^__Host-refresh=/)
    expect(await statusWith(accessToken)).toBe(200)
  })

  test('is theft once the token that replaced it was used', async () => {
    const { first, accessToken } = await lostReply()
    const third = cookieOf(await refresh(first))
    const fourth = cookieOf(await refresh(third))
    await age(first)
    await problem(refresh(first), 401)
    expect(await statusWith(accessToken)).toBe(401)
    await problem(refresh(fourth), 401)
  })

  test('and its successor, sent at the same moment, do not both go on', async () => {
    for (let round = 0; round < 5; round++) {
      const { first, lost } = await lostReply()
      const [old, late] = await Promise.all([refresh(first), refresh(lost)])
      // Either the loss was seen first, and the successor gives no cookie; or the successor was used
      // first, and the old token is theft.
      const cookies = [old, late]
        .map(cookieOf)
        .filter((cookie) => cookie !== '__Host-refresh=' && cookie)
      expect(cookies).toHaveLength(1)
      if (old.status === 401) await problem(refresh(cookies[0] ?? ''), 401)
      else expect((await refresh(cookies[0] ?? '')).status).toBe(200)
    }
  })
})

describe('the lost successor of a refresh token', () => {
  test('gives an access token and no cookie for 10 seconds, like every spent token', async () => {
    const { first, lost } = await lostReply()
    const third = cookieOf(await refresh(first))
    const response = await refresh(lost)
    await accessTokenOf(response)
    expect(response.headers.get('Set-Cookie')).toBeNull()
    expect((await refresh(third)).status).toBe(200)
  })

  test('is theft when it is sent later: both holders are signed out', async () => {
    const { first, lost, accessToken } = await lostReply()
    const third = cookieOf(await refresh(first))
    await age(lost)
    const response = await refresh(lost)
    await problem(response, 401)
    expect(cookieOf(response)).toBe('__Host-refresh=')
    await problem(refresh(third), 401)
    await problem(refresh(first), 401)
    expect(await statusWith(accessToken)).toBe(401)
  })
})

test('a refresh token that was spent before successors were stored is theft when it is late', async () => {
  const { cookie, accessToken } = await newUser()
  await refresh(cookie)
  await sql`update refresh_tokens set successor = null
    where hash = ${sha256(refreshTokenOf(cookie))}`
  await age(cookie)
  await problem(refresh(cookie), 401)
  expect(await statusWith(accessToken)).toBe(401)
})
