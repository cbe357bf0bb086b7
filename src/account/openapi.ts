import type * as z from 'zod/mini'
import { mailLimit, session, token, user } from '../auth/openapi.ts'
import { Session } from '../auth/sessions.ts'
import { User } from '../auth/user.ts'
import { body, json, or, type Path, problemReply, ref, reply, security } from '../http/openapi.ts'
import { mostChanges } from '../mail/counts.ts'
import { lifetimes } from '../mail/tokens.ts'
import { task } from '../tasks/openapi.ts'
import { Task } from '../tasks/task.ts'
import { wrongCurrentPassword } from './current-password.ts'
import { Confirmation, EmailChange } from './email.ts'
import { freshLoginMinutes, staleLogin } from './me.ts'
import { PasswordChange } from './password.ts'

const list = (schema: z.ZodMiniType) => ({
  type: 'array' as const,
  maxItems: 2_147_483_647,
  items: ref(schema),
})

export const accountPaths: Record<string, Path> = {
  '/auth/me': {
    get: {
      operationId: 'readMe',
      summary: 'Read your account',
      tags: ['Account'],
      security,
      responses: {
        200: reply('The user of the access token.', json(ref(User), user)),
        ...or(401, 429, 500, 503),
      },
    },
    delete: {
      operationId: 'deleteMe',
      summary: 'Delete your account and everything in it',
      description: `This works for ${freshLoginMinutes} minutes after a login.`,
      tags: ['Account'],
      security,
      responses: {
        204: reply('The user and everything of theirs is deleted.', undefined, 'Set-Cookie'),
        403: problemReply(403, { when: 'The login was too long ago.', detail: staleLogin }),
        ...or(401, 429, 500, 503),
      },
    },
  },
  '/auth/me/export': {
    get: {
      operationId: 'exportMe',
      summary: 'Download everything that is held about you',
      description:
        'The file is sent in parts. If the connection breaks, the file is not valid JSON: ask again.',
      tags: ['Account'],
      security,
      responses: {
        200: reply(
          'The account, its sessions, its tasks and its trash, as an attachment.',
          json(
            {
              type: 'object',
              properties: {
                user: ref(User),
                sessions: list(Session),
                tasks: list(Task),
                trash: list(Task),
              },
              required: ['user', 'sessions', 'tasks', 'trash'],
              additionalProperties: false,
            },
            { user, sessions: [session], tasks: [task], trash: [] }
          ),
          'Content-Disposition'
        ),
        ...or(401, 429, 500, 503),
      },
    },
  },
  '/auth/password': {
    put: {
      operationId: 'changePassword',
      summary: 'Change your password',
      description:
        'Ends all sessions but this one. No link of an earlier mail works any more. A wrong current password counts as a wrong password of a login.',
      tags: ['Account'],
      security,
      requestBody: body(PasswordChange, {
        ada: {
          summary: 'The current password and the new one',
          value: {
            current_password: 'correct horse battery',
            new_password: 'staple of another kind',
          } satisfies z.input<typeof PasswordChange>,
        },
      }),
      responses: {
        204: reply('The password is changed.'),
        403: problemReply(403, {
          when: 'The current password is wrong.',
          detail: wrongCurrentPassword,
        }),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/email': {
    put: {
      operationId: 'changeEmail',
      summary: 'Change your e-mail address',
      description: `A mail with a link goes to the new address, which replaces the old one when the link is confirmed. The link works once, for ${lifetimes.change}. The reply does not tell whether the new address has an account; if it has, the mail says so. A wrong current password counts as a wrong password of a login. At most ${mostChanges} changes an hour send a mail. ${mailLimit}`,
      tags: ['Account'],
      security,
      requestBody: body(EmailChange, {
        ada: {
          summary: 'The new address and the current password',
          value: {
            email: 'ada@example.org',
            current_password: 'correct horse battery',
          } satisfies z.input<typeof EmailChange>,
        },
      }),
      responses: {
        202: reply('A mail is sent to the new address.'),
        403: problemReply(403, {
          when: 'The current password is wrong.',
          detail: wrongCurrentPassword,
        }),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/email/confirm': {
    post: {
      operationId: 'confirmEmail',
      summary: 'Confirm an e-mail address with the link of a mail',
      description:
        'Confirms the address of the account, or puts the new one in its place. A change of address is told to the old one, and no link of an earlier mail works after it. A token that is unknown, used up, expired or for something else is a 422 at `/token`.',
      tags: ['Account'],
      requestBody: body(Confirmation, {
        ada: {
          summary: 'The token behind `#confirm=`',
          value: { token } satisfies z.input<typeof Confirmation>,
        },
      }),
      responses: {
        204: reply('The address is confirmed.'),
        ...or(400, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/auth/email/resend': {
    post: {
      operationId: 'resendConfirmation',
      summary: 'Send the link to confirm your address again',
      description: `The link works once, for ${lifetimes.confirm}. ${mailLimit}`,
      tags: ['Account'],
      security,
      responses: {
        202: reply('A mail is sent to your address.'),
        204: reply('The address is confirmed already.'),
        ...or(401, 429, 500, 503),
      },
    },
  },
}
