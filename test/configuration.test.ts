import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { isRemote, type Overrides, problem, sendWith } from './api.ts'

const secret = 'Zm9yIHRoZXNlIHRlc3RzIG9ubHksIGFuZCBubyBvdGhlcg'
const neon = 'postgresql://owner:pa55word@ep-cool-river-123456.eu-central-1.aws.neon.tech/main'

/** The detail of the 503 that a bad configuration gets; undefined if the configuration is good. */
const faultOf = async (bindings: Overrides) => {
  const response = await sendWith(bindings)('GET', '/auth/me')
  return response.status === 401 ? undefined : (await problem(response, 503)).detail
}

describe.runIf(!isRemote)('the configuration', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  test.each<[name: keyof Overrides, value: string | undefined, others?: Overrides]>([
    ['DATABASE_URL', undefined],
    ['DATABASE_URL', ''],
    ['DATABASE_URL', 'pa55word'],
    ['DATABASE_URL', 'https://owner:pa55word@example.com/main'],
    ['DATABASE_URL', 'postgresql://example.com/main'],
    ['DATABASE_URL', 'postgresql://owner:pa55word@/main'],
    ['DATABASE_URL', 'postgresql://owner:pa55word@example.com'],
    ['DATABASE_URL', 'postgresql://owner:pa55word@example.com/'],
    ['JWT_SECRET', undefined],
    ['JWT_SECRET', ''],
    ['JWT_SECRET', ' '.repeat(40)],
    ['JWT_SECRET', secret.slice(0, 31)],
    ['JWT_SECRET', 'x'.repeat(40)],
    ['JWT_SECRET', 'change-me-change-me-change-me-please'],
    ['JWT_SECRET', 'your-secret-key-goes-here-1234567890'],
    ['JWT_SECRET', `${secret}PUBLIC`],
    ['JWT_SECRET', `PRIVATE${secret}`],
    ['BCRYPT_COST', '3'],
    ['BCRYPT_COST', '15'],
    ['BCRYPT_COST', '10.5'],
    ['BCRYPT_COST', ''],
    ['BCRYPT_COST', 'ten'],
    ['BCRYPT_COST', '4', { DATABASE_URL: neon }],
    ['BCRYPT_COST', '9', { DATABASE_URL: neon }],
    ['EMAIL_FROM', ''],
    ['EMAIL_FROM', 'todo'],
    ['EMAIL_FROM', 'Todo <todo@example.com>'],
    ['EMAIL_FROM', 'todo@example.com\nBcc: eve@example.com'],
    ['APP_URL', ''],
    ['APP_URL', 'lists.example.com'],
    ['APP_URL', 'https://lists.example.com/'],
    ['APP_URL', 'https://lists.example.com/app'],
    ['APP_URL', 'https://ada@lists.example.com'],
    ['APP_URL', 'http://lists.example.com'],
    ['APP_URL', 'ftp://lists.example.com'],
    ['APP_URL', 'https://*.example.com'],
    ['APP_URL', 'null'],
    ['CORS_ORIGINS', '*'],
    ['CORS_ORIGINS', 'null'],
    ['CORS_ORIGINS', 'https://app.example.com/'],
    ['CORS_ORIGINS', 'https://app.example.com,app.example.com'],
    ['CORS_ORIGINS', 'https://*.example.com'],
  ])(
    'a bad or missing %s is a 503 that names it and not its value: %j',
    async (name, value, others) => {
      const detail = await faultOf({ ...others, [name]: value })
      expect(detail).toMatch(new RegExp(`^${name} `))
      if (value && value.length > 2) expect(detail).not.toContain(value)
      expect(detail).not.toContain('pa55word')
    }
  )

  test('all bad values are named at once', async () => {
    expect(await faultOf({ DATABASE_URL: undefined, JWT_SECRET: 'short' })).toMatch(
      /DATABASE_URL .*; JWT_SECRET /
    )
  })

  test.each<[what: string, bindings: Overrides]>([
    ['with the values of this run', {}],
    ['without the optional values', { BCRYPT_COST: undefined, CORS_ORIGINS: undefined }],
    ['with cost 14', { BCRYPT_COST: '14' }],
    ['with cost 10 and a database at Neon', { BCRYPT_COST: '10', DATABASE_URL: neon }],
    [
      'with the scheme postgres',
      { DATABASE_URL: neon.replace('postgresql:', 'postgres:'), BCRYPT_COST: undefined },
    ],
    ['with a long secret', { JWT_SECRET: secret }],
    ['with a secret of 32 bytes', { JWT_SECRET: secret.slice(0, 32) }],
    ['with a secret in Cyrillic', { JWT_SECRET: 'ключ, которого никто не знает' }],
    ['with no origin', { CORS_ORIGINS: '' }],
    ['without mail', { EMAIL: undefined, EMAIL_FROM: undefined, APP_URL: undefined }],
    ['with EMAIL_FROM alone', { EMAIL: undefined, APP_URL: undefined }],
    ['with the app on this machine', { APP_URL: 'http://localhost:8787' }],
    ['with the app at a port', { APP_URL: 'https://todo.example.com:8443' }],
    [
      'with origins in blanks',
      { CORS_ORIGINS: ' https://app.example.com , http://localhost:5173,' },
    ],
  ])('a configuration %s is good', async (_, bindings) => {
    expect(await faultOf(bindings)).toBeUndefined()
  })

  test.each(['/health', '/openapi.json', '/docs'])(
    'GET %s needs no configuration',
    async (path) => {
      const send = sendWith({ DATABASE_URL: undefined, JWT_SECRET: undefined })
      expect((await send('GET', path)).status).toBe(200)
    }
  )

  test('GET / leads on without any configuration', async () => {
    const send = sendWith({ DATABASE_URL: undefined, JWT_SECRET: undefined })
    const response = await send('GET', '/')
    expect(response.status).toBe(302)
    expect(response.headers.get('Location')).toBe('/app/')
  })

  test.each([
    ['GET', '/health/ready'],
    ['POST', '/auth/signup'],
    ['POST', '/auth/login'],
    ['GET', '/tasks'],
    ['DELETE', '/tasks'],
    ['GET', '/nowhere'],
  ])('%s %s is a 503 with a bad configuration', async (method, path) => {
    const { detail } = await problem(sendWith({ JWT_SECRET: 'short' })(method, path), 503)
    expect(detail).toBe('JWT_SECRET must be at least 32 bytes long')
  })

  test.each([
    ['over HTTPS', neon, 'https://api.eu-central-1.aws.neon.tech/sql'],
    ['over HTTP on this machine', env.DATABASE_URL, `http://${new URL(env.DATABASE_URL).host}/sql`],
  ])('the database is asked %s', async (_, DATABASE_URL, expected) => {
    const urls: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      urls.push(url)
      return new Response('', { status: 500 })
    })
    const send = sendWith({ DATABASE_URL, BCRYPT_COST: undefined })
    await problem(send('GET', '/health/ready'), 503)
    expect(new Set(urls)).toEqual(new Set([expected]))
  })
})
