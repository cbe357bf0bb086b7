import { decodeBase64Url } from 'hono/utils/encode'
import * as z from 'zod/mini'
import { type SortKey, sortKeys } from '../database/schema.ts'
import { base64Url } from '../http/base64url.ts'
import { calendarDate, text } from '../http/format.ts'
import { fields, type StoredTask, Task, tag } from './task.ts'

/** The most times that a parameter may repeat. */
const mostRepeats = 100

const oneOrMore = <Item extends z.ZodMiniType>(
  item: Item,
  description: string,
  { error }: { error: string }
) =>
  z.optional(
    z.union(
      [
        z.array(item).check(z.maxLength(mostRepeats), z.meta({ description })),
        z.pipe(
          item,
          z.transform((value) => [value])
        ),
      ],
      `${error}, at most ${mostRepeats} times`
    )
  )

const filters = {
  completed: z.optional(
    z
      .stringbool({
        truthy: ['true'],
        falsy: ['false'],
        case: 'sensitive',
        error: 'must be true or false',
      })
      .check(z.meta({ type: 'boolean', description: 'Only completed tasks, or only open ones.' }))
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
    sort: z._default(
      z.enum(sorts, `must be one of ${sorts.join(', ')}`).check(
        z.meta({
          description:
            'A leading `-` turns the order round. Tasks without a due date, or without an `order`, come last when ascending and first when descending. Ties are broken by `id`.',
        })
      ),
      'due_date'
    ),
    limit: z._default(
      z.pipe(
        z.string('must be given once').check(
          z.regex(/^([1-9]\d?|100)$/, 'must be a whole number from 1 to 100'),
          z.meta({
            type: 'integer',
            format: 'int32',
            minimum: 1,
            maximum: 100,
            description: 'The most tasks on a page.',
          })
        ),
        z.transform(Number)
      ),
      50
    ),
    cursor: z.optional(
      z.string('must be given once').check(
        z.meta({
          description: 'From the `Link` of the page before, with the same `sort`.',
          maxLength: 4096,
        })
      )
    ),
  }),
  z.transform(({ cursor, ...query }, context) => {
    if (cursor === undefined) return { ...query, after: null, after_id: null }
    const position = decodeCursor(cursor, query.sort)
    if (position) return { ...query, ...position }
    context.issues.push({
      code: 'custom',
      path: ['cursor'],
      message: 'must come from the Link of a page with the same sort',
      input: cursor,
    })
    return z.NEVER
  })
)
