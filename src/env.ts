import * as z from 'zod/mini'
import { connect, isLoopback } from './database/neon.ts'

type RateLimit = { limit(options: { key: string }): Promise<{ success: boolean }> }
type SendEmail = {
  send(mail: {
    from: { email: string; name: string }
    to: string
    subject: string
    text: string
    html: string
  }): Promise<unknown>
}
type Assets = { fetch(request: Request): Promise<Response> }

/**
 * The Worker's bindings, secrets and variables. The types are our own and not those of
 * workers-types, because the typed client brings this file into front ends that lack those.
 */
export type Bindings = {
  DATABASE_URL?: string
  JWT_SECRET?: string
  JWT_SECRET_PREVIOUS?: string
  BCRYPT_COST?: string
  CORS_ORIGINS?: string
  SYNC_EPOCH?: string
  EMAIL_FROM?: string
  APP_URL?: string
  EMAIL?: SendEmail
  AUTH_LIMIT?: RateLimit
  REFRESH_LIMIT?: RateLimit
  USER_LIMIT?: RateLimit
  ASSETS: Assets
}

export type Env = {
  Bindings: Bindings
  Variables: { requestId: string; configuration: Configuration }
}

/**
 * A context that has at least the variables of `E`. A function that only reads them takes this, and
 * not hono's `Context<E>`, which fits no context with further variables.
 */
export type With<E extends { Variables: object }> = { readonly var: Readonly<E['Variables']> }

const databaseUrl = z.string('is missing').check(
  z.refine((url) => /^postgres(ql)?:\/\/[^/]+@[^/]+\/./.test(url) && URL.canParse(url), {
    error: 'must be a connection string, postgresql://user:password@host/database',
    abort: true,
  })
)

const jwtSecret = z.string('is missing').check(
  z.refine((secret) => new TextEncoder().encode(secret.trim()).length >= 32, {
    error: 'must be at least 32 bytes long',
    abort: true,
  }),
  z.refine(
    (secret) =>
      new Set(secret).size >= 8 &&
      !/(change|replace).?(me|this)|placeholder|example|your.?(jwt.?)?(secret|key)/i.test(secret),
    'must be random, and looks like a placeholder'
  ),
  // hono's jwt would read such a secret as a PEM key.
  z.refine(
    (secret) => !/PUBLIC|PRIVATE/.test(secret),
    'must not contain PUBLIC or PRIVATE, which mark a key in PEM'
  )
)

const isOrigin = (text: string) =>
  URL.canParse(text) && new URL(text).origin === text && !text.includes('*')
const corsOrigins = z
  .array(z.string())
  .check(
    z.refine(
      (list) => list.every(isOrigin),
      'must be origins such as https://app.example.com, separated by commas'
    )
  )
const list = (text = '') => text.split(',').flatMap((item) => item.trim() || [])

/** Links of mails carry tokens, so they are encrypted on their way, except on this machine. */
const appUrl = z.string().check(
  z.refine((text) => {
    if (!isOrigin(text)) return false
    const { protocol, hostname } = new URL(text)
    return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
  }, 'must be an origin such as https://todo.example.com')
)

/** What mails are sent with, or the names of what is missing for that. */
const mailOf = (env: {
  EMAIL?: SendEmail | undefined
  EMAIL_FROM?: string | undefined
  APP_URL?: string | undefined
}) => {
  const { EMAIL: binding, EMAIL_FROM: from, APP_URL: appUrl } = env
  return binding && from && appUrl
    ? { binding, from, appUrl }
    : { missing: (['EMAIL', 'EMAIL_FROM', 'APP_URL'] as const).filter((name) => !env[name]) }
}

const Configuration = z.pipe(
  z
    .object({
      DATABASE_URL: databaseUrl,
      JWT_SECRET: jwtSecret,
      JWT_SECRET_PREVIOUS: z.optional(jwtSecret),
      BCRYPT_COST: z._default(z.coerce.number(), 10),
      SYNC_EPOCH: z._default(
        z
          .string()
          .check(
            z.regex(
              /^[\w.-]{0,32}$/,
              'must be at most 32 letters, digits, dots, underscores and hyphens'
            )
          ),
        ''
      ),
      EMAIL: z.optional(z.custom<SendEmail>()),
      EMAIL_FROM: z.optional(z.email('must be an e-mail address')),
      APP_URL: z.optional(appUrl),
      CORS_ORIGINS: z.pipe(z.pipe(z.optional(z.string()), z.transform(list)), corsOrigins),
    })
    .check(
      z.refine(
        ({ DATABASE_URL: url, BCRYPT_COST: cost }) =>
          Number.isInteger(cost) &&
          cost <= 14 &&
          cost >= (isLoopback(new URL(url).hostname) ? 4 : 10),
        {
          path: ['BCRYPT_COST'],
          error: 'must be a whole number from 10 to 14, or from 4 on a local database',
        }
      )
    ),
  z.transform((env) => ({
    db: connect(env.DATABASE_URL),
    /** The secret that signs access tokens, then the previous one, which is still accepted. */
    jwtSecrets: [env.JWT_SECRET, env.JWT_SECRET_PREVIOUS ?? []].flat(),
    bcryptCost: env.BCRYPT_COST,
    corsOrigins: env.CORS_ORIGINS,
    /** Part of every token of GET /tasks/changes. When it changes, every client starts again. */
    syncEpoch: env.SYNC_EPOCH,
    mail: mailOf(env),
  }))
)
export type Configuration = z.output<typeof Configuration>

const configurations = new WeakMap<Partial<Bindings>, Configuration | { fault: string }>()

/**
 * The checked configuration, or what is wrong with it: a sentence that names each variable and
 * never its value. An isolate checks it once.
 */
export const configurationOf = (env: Partial<Bindings>): Configuration | { fault: string } => {
  const known = configurations.get(env)
  if (known) return known
  const { data, error } = z.safeParse(Configuration, env)
  const result = data ?? {
    fault: error?.issues.map(({ path, message }) => `${path} ${message}`).join('; ') ?? '',
  }
  configurations.set(env, result)
  return result
}
