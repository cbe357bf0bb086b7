import type * as z from 'zod/mini'
import { accessTokenDays } from '../access/access-token.ts'
import {
  body,
  type Examples,
  id,
  json,
  or,
  type Path,
  problemReply,
  ref,
  reply,
  security,
} from '../http/openapi.ts'
import { mostMails } from '../mail/counts.ts'
import { lifetimes } from '../mail/tokens.ts'
import { ForgottenPassword, PasswordReset } from './forgotten-password.ts'
import {
  longestSessionDays,
  noRefreshCookie,
  noSuchSession,
  refreshGrace,
  Session,
  wrongCredentials,
} from './sessions.ts'
import { emailTaken } from './signup.ts'
import { AccessToken, crossSite, sessionDays } from './tokens.ts'
import { Credentials, User } from './user.ts'

export const user: User = {
  id: '0c6a1f1e-6f0c-4b7e-9a52-2f8d3f1f5a10',
  email: 'ada@example.com',
  email_verified: true,
  created_at: '2026-01-12T09:30:00.000Z',
}

const accessToken: z.infer<typeof AccessToken> = {
  access_token:
    'eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwYzZhMWYxZS02ZjBjLTRiN2UtOWE1Mi0yZjhkM2YxZjVhMTAifQ.c2lnbmF0dXJl',
  token_type: 'bearer',
}

const credentials: Examples = {
  ada: {
    summary: 'An e-mail address and a password',
    value: {
      email: user.email,
      password: 'correct horse battery',
    } satisfies z.input<typeof Credentials>,
  },
}

/** The token in the link of a mail. */
export const token = 'p2mJ5Qk0vTn8sYc3XhLr7WbZ1dEoUaGi4fNtKyHxVqM'

export const mailLimit = `At most ${mostMails} mails an hour are sent for one purpose to one address. Beyond that the reply is the same, and the last link stays good.`

export const session: Session = {
  id: '3e0d7a52-9b1c-4c8e-8f6a-7d2b5c1e9a03',
  created_at: '2026-01-12T09:30:00.000Z',
  last_used_at: '2026-01-14T18:02:11.420Z',
  expires_at: '2026-02-13T18:02:11.420Z',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0',
  current: true,
}

export const authPaths: Record<string, Path> = {
  '/auth/signup': {
    post: {
      operationId: 'signUp',
      summary: 'Create an account',
      description: 'Sends a mail with a link to confirm the address, where mail is set up.',
      tags: ['Auth'],
      requestBody: body(Credentials, credentials),
      responses: {
        201: reply('The new user.', json(ref(User), { ...user, email_verified: false })),
        409: problemReply(409, {
          when: 'The e-mail address has an account already.',
          detail: emailTaken,
        }),
        ...or(400, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/login': {
    post: {
      operationId: 'logIn',
      summary: 'Get an access token',
      description: `The access token is valid for ${accessTokenDays} days. The reply also begins a session: it sets a cookie that \`POST /auth/refresh\` exchanges for another access token. After 10 wrong passwords within 15 minutes, every further try for that e-mail address is 429, also with the right password, until a wait is over that doubles with each failure from 1 second to 15 minutes.`,
      tags: ['Auth'],
      requestBody: body(Credentials, credentials),
      responses: {
        200: reply('An access token.', json(ref(AccessToken), accessToken), 'Set-Cookie'),
        401: problemReply(401, {
          when: 'The e-mail address or the password is wrong. The reply does not tell which.',
          detail: wrongCredentials,
          headers: ['WWW-Authenticate'],
        }),
        ...or(400, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/refresh': {
    post: {
      operationId: 'refresh',
      summary: 'Get another access token',
      description: `The cookie is spent, and the reply sets a new one. A session lives ${sessionDays} days after its last refresh, and ${longestSessionDays} days after its start at most. A cookie that is sent again within ${refreshGrace} seconds still gives an access token, but no new cookie. Later it depends on the cookie that replaced it. If that was never used, the reply with it was lost, and the cookie is replaced once more. If it was used, somebody else has a copy, and the session ends.`,
      tags: ['Auth'],
      security: [{ refresh: [] }],
      responses: {
        200: reply('An access token.', json(ref(AccessToken), accessToken), 'Set-Cookie?'),
        401: problemReply(401, {
          when: 'There is no cookie, it is not valid, or its session is over.',
          detail: noRefreshCookie,
          headers: ['WWW-Authenticate', 'Set-Cookie'],
        }),
        403: problemReply(403, { when: 'The request comes from another site.', detail: crossSite }),
        ...or(429, 500, 503),
      },
    },
  },
  '/auth/password/forgot': {
    post: {
      operationId: 'forgetPassword',
      summary: 'Ask for a link to set a new password',
      description: `The reply does not tell whether the address has an account. If it has, a mail with a link goes to it, which works once, for ${lifetimes.reset}. ${mailLimit}`,
      tags: ['Auth'],
      requestBody: body(ForgottenPassword, {
        ada: {
          summary: 'The address of the account',
          value: { email: user.email } satisfies z.input<typeof ForgottenPassword>,
        },
      }),
      responses: {
        202: reply('A mail is sent if the address has an account.'),
        ...or(400, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/password/reset': {
    post: {
      operationId: 'resetPassword',
      summary: 'Set a new password with the link of a mail',
      description:
        'Ends all sessions. The address counts as confirmed. A token that is unknown, used up, expired or for something else is a 422 at `/token`.',
      tags: ['Auth'],
      requestBody: body(PasswordReset, {
        ada: {
          summary: 'The token behind `#reset=`, and the new password',
          value: { token, new_password: 'staple of another kind' } satisfies z.input<
            typeof PasswordReset
          >,
        },
      }),
      responses: {
        204: reply('The password is changed, and all sessions are over.'),
        ...or(400, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/logout': {
    post: {
      operationId: 'logOut',
      summary: 'End this session',
      description: 'Its access tokens and its cookie stop working at once.',
      tags: ['Auth'],
      security,
      responses: {
        204: reply('The session is over.', undefined, 'Set-Cookie'),
        ...or(401, 429, 500, 503),
      },
    },
  },
  '/auth/sessions': {
    get: {
      operationId: 'listSessions',
      summary: 'List your sessions',
      tags: ['Auth'],
      security,
      responses: {
        200: reply(
          'The sessions that are not over.',
          json({ type: 'array', maxItems: 2_147_483_647, items: ref(Session) }, [session])
        ),
        ...or(401, 429, 500, 503),
      },
    },
    delete: {
      operationId: 'endSessions',
      summary: 'End all your sessions, this one too',
      tags: ['Auth'],
      security,
      responses: {
        204: reply('All sessions are over.', undefined, 'Set-Cookie'),
        ...or(401, 429, 500, 503),
      },
    },
  },
  '/auth/sessions/{id}': {
    parameters: [id],
    delete: {
      operationId: 'endSession',
      summary: 'End one of your sessions',
      tags: ['Auth'],
      security,
      responses: {
        204: reply('The session is over.'),
        404: problemReply(404, {
          when: 'There is no such session, or it is not yours. The reply does not tell which.',
          detail: noSuchSession,
        }),
        ...or(401, 429, 500, 503),
      },
    },
  },
}
