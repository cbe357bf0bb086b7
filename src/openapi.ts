import { Confirmation, EmailChange } from './account/email.ts'
import { accountPaths } from './account/openapi.ts'
import { PasswordChange } from './account/password.ts'
import { ForgottenPassword, PasswordReset } from './auth/forgotten-password.ts'
import { authPaths } from './auth/openapi.ts'
import { Session } from './auth/sessions.ts'
import { AccessToken } from './auth/tokens.ts'
import { Credentials, User } from './auth/user.ts'
import {
  componentsOf,
  headers,
  json,
  notModified,
  or,
  type Path,
  reply,
  responses,
} from './http/openapi.ts'
import { Problem } from './http/problem.ts'
import { Batch, Operation, Outcome } from './tasks/batch.ts'
import { Changes } from './tasks/changes.ts'
import { taskPaths } from './tasks/openapi.ts'
import { Completion, NewTask, Task, TaskPatch, TaskProblem } from './tasks/task.ts'

const status = (word: string) => ({
  type: 'object' as const,
  properties: { status: { const: word } },
  required: ['status'],
  additionalProperties: false,
})

const servicePaths: Record<string, Path> = {
  '/health': {
    get: {
      operationId: 'health',
      summary: 'Check that the service runs',
      description: 'Does not ask the database.',
      tags: ['Service'],
      responses: {
        200: reply('The service runs.', json(status('ok'), { status: 'ok' })),
      },
    },
  },
  '/health/ready': {
    get: {
      operationId: 'ready',
      summary: 'Check that the database answers',
      tags: ['Service'],
      responses: {
        200: reply('The database answers.', json(status('ready'), { status: 'ready' })),
        ...or(500, 503),
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openapi',
      summary: 'Get this document',
      tags: ['Service'],
      responses: {
        200: reply(
          'An OpenAPI 3.1 document.',
          { 'application/json': { schema: { type: 'object' } } },
          'ETag'
        ),
        304: notModified,
        ...or(500),
      },
    },
  },
  '/docs': {
    get: {
      operationId: 'docs',
      summary: 'Open a page to read and try this document',
      tags: ['Service'],
      responses: {
        200: reply(
          'The page.',
          {
            'text/html': {
              schema: {
                type: 'string',
                contentMediaType: 'text/html',
                maxLength: 65_536,
                pattern: '^<!doctype html>',
              },
            },
          },
          'ETag'
        ),
        304: notModified,
        ...or(500),
      },
    },
  },
  '/': {
    get: {
      operationId: 'root',
      summary: 'Go to the app',
      tags: ['Service'],
      responses: { 302: reply('To `/app/`.', undefined, 'Location') },
    },
  },
}

/** The OpenAPI document of the service. */
export const openapi = {
  openapi: '3.1.0',
  info: {
    title: 'edge-todo',
    version: '1.0.0',
    summary: 'To-do lists for many users, at the edge.',
    description: [
      'To try it: **sign up**, **log in**, copy the `access_token` from the reply, and give it to **Authorize**.',
      'Every error is `application/problem+json` (RFC 9457). Every reply has an `X-Request-Id`. A path that exists answers a method it does not have with 405 and `Allow`. Unknown fields and unknown query parameters are refused. Times are RFC 3339 in UTC.',
    ].join('\n\n'),
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [
    {
      url: '/',
      description: 'The server that this document comes from, in production or local',
      'x-internal': false,
    },
  ],
  // An operation that needs an access token or the cookie says so itself.
  security: [],
  tags: [
    { name: 'Auth', description: 'Signing up and in, and sessions' },
    { name: 'Account', description: 'Your account, your password and your e-mail address' },
    { name: 'Tasks', description: 'Your tasks, which nobody else can reach' },
    { name: 'Service', description: 'Health and documentation' },
  ],
  paths: { ...authPaths, ...accountPaths, ...taskPaths, ...servicePaths },
  components: {
    schemas: componentsOf([
      Credentials,
      User,
      AccessToken,
      Session,
      PasswordChange,
      ForgottenPassword,
      PasswordReset,
      EmailChange,
      Confirmation,
      Task,
      NewTask,
      TaskPatch,
      Completion,
      Operation,
      Batch,
      Outcome,
      Changes,
      Problem,
      TaskProblem,
    ]),
    headers,
    responses,
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'The `access_token` of `POST /auth/login`: a JWT, signed with HS256 and checked as RFC8725 recommends.',
      },
      refresh: {
        type: 'apiKey',
        in: 'cookie',
        name: '__Host-refresh',
        description:
          'The cookie that a login sets, for `POST /auth/refresh` alone. A browser sends it by itself.',
      },
    },
  },
}
