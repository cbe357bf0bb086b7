import * as z from 'zod/mini'
import { priority } from '../database/schema.ts'
import { calendarDate, instant, text, uuid } from '../http/format.ts'
import { Problem } from '../http/problem.ts'

export const tag = text(1, 50)

/** Drops a tag that differs from an earlier one in case alone. */
const distinct = (tags: string[]) => {
  const seen = new Set<string>()
  return tags.filter((tag) => seen.size < seen.add(tag.toLowerCase()).size)
}

/** The fields that a client may write. */
export const fields = {
  title: text(1, 255).check(z.meta({ description: 'Trimmed. Not blank.' })),
  description: z.nullable(text(0, 10_000)),
  completed: z.boolean('must be true or false'),
  priority: z.enum(priority.enumValues, 'must be low, medium or high'),
  tags: z.array(tag, 'must be an array of strings').check(
    z.overwrite(distinct),
    z.maxLength(20, 'must be at most 20 tags'),
    z.meta({
      description:
        'Each is trimmed. A tag that differs from an earlier one in case alone is dropped.',
    })
  ),
  due_date: z.nullable(
    calendarDate.check(z.meta({ description: 'A calendar date, the same in every time zone.' }))
  ),
  due_time: z.nullable(
    z.iso.time({ precision: -1, error: 'must be a local time, HH:MM' }).check(
      z.meta({
        description: 'A local time, `HH:MM`. It needs a `due_date`, and is cleared with it.',
        minLength: 5,
        maxLength: 5,
      })
    )
  ),
  order: z.nullable(
    z.number('must be a finite number').check(
      z.meta({
        description:
          'The place in a hand-sorted list. To put a task between two others, take a number between theirs.',
        format: 'double',
        minimum: -Number.MAX_VALUE,
        maximum: Number.MAX_VALUE,
      })
    )
  ),
}

export const Task = z
  .strictObject({
    id: uuid,
    url: z
      .url()
      .check(
        z.maxLength(2048),
        z.meta({ description: 'Where the task is, on the origin that the request asked.' })
      ),
    ...fields,
    completed_at: z.nullable(
      instant.check(
        z.meta({ description: 'Set when `completed` becomes true, cleared when it becomes false.' })
      )
    ),
    created_at: instant,
    updated_at: instant.check(
      z.meta({ description: 'Moves with every write but an empty `PATCH`.' })
    ),
  })
  .check(z.meta({ id: 'Task' }))
export type Task = z.infer<typeof Task>

/** A problem that shows the task as it is: what a 412 answers with. */
export const TaskProblem = z
  .strictObject({ ...Problem.shape, task: z.optional(Task) })
  .check(z.meta({ id: 'TaskProblem' }))
export type TaskProblem = z.infer<typeof TaskProblem>

/** A task as the database has it. Its URL depends on the origin that the request asked. */
export type StoredTask = Omit<Task, 'url'>

/** A read-only field. A client may send it, so that a task can be put back as it was read, but its value is ignored. */
const ignored = z.optional(
  z.pipe(
    z.unknown().check(z.meta({ readOnly: true })),
    z.transform(() => undefined)
  )
)
const readOnly = {
  id: ignored,
  url: ignored,
  completed_at: ignored,
  created_at: ignored,
  updated_at: ignored,
}

export const dueTimeNeedsDueDate = 'needs a due_date'
const dueTime = {
  path: ['due_time'],
  error: dueTimeNeedsDueDate,
  // Checked beside the fields, and not only when all of them are valid.
  when: ({ value }: z.core.ParsePayload) => typeof value === 'object' && value !== null,
}

export const NewTask = z
  .strictObject(
    {
      ...fields,
      description: z._default(fields.description, null),
      completed: z._default(fields.completed, false),
      priority: z._default(fields.priority, 'medium'),
      tags: z._default(fields.tags, []),
      due_date: z._default(fields.due_date, null),
      due_time: z._default(fields.due_time, null),
      order: z._default(fields.order, null),
      ...readOnly,
    },
    'must be an object'
  )
  .check(
    z.refine(({ due_date, due_time }) => due_date || !due_time, dueTime),
    z.meta({ id: 'NewTask' })
  )

export const TaskPatch = z.pipe(
  z.strictObject({ ...z.partial(z.object(fields)).shape, ...readOnly }, 'must be an object').check(
    z.refine(({ due_date, due_time }) => due_date !== null || !due_time, dueTime),
    z.meta({ id: 'TaskPatch' })
  ),
  z.transform((patch) => (patch.due_date === null ? { ...patch, due_time: null } : patch))
)

export const Completion = z
  .strictObject({ completed: fields.completed }, 'must be an object')
  .check(z.meta({ id: 'Completion' }))
