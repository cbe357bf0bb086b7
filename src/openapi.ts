import { authPaths } from './auth/openapi.ts'
import { components, json, or, type Path, reply, status } from './http/openapi.ts'
import { taskPaths } from './tasks/openapi.ts'

const servicePaths: Record<string, Path> = {
  '/health': {
    get: {
      operationId: 'health',
      summary: 'Ask whether the service runs',
      description: 'Touches no database.',
      tags: ['Service'],
      responses: {
        200: reply('It runs.', json(status('ok'), { status: 'ok' })),
      },
    },
  },
  '/health/ready': {
    get: {
      operationId: 'ready',
      summary: 'Ask whether the database answers',
      tags: ['Service'],
      responses: {
        200: reply('It answers.', json(status('ready'), { status: 'ready' })),
        ...or(500, 503),
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openapi',
      summary: 'This document',
      tags: ['Service'],
      responses: {
        200: reply('An OpenAPI 3.1 document.', {
          'application/json': { schema: { type: 'object' } },
        }),
      },
    },
  },
  '/docs': {
    get: {
      operationId: 'docs',
      summary: 'A page to read this document and try it',
      tags: ['Service'],
      responses: {
        200: reply('The page.', { 'text/html': { schema: { type: 'string' } } }),
      },
    },
  },
  '/': {
    get: {
      operationId: 'root',
      summary: 'Go to the page',
      tags: ['Service'],
      responses: {
        302: reply('To `/docs`.', undefined, 'Location'),
        ...or(503),
      },
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
      'Every error is `application/problem+json` (RFC 9457), and every reply has an `X-Request-Id`. A method that a path does not have is 405, with `Allow`. Unknown fields and query parameters are refused. Times are RFC 3339 in UTC.',
    ].join('\n\n'),
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  // None but where an operation says so.
  security: [],
  tags: [
    { name: 'Auth', description: 'Accounts and access tokens' },
    { name: 'Tasks', description: 'Your tasks, and nobody else’s' },
    { name: 'Service', description: 'Health and documentation' },
  ],
  paths: { ...authPaths, ...taskPaths, ...servicePaths },
  components,
}
