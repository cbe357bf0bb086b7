import { describe, expect, test } from 'vitest'
import { isRemote, newUser, problem, sendWith } from './api.ts'

describe.runIf(!isRemote)('the rate limit of a batch', () => {
  const deletions = (count: number) =>
    Array.from({ length: count }, () => ({ op: 'delete', id: crypto.randomUUID() }))

  /** Sends to a Worker that lets so many requests of a user pass, and counts them. */
  const limited = (left: number) => {
    const keys: string[] = []
    const USER_LIMIT = {
      limit: async ({ key }: { key: string }) => ({ success: keys.push(key) <= left }),
    }
    return { keys, send: sendWith({ USER_LIMIT }) }
  }

  test.each([
    [1, 1],
    [10, 1],
    [11, 2],
    [20, 2],
    [21, 3],
    [99, 10],
    [100, 10],
  ])('a batch of %i operations counts as %i', async (operations, count) => {
    const { accessToken, id } = await newUser()
    const { keys, send } = limited(count)
    const json = deletions(operations)
    expect((await send('POST', '/tasks/batch', { json, accessToken })).status).toBe(200)
    expect(keys).toEqual(Array.from({ length: count }, () => id))
  })

  test('a batch that counts too much is a 429, and writes nothing', async () => {
    const user = await newUser()
    const { accessToken } = user
    const ids = Array.from({ length: 100 }, () => crypto.randomUUID())
    const json = ids.map((id) => ({ op: 'create', id, task: { title: 'x' } }))
    const response = await limited(9).send('POST', '/tasks/batch', { json, accessToken })
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    await problem(response, 429)
    expect(await user.tasks()).toEqual([])
  })

  test('a batch that counts too much is a 429 whatever its preconditions are', async () => {
    const { accessToken } = await newUser()
    const headers = { 'If-Match': '"x"' }
    const json = deletions(100)
    await problem(limited(9).send('POST', '/tasks/batch', { json, accessToken, headers }), 429)
    await problem(limited(10).send('POST', '/tasks/batch', { json, accessToken, headers }), 412)
  })

  test('a batch that is faulty counts as one', async () => {
    const { accessToken } = await newUser()
    const { keys, send } = limited(1)
    await problem(send('POST', '/tasks/batch', { json: deletions(101), accessToken }), 422)
    expect(keys).toHaveLength(1)
  })
})
