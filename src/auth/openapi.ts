import type * as z from 'zod/mini'
import type { PasswordChange } from '../account/password.ts'
import {
  body,
  type Examples,
  id,
  json,
  or,
  type Path,
  ref,
  refusal,
  reply,
  security,
} from '../http/openapi.ts'
import { task } from '../tasks/openapi.ts'
import type { Session } from './sessions.ts'
import type { AccessToken } from './tokens.ts'
import type { Credentials, User } from './user.ts'

const user: User = {
  id: '0c6a1f1e-6f0c-4b7e-9a52-2f8d3f1f5a10',
  email: 'ada@example.com',
  created_at: '2026-01-12T09:30:00.000Z',
}

const token: z.infer<typeof AccessToken> = {
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

const session: Session = {
  id: '3e0d7a52-9b1c-4c8e-8f6a-7d2b5c1e9a03',
  created_at: '2026-01-12T09:30:00.000Z',
  last_used_at: '2026-01-14T18:02:11.420Z',
  expires_at: '2026-02-13T18:02:11.420Z',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0',
  current: true,
}

const passwords: Examples = {
  ada: {
    summary: 'The password so far, and the new one',
    value: {
      current_password: 'correct horse battery',
      new_password: 'staple of another kind',
    } satisfies z.input<typeof PasswordChange>,
  },
}

export const authPaths: Record<string, Path> = {
  '/auth/signup': {
    post: {
      operationId: 'signUp',
      summary: 'Register an account',
      tags: ['Auth'],
      requestBody: body(ref('Credentials'), credentials),
      responses: {
        201: reply('The new user.', json(ref('User'), user)),
        ...or(400, 409, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/login': {
    post: {
      operationId: 'logIn',
      summary: 'Get an access token',
      description:
        'The token is good for 7 days. A session begins, and a cookie that keeps it alive comes along.',
      tags: ['Auth'],
      requestBody: body(ref('Credentials'), credentials),
      responses: {
        200: reply('An access token.', json(ref('AccessToken'), token), 'Set-Cookie'),
        401: refusal(401, {
          when: 'A wrong e-mail address or a wrong password: the two are one answer.',
          detail: 'The e-mail address or the password is wrong.',
          header: 'WWW-Authenticate',
        }),
        ...or(400, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/me': {
    get: {
      operationId: 'readMe',
      summary: 'Read your account',
      tags: ['Auth'],
      security,
      responses: {
        200: reply('The user whose token it is.', json(ref('User'), user)),
        ...or(401, 500, 503),
      },
    },
    delete: {
      operationId: 'deleteMe',
      summary: 'Delete your account and all that is yours',
      description: 'At most 5 minutes after a login.',
      tags: ['Auth'],
      security,
      responses: {
        204: reply('The user and all that was theirs is gone.', undefined, 'Set-Cookie'),
        403: refusal(403, {
          when: 'The login was too long ago.',
          detail: 'This login is more than 5 minutes old. Log in again, then delete your account.',
        }),
        ...or(401, 500, 503),
      },
    },
  },
  '/auth/me/export': {
    get: {
      operationId: 'exportMe',
      summary: 'Get all that is held about you',
      description: 'Sent a page at a time. Where it breaks off, it is no JSON.',
      tags: ['Auth'],
      security,
      responses: {
        200: reply(
          'The account, its sessions and its tasks, as an attachment.',
          json(
            {
              type: 'object',
              properties: {
                user: ref('User'),
                sessions: { type: 'array', items: ref('Session') },
                tasks: { type: 'array', items: ref('Task') },
              },
              required: ['user', 'sessions', 'tasks'],
              additionalProperties: false,
            },
            { user, sessions: [session], tasks: [task] }
          ),
          'Content-Disposition'
        ),
        ...or(401, 500, 503),
      },
    },
  },
  '/auth/password': {
    put: {
      operationId: 'changePassword',
      summary: 'Change your password',
      description: 'Ends all sessions but this one.',
      tags: ['Auth'],
      security,
      requestBody: body(ref('PasswordChange'), passwords),
      responses: {
        204: reply('The password is changed.'),
        403: refusal(403, {
          when: 'The current password is wrong.',
          detail: 'The current password is wrong.',
        }),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/refresh': {
    post: {
      operationId: 'refresh',
      summary: 'Get another access token',
      description:
        'The cookie is spent, and another comes in its place. Shown again within 10 seconds it still gives a token, but no cookie; later the session ends.',
      tags: ['Auth'],
      security: [{ refresh: [] }],
      responses: {
        200: reply('An access token.', json(ref('AccessToken'), token), 'Set-Cookie'),
        401: refusal(401, {
          when: 'There is no cookie, it is not good, or the session is over.',
          detail: 'The session is over. POST /auth/login begins another.',
          header: 'WWW-Authenticate',
        }),
        403: refusal(403, {
          when: 'The request comes from another site.',
          detail: 'A refresh must come from a page of this origin or one in CORS_ORIGINS.',
        }),
        ...or(500, 503),
      },
    },
  },
  '/auth/logout': {
    post: {
      operationId: 'logOut',
      summary: 'End this session',
      tags: ['Auth'],
      security,
      responses: {
        204: reply(
          'The session is over, and its tokens are good for nothing.',
          undefined,
          'Set-Cookie'
        ),
        ...or(401, 500, 503),
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
        200: reply('Those that live.', json({ type: 'array', items: ref('Session') }, [session])),
        ...or(401, 500, 503),
      },
    },
    delete: {
      operationId: 'endSessions',
      summary: 'End all your sessions, this one too',
      tags: ['Auth'],
      security,
      responses: {
        204: reply('They are over.', undefined, 'Set-Cookie'),
        ...or(401, 500, 503),
      },
    },
  },
  '/auth/sessions/{id}': {
    parameters: [id],
    delete: {
      operationId: 'endSession',
      summary: 'End a session of yours',
      tags: ['Auth'],
      security,
      responses: {
        204: reply('It is over.'),
        404: refusal(404, {
          when: 'There is no such session, or it is not yours.',
          detail: 'There is no such session.',
        }),
        ...or(401, 500, 503),
      },
    },
  },
}
