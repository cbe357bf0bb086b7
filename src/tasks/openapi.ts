import type * as z from 'zod/mini'
import { keyUsed } from '../http/idempotency.ts'
import {
  body,
  type Examples,
  id,
  idempotencyKey,
  ifMatch,
  ifNoneMatch,
  json,
  notModified,
  or,
  type Path,
  problemReply,
  queryParameters,
  ref,
  reply,
  security,
} from '../http/openapi.ts'
import { malformedTags } from '../http/preconditions.ts'
import { details, titles } from '../http/problem.ts'
import { bodyTooLarge } from '../http/validation.ts'
import { Batch, batchKiB, Outcome } from './batch.ts'
import { Changes, ChangesQuery, staleToken } from './changes.ts'
import { TaskFilters, TaskQuery } from './query.ts'
import { collectionPreconditionFailed, noSuchTask, preconditionFailed } from './reply.ts'
import { inTrash } from './routes.ts'
import { trashDays } from './row.ts'
import { Completion, NewTask, Task, TaskPatch, TaskProblem } from './task.ts'

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

export const task: Task = {
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

const showTask = (description: string, shown = task) =>
  reply(description, json(ref(Task), shown), 'ETag')

const created = reply('The new task.', json(ref(Task), task), 'Location', 'ETag')

const notFound = problemReply(404, {
  when: 'There is no such task, or it is not yours. The reply does not tell which.',
  detail: noSuchTask,
})

const malformedHeader = problemReply(400, {
  when: 'The body is not JSON or not UTF-8, or a precondition or the key is malformed.',
  detail: malformedTags('If-Match'),
})

const failed: TaskProblem = {
  type: 'about:blank',
  title: titles[412],
  status: 412,
  detail: preconditionFailed,
  request_id: '5f2b1c0e-8a44-4d0b-9a3d-6f2f0c4b7d11',
  task: completed,
}
const failedPrecondition = reply('A precondition failed. `task` is the task as it is now.', {
  'application/problem+json': { schema: ref(TaskProblem), example: failed },
})
const failedCollectionPrecondition = problemReply(412, {
  when: 'A precondition failed: the collection always exists, and has no strong entity tag.',
  detail: collectionPreconditionFailed,
})

const otherRequest = problemReply(422, {
  when: 'The Idempotency-Key was used for another request.',
  detail: details.invalid,
  errors: [{ pointer: '', detail: keyUsed }],
})

const newTasks: Examples = {
  title: {
    summary: 'A title, with defaults for the rest',
    value: { title: 'Buy milk' } satisfies z.input<typeof NewTask>,
  },
  full: { summary: 'Every field', value: full },
}

const keyNote = 'With an `Idempotency-Key` it is safe to send the request again.'
const matchNote = 'With `If-Match`, the task changes only if it is still the one that you read.'

export const taskPaths: Record<string, Path> = {
  '/tasks': {
    get: {
      operationId: 'listTasks',
      summary: 'List your tasks, a page at a time',
      description:
        'A task must match all filters. The `Link` header has the address of the next page. Following it never skips a task nor repeats one. The `ETag` is the same for every list: it tells whether any of your tasks has changed. The trash has none.',
      tags: ['Tasks'],
      security,
      parameters: [...queryParameters(TaskQuery), ifNoneMatch],
      responses: {
        200: reply(
          'A page of tasks.',
          json({ type: 'array', maxItems: 100, items: ref(Task) }, [task]),
          'Link',
          'ETag?'
        ),
        304: notModified,
        400: malformedHeader,
        ...or(401, 422, 429, 500, 503),
      },
    },
    post: {
      operationId: 'createTask',
      summary: 'Create a task',
      description: keyNote,
      tags: ['Tasks'],
      security,
      parameters: [idempotencyKey, ifMatch, ifNoneMatch],
      requestBody: body(NewTask, newTasks),
      responses: {
        201: created,
        400: malformedHeader,
        412: failedCollectionPrecondition,
        ...or(401, 413, 415, 422, 429, 500, 503),
      },
    },
    delete: {
      operationId: 'deleteTasks',
      summary: 'Delete every task that the filters match',
      description: 'Without a filter, **all** of your tasks go into the trash.',
      tags: ['Tasks'],
      security,
      parameters: [...queryParameters(TaskFilters), ifMatch, ifNoneMatch],
      responses: {
        204: reply('The tasks are in the trash.'),
        400: malformedHeader,
        412: failedCollectionPrecondition,
        ...or(401, 422, 429, 500, 503),
      },
    },
  },
  '/tasks/changes': {
    get: {
      operationId: 'listChanges',
      summary: 'Get what has changed since a token',
      description:
        'For a client that keeps a copy of all tasks. Ask again with `next` as `since`, at once while `more` is true. The last state of every task arrives, and no version arrives twice, however many others write meanwhile.',
      tags: ['Tasks'],
      security,
      parameters: queryParameters(ChangesQuery),
      responses: {
        200: reply(
          'Changed tasks, and the ids of deleted ones.',
          json(ref(Changes), { tasks: [task], deleted: [], next: 'WyIiLCIwYzZhMWYx', more: false })
        ),
        410: problemReply(410, {
          when: 'The token is too old, of another user, or from before a restored backup.',
          detail: staleToken,
        }),
        ...or(401, 422, 429, 500, 503),
      },
    },
  },
  '/tasks/batch': {
    post: {
      operationId: 'runBatch',
      summary: 'Write up to 100 tasks at once',
      description: `Each operation is decided on its own and has an outcome with a status of its own: 201, 200, 204, 404, 409, 412 or 422. All accepted operations are written together. The rate limit counts a batch as one request for every 10 operations. ${keyNote}`,
      tags: ['Tasks'],
      security,
      parameters: [idempotencyKey, ifMatch, ifNoneMatch],
      requestBody: body(Batch, {
        outbox: {
          summary: 'A new task and a changed one',
          value: [
            {
              op: 'create',
              id: '0198c2f4-7d3a-7c41-9f0e-2b6d5a8e1f33',
              task: { title: 'Buy milk' },
            },
            {
              op: 'update',
              id: task.id,
              task: { completed: true },
              if_match: task.updated_at,
            },
          ] satisfies z.input<typeof Batch>,
        },
      }),
      responses: {
        200: reply(
          'The outcomes, in the order of the operations.',
          json({ type: 'array', maxItems: 100, items: ref(Outcome) }, [
            {
              id: '0198c2f4-7d3a-7c41-9f0e-2b6d5a8e1f33',
              status: 201,
              updated_at: completed.updated_at,
              task: null,
            },
            { id: task.id, status: 200, updated_at: completed.updated_at, task: null },
          ] satisfies Outcome[])
        ),
        400: malformedHeader,
        412: failedCollectionPrecondition,
        413: problemReply(413, { when: 'The body is too large.', detail: bodyTooLarge(batchKiB) }),
        ...or(401, 415, 422, 429, 500, 503),
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
      parameters: [ifNoneMatch],
      responses: {
        200: showTask('The task.'),
        304: notModified,
        400: malformedHeader,
        404: notFound,
        ...or(401, 429, 500, 503),
      },
    },
    put: {
      operationId: 'replaceTask',
      summary: 'Replace a task, or create one under an id of your own',
      description: `A field that is left out takes its default. A task can be put back as it was read. With \`If-None-Match: *\` the request creates a task under the id in the path, which can be any UUID. ${matchNote}`,
      tags: ['Tasks'],
      security,
      parameters: [ifMatch, ifNoneMatch],
      requestBody: body(NewTask, newTasks),
      responses: {
        200: showTask('The task as it is now.'),
        201: created,
        400: malformedHeader,
        404: notFound,
        409: problemReply(409, { when: 'The id is in the trash.', detail: inTrash }),
        412: failedPrecondition,
        ...or(401, 413, 415, 422, 429, 500, 503),
      },
    },
    patch: {
      operationId: 'updateTask',
      summary: 'Change some fields of a task',
      description: `A field that is left out stays as it is. \`null\` clears a field that may be null. ${matchNote} ${keyNote}`,
      tags: ['Tasks'],
      security,
      parameters: [idempotencyKey, ifMatch, ifNoneMatch],
      requestBody: body(TaskPatch, {
        postpone: {
          summary: 'Move it to another day',
          value: { due_date: '2026-01-15', due_time: '18:00' } satisfies z.input<typeof TaskPatch>,
        },
        undated: {
          summary: 'Clear the day, and with it the time',
          value: { due_date: null } satisfies z.input<typeof TaskPatch>,
        },
      }),
      responses: {
        200: showTask('The task as it is now.'),
        400: malformedHeader,
        404: notFound,
        412: failedPrecondition,
        ...or(401, 413, 415, 422, 429, 500, 503),
      },
    },
    delete: {
      operationId: 'deleteTask',
      summary: 'Delete a task',
      description: `The task goes into the trash, and can be restored for ${trashDays} days. ${matchNote}`,
      tags: ['Tasks'],
      security,
      parameters: [ifMatch, ifNoneMatch],
      responses: {
        204: reply('The task is in the trash.'),
        400: malformedHeader,
        404: notFound,
        412: failedPrecondition,
        ...or(401, 429, 500, 503),
      },
    },
  },
  '/tasks/{id}/complete': {
    parameters: [id],
    patch: {
      operationId: 'completeTask',
      summary: 'Complete or reopen a task',
      description: `Without a body, an open task is completed and a completed one reopened. ${matchNote} ${keyNote}`,
      tags: ['Tasks'],
      security,
      parameters: [idempotencyKey, ifMatch, ifNoneMatch],
      requestBody: body(
        Completion,
        {
          done: {
            summary: 'Complete it',
            value: { completed: true } satisfies z.input<typeof Completion>,
          },
          undone: {
            summary: 'Reopen it',
            value: { completed: false } satisfies z.input<typeof Completion>,
          },
        },
        false
      ),
      responses: {
        200: showTask('The task as it is now.', completed),
        400: malformedHeader,
        404: notFound,
        412: failedPrecondition,
        ...or(401, 413, 415, 422, 429, 500, 503),
      },
    },
  },
  '/tasks/{id}/restore': {
    parameters: [id],
    post: {
      operationId: 'restoreTask',
      summary: 'Take a task out of the trash',
      description: `A task that is not in the trash is shown as it is. ${keyNote}`,
      tags: ['Tasks'],
      security,
      parameters: [idempotencyKey, ifMatch, ifNoneMatch],
      responses: {
        200: showTask('The task as it is now.'),
        400: malformedHeader,
        404: notFound,
        412: failedPrecondition,
        422: otherRequest,
        ...or(401, 429, 500, 503),
      },
    },
  },
}
