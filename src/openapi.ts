import type * as z from 'zod/mini'
import type { Credentials, Token, User } from './auth.ts'
import {
  body,
  components,
  type Examples,
  json,
  or,
  queryParameters,
  ref,
  refusal,
  reply,
  status,
} from './openapi-components.ts'
import type { Completion, NewTask, Task, TaskPatch } from './task.ts'
import { TaskFilters, TaskQuery } from './task-query.ts'

const user: User = {
  id: '0c6a1f1e-6f0c-4b7e-9a52-2f8d3f1f5a10',
  email: 'ada@example.com',
  created_at: '2026-01-12T09:30:00.000Z',
}

const token: z.infer<typeof Token> = {
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

const full = {
  title: 'Buy milk',
  description: 'Oat milk, two cartons.',
  completed: false,
  priority: 'high',
  tags: ['shopping', 'home'],
  due_date: '2026-01-15',
  due_time: '18:00',
  order: 1.5,
} satisfies z.input<typeof NewTask>

const task: Task = {
  id: '7d9f6a34-3c1b-4a52-8a57-1f0b9c2e4d68',
  url: 'https://todo.example.com/tasks/7d9f6a34-3c1b-4a52-8a57-1f0b9c2e4d68',
  ...full,
  completed_at: null,
  created_at: '2026-01-12T09:30:00.000Z',
  updated_at: '2026-01-12T09:30:00.000Z',
}
const completed: Task = {
  ...task,
  completed: true,
  completed_at: '2026-01-15T17:42:10.250Z',
  updated_at: '2026-01-15T17:42:10.250Z',
}

const newTasks: Examples = {
  title: {
    summary: 'A title, and defaults for the rest',
    value: { title: 'Buy milk' } satisfies z.input<typeof NewTask>,
  },
  full: { summary: 'Every field', value: full },
}

type Operation = {
  operationId: string
  summary: string
  description?: string
  tags: ['Auth' | 'Tasks' | 'Service']
  security?: [{ bearer: [] }]
  parameters?: object[]
  requestBody?: object
  responses: Record<number, object>
}
type Path = { parameters?: object[] } & {
  [method in 'get' | 'put' | 'post' | 'delete' | 'patch']?: Operation
}

const security: Operation['security'] = [{ bearer: [] }]
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } }

const paths: Record<string, Path> = {
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
      description: 'The token is good for 7 days.',
      tags: ['Auth'],
      requestBody: body(ref('Credentials'), credentials),
      responses: {
        200: reply('An access token.', json(ref('Token'), token)),
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
  },
  '/tasks': {
    get: {
      operationId: 'listTasks',
      summary: 'List your tasks, a page at a time',
      description:
        'Filters are ANDed. The next page is in the `Link` header; following it neither skips a task nor repeats one.',
      tags: ['Tasks'],
      security,
      parameters: queryParameters(TaskQuery),
      responses: {
        200: reply('A page of tasks.', json({ type: 'array', items: ref('Task') }, [task]), 'Link'),
        ...or(401, 422, 429, 500, 503),
      },
    },
    post: {
      operationId: 'createTask',
      summary: 'Create a task',
      tags: ['Tasks'],
      security,
      requestBody: body(ref('NewTask'), newTasks),
      responses: {
        201: reply('The new task.', json(ref('Task'), task), 'Location'),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
      },
    },
    delete: {
      operationId: 'deleteTasks',
      summary: 'Delete every task that the filters select',
      description: 'With no filter **all** of your tasks are deleted.',
      tags: ['Tasks'],
      security,
      parameters: queryParameters(TaskFilters),
      responses: {
        204: reply('They are gone.'),
        ...or(401, 422, 429, 500, 503),
      },
    },
  },
  '/tasks/{id}': {
    parameters: [id],
    get: {
      operationId: 'readTask',
      summary: 'Read a task',
      tags: ['Tasks'],
      security,
      responses: {
        200: reply('The task.', json(ref('Task'), task)),
        ...or(401, 404, 429, 500, 503),
      },
    },
    put: {
      operationId: 'replaceTask',
      summary: 'Replace a task',
      description: 'What is left out takes its default. A task can be put back as it was read.',
      tags: ['Tasks'],
      security,
      requestBody: body(ref('NewTask'), newTasks),
      responses: {
        200: reply('The task as it is now.', json(ref('Task'), task)),
        ...or(400, 401, 404, 413, 415, 422, 429, 500, 503),
      },
    },
    patch: {
      operationId: 'updateTask',
      summary: 'Change some fields of a task',
      description: 'What is left out stays, and `null` clears a field that may be null.',
      tags: ['Tasks'],
      security,
      requestBody: body(ref('TaskPatch'), {
        postpone: {
          summary: 'Another day',
          value: { due_date: '2026-01-15', due_time: '18:00' } satisfies z.input<typeof TaskPatch>,
        },
        undated: {
          summary: 'No day, which clears the time too',
          value: { due_date: null } satisfies z.input<typeof TaskPatch>,
        },
      }),
      responses: {
        200: reply('The task as it is now.', json(ref('Task'), task)),
        ...or(400, 401, 404, 413, 415, 422, 429, 500, 503),
      },
    },
    delete: {
      operationId: 'deleteTask',
      summary: 'Delete a task',
      tags: ['Tasks'],
      security,
      responses: {
        204: reply('It is gone.'),
        ...or(401, 404, 429, 500, 503),
      },
    },
  },
  '/tasks/{id}/complete': {
    parameters: [id],
    patch: {
      operationId: 'completeTask',
      summary: 'Complete a task, or reopen it',
      description: 'Without a body it toggles.',
      tags: ['Tasks'],
      security,
      requestBody: body(
        ref('Completion'),
        {
          done: {
            summary: 'Done',
            value: { completed: true } satisfies z.input<typeof Completion>,
          },
          undone: {
            summary: 'Not done',
            value: { completed: false } satisfies z.input<typeof Completion>,
          },
        },
        false
      ),
      responses: {
        200: reply('The task as it is now.', json(ref('Task'), completed)),
        ...or(400, 401, 404, 413, 415, 422, 429, 500, 503),
      },
    },
  },
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
  paths,
  components,
}
