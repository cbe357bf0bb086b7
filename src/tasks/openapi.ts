import type * as z from 'zod/mini'
import {
  body,
  type Examples,
  id,
  json,
  or,
  type Path,
  problemReply,
  queryParameters,
  ref,
  reply,
  security,
} from '../http/openapi.ts'
import { TaskFilters, TaskQuery } from './query.ts'
import { noSuchTask } from './reply.ts'
import { Completion, NewTask, Task, TaskPatch } from './task.ts'

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

const notFound = problemReply(404, {
  when: 'There is no such task, or it is not yours. The reply does not tell which.',
  detail: noSuchTask,
})

const newTasks: Examples = {
  title: {
    summary: 'A title, with defaults for the rest',
    value: { title: 'Buy milk' } satisfies z.input<typeof NewTask>,
  },
  full: { summary: 'Every field', value: full },
}

export const taskPaths: Record<string, Path> = {
  '/tasks': {
    get: {
      operationId: 'listTasks',
      summary: 'List your tasks, a page at a time',
      description:
        'A task must match all filters. The `Link` header has the address of the next page. Following it never skips a task nor repeats one.',
      tags: ['Tasks'],
      security,
      parameters: queryParameters(TaskQuery),
      responses: {
        200: reply(
          'A page of tasks.',
          json({ type: 'array', maxItems: 100, items: ref(Task) }, [task]),
          'Link'
        ),
        ...or(401, 422, 429, 500, 503),
      },
    },
    post: {
      operationId: 'createTask',
      summary: 'Create a task',
      tags: ['Tasks'],
      security,
      requestBody: body(NewTask, newTasks),
      responses: {
        201: reply('The new task.', json(ref(Task), task), 'Location'),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
        404: notFound,
      },
    },
    delete: {
      operationId: 'deleteTasks',
      summary: 'Delete every task that the filters match',
      description: 'Without a filter, **all** of your tasks are deleted.',
      tags: ['Tasks'],
      security,
      parameters: queryParameters(TaskFilters),
      responses: {
        204: reply('The tasks are deleted.'),
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
        200: reply('The task.', json(ref(Task), task)),
        ...or(401, 429, 500, 503),
        404: notFound,
      },
    },
    put: {
      operationId: 'replaceTask',
      summary: 'Replace a task',
      description:
        'A field that is left out takes its default. A task can be put back as it was read.',
      tags: ['Tasks'],
      security,
      requestBody: body(NewTask, newTasks),
      responses: {
        200: reply('The task as it is now.', json(ref(Task), task)),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
        404: notFound,
      },
    },
    patch: {
      operationId: 'updateTask',
      summary: 'Change some fields of a task',
      description:
        'A field that is left out stays as it is. `null` clears a field that may be null.',
      tags: ['Tasks'],
      security,
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
        200: reply('The task as it is now.', json(ref(Task), task)),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
        404: notFound,
      },
    },
    delete: {
      operationId: 'deleteTask',
      summary: 'Delete a task',
      tags: ['Tasks'],
      security,
      responses: {
        204: reply('The task is deleted.'),
        ...or(401, 429, 500, 503),
        404: notFound,
      },
    },
  },
  '/tasks/{id}/complete': {
    parameters: [id],
    patch: {
      operationId: 'completeTask',
      summary: 'Complete or reopen a task',
      description: 'Without a body, an open task is completed and a completed one reopened.',
      tags: ['Tasks'],
      security,
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
        200: reply('The task as it is now.', json(ref(Task), completed)),
        ...or(400, 401, 413, 415, 422, 429, 500, 503),
        404: notFound,
      },
    },
  },
}
