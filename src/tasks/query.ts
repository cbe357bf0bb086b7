import { decodeBase64Url } from 'hono/utils/encode'
import * as z from 'zod/mini'
import { type SortKey, sortKeys } from '../database/schema.ts'
import { base64Url } from '../http/encoding.ts'
import { calendarDate, text, wholeNumber } from '../http/format.ts'
import { fields, type StoredTask, Task, tag } from './task.ts'

const oneOrMore = <Item extends z.ZodMiniType>(
  item: Item,
  description: string,
  { error }: { error: string }
) =>
  z.optional(
    z.union(
      [
        z.array(item).check(z.meta({ description, maxItems: 10_000 })),
        z.pipe(
          item,
          z.transform((value) => [value])
        ),
      ],
      error
    )
  )

const trueOrFalse = z.stringbool({
  truthy: ['true'],
  falsy: ['false'],
  case: 'sensitive',
  error: 'must be true or false',
})

const filters = {
  completed: z.optional(
    trueOrFalse.check(
      z.meta({ type: 'boolean', description: 'Only completed tasks, or only open ones.' })
    )
  ),
  priority: oneOrMore(fields.priority, 'Any of these. May repeat.', {
    error: 'must be low, medium or high',
  }),
  tag: oneOrMore(tag, 'All of these: whole tags, ignoring case. May repeat.', {
    error: 'must be a string of 1 to 50 characters, without U+0000',
  }),
  due_from: z.optional(calendarDate.check(z.meta({ description: 'Due on this day or later.' }))),
  due_to: z.optional(calendarDate.check(z.meta({ description: 'Due on this day or earlier.' }))),
  search: z.optional(
    text(0, 10_000).check(
      z.meta({ description: 'Part of the title or the description, ignoring case.' })
    )
  ),
}

/** The filters for deleting. An empty search matches every task, so it is refused as a mistake. */
export const TaskFilters = z.strictObject({
  ...filters,
  search: z.optional(
    text(0, 10_000).check(
      z.minLength(1, 'must not be empty'),
      z.meta({ description: 'Part of the title or the description, ignoring case. Not empty.' })
    )
  ),
})

export type Sort = SortKey | `-${SortKey}`
export const sorts = Object.keys(sortKeys).flatMap((key) => [key, `-${key}`]) as Sort[]
export const keyOf = (sort: Sort) => sort.replace('-', '') as SortKey

/** Marks the place after the task `last` in a sorted list: the sort, the task's value of it, and its id. */
export const encodeCursor = (sort: Sort, last: StoredTask) =>
  base64Url(new TextEncoder().encode(JSON.stringify([sort, last[keyOf(sort)], last.id])).buffer)

const decodeCursor = (cursor: string, sort: Sort) => {
  const position = z.tuple([z.literal(sort), Task.shape[keyOf(sort)], Task.shape.id])
  try {
    const json = JSON.parse(new TextDecoder().decode(decodeBase64Url(cursor)))
    const [, after, after_id] = z.parse(position, json)
    return { after, after_id }
  } catch {
    return undefined
  }
}

export const TaskQuery = z.pipe(
  z.strictObject({
    ...filters,
    deleted: z._default(
      trueOrFalse.check(
        z.meta({ type: 'boolean', description: 'The tasks in the trash, in place of all others.' })
      ),
      false
    ),
    sort: z.optional(
      z.enum(sorts, `must be one of ${sorts.join(', ')}`).check(
        z.meta({
          description:
            'By default `due_date`. In the trash only `updated_at` and `-updated_at`, which is the default there. A leading `-` turns the order round. Tasks without a due date, or without an `order`, come last when ascending and first when descending. Ties are broken by `id`.',
        })
      )
    ),
    limit: wholeNumber(100, 50, 'The most tasks on a page.'),
    cursor: z.optional(
      z.string('must be given once').check(
        z.meta({
          description: 'From the `Link` of the page before, with the same `sort`.',
          maxLength: 4096,
          pattern: '^[\\w-]+$',
        })
      )
    ),
  }),
  z.transform(({ cursor, sort: given, ...query }, context) => {
    const refuse = (path: string, message: string, input: string) => {
      context.issues.push({ code: 'custom', path: [path], message, input })
      return z.NEVER
    }
    const sort = given ?? (query.deleted ? '-updated_at' : 'due_date')
    if (query.deleted && keyOf(sort) !== 'updated_at')
      return refuse('sort', 'must be updated_at or -updated_at in the trash', sort)
    if (cursor === undefined) return { ...query, sort, after: null, after_id: null }
    const position = decodeCursor(cursor, sort)
    return position
      ? { ...query, sort, ...position }
      : refuse('cursor', 'must come from the Link of a page with the same sort', cursor)
  })
)
