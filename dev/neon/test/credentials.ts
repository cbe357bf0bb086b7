import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { neon } from '@neondatabase/serverless'
import { failure, local, post } from './client.ts'

describe('credentials', () => {
  const on = (change: (url: URL) => void) => {
    const url = new URL(local.url)
    change(url)
    return { 'Neon-Connection-String': url.href }
  }

  it('a request with wrong or missing credentials is refused', async () => {
    const { username } = new URL(local.url)
    const failed = `password authentication failed for user '${username}'`
    for (const [headers, status, message] of [
      [
        on((url) => {
          url.password = 'wrong'
        }),
        400,
        failed,
      ],
      [
        on((url) => {
          url.username = 'other'
        }),
        400,
        "password authentication failed for user 'other'",
      ],
      [
        on((url) => {
          url.password = ''
        }),
        400,
        'missing authentication credentials: required password',
      ],
      [
        on((url) => {
          url.username = ''
          url.password = ''
        }),
        400,
        'missing username',
      ],
      [
        on((url) => {
          url.pathname = ''
        }),
        400,
        'missing database name',
      ],
      [
        on((url) => {
          url.pathname = '/elsewhere'
        }),
        500,
        'database "elsewhere" does not exist',
      ],
      [{ 'Neon-Connection-String': 'mysql://a:b@c/d' }, 400, 'incorrect scheme'],
      [{ 'Neon-Connection-String': 'nonsense' }, 400, 'invalid connection string: not a URL'],
      [{ Authorization: 'Bearer x' }, 400, 'missing authentication credentials: required password'],
    ] as const) {
      const reply = await post({ query: 'select 1' }, headers)
      assert.deepEqual([reply.status, reply.body.message], [status, message])
      assert.equal(reply.headers.get('access-control-allow-origin'), '*')
    }
    const bare = await fetch(`http://127.0.0.1:${local.port}/sql`, { method: 'POST', body: '{}' })
    assert.equal(bare.status, 400)
    assert.match(await bare.text(), /invalid header: neon-connection-string/)
  })

  it('a connection string can have parameters and another host', async () => {
    const headers = on((url) => {
      url.host = 'somewhere:1'
      url.search = '?sslmode=require&application_name=x'
    })
    assert.equal((await post({ query: 'select 1' }, headers)).status, 200)
  })

  it('a wrong password is a NeonDbError in the driver', async () => {
    const url = new URL(local.url)
    url.password = 'wrong'
    const error = await failure(neon(url.href)`select 1`)
    assert.equal(error.name, 'NeonDbError')
    assert.match(error.message, /password authentication failed/)
  })
})
