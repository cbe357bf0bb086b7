import { describe, expect, test } from 'vitest'
import { forAll, isRemote, newUser, problem, send, throughProxy } from './api.ts'
import { conflict, foreignTag, listTag, malformedTags } from './sync.ts'
import { claims, forge } from './tokens.ts'

describe('preconditions of the collection', () => {
  const create = (id: string) => [{ op: 'create', id, task: { title: 'x' } }]
  const writes = [
    ['POST', '/tasks', () => ({ title: 'x' })],
    ['POST', '/tasks/batch', () => create(crypto.randomUUID())],
    ['DELETE', '/tasks', () => undefined],
  ] as const

  test.each(writes)(
    '%s %s holds with If-Match: * and with tags in If-None-Match',
    async (method, path, body) => {
      const user = await newUser()
      const own = await listTag(user)
      for (const headers of [
        { 'If-Match': '*' },
        { 'If-None-Match': '"x"' },
        { 'If-None-Match': own },
        { 'If-Match': '*', 'If-None-Match': foreignTag },
      ]) {
        const { status } = await user.send(method, path, { json: body(), headers })
        expect(status).toBeLessThan(300)
      }
    }
  )

  test.each(writes)(
    '%s %s fails with tags in If-Match and with If-None-Match: *',
    async (method, path, body) => {
      const user = await newUser()
      const task = await user.newTask({ title: 'before' })
      const own = await listTag(user)
      for (const headers of [
        { 'If-Match': own },
        { 'If-Match': own.slice(2) },
        { 'If-Match': '"x"' },
        { 'If-Match': `W/${foreignTag}` },
        { 'If-None-Match': '*' },
        { 'If-Match': '*', 'If-None-Match': '*' },
        { 'If-Match': '"x"', 'If-None-Match': '"x"' },
      ])
        expect(await conflict(user.send(method, path, { json: body(), headers }))).toBe(undefined)
      expect(await user.tasks()).toEqual([task])
    }
  )

  test.each(writes)('%s %s is a 400 with a malformed precondition', async (method, path, body) => {
    const user = await newUser()
    for (const name of ['If-Match', 'If-None-Match'])
      await forAll(malformedTags, (tags) =>
        problem(user.send(method, path, { json: body(), headers: { [name]: tags } }), 400)
      )
    expect(await user.tasks()).toEqual([])
  })

  test('a faulty body or query comes before a failed precondition of the collection', async () => {
    const user = await newUser()
    for (const headers of [{ 'If-Match': '"x"' }, { 'If-None-Match': '*' }]) {
      await problem(user.send('POST', '/tasks', { json: {}, headers }), 422)
      await problem(user.send('POST', '/tasks/batch', { json: [], headers }), 422)
      await problem(user.send('DELETE', '/tasks?sort=title', { headers }), 422)
      await problem(send('DELETE', '/tasks', { headers }), 401)
    }
  })

  test.runIf(!isRemote).each(writes)(
    '%s %s fails before the database is asked, also when the user is gone',
    async (method, path, body) => {
      const accessToken = await forge(claims(crypto.randomUUID()))
      const { send, requests } = throughProxy()
      for (const headers of [{ 'If-Match': '"x"' }, { 'If-None-Match': '*' }])
        await conflict(send(method, path, { json: body(), headers, accessToken }))
      expect(await requests()).toBe(0)
    }
  )
})
