import { decodeBase64Url } from 'hono/utils/encode'
import * as z from 'zod/mini'
import { type SortKey, sortKeys } from '../database/schema.ts'
import { base64Url } from '../http/base64url.ts'
import { calendarDate, text } from '../http/format.ts'
import { fields, type StoredTask, Task, tag } from './task.ts'

const oneOrMore = <Item extends z.ZodMiniType>(item: Item, error: string) =>
  z.optional(
    z.union(
      [
        z.array(item),
        z.pipe(
          item,
          z.transform((value) => [value])
        ),
      ],
      error
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
      .check(z.meta({ type: 'boolean' }))
  ),
  priority: oneOrMore(fields.priority, 'must be low, medium or high'),
  tag: oneOrMore(tag, 'must be a string of 1 to 50 characters, without U+0000'),
  due_from: z.optional(calendarDate),
  due_to: z.optional(calendarDate),
  search: z.optional(text(0, 10_000)),
}

/** The filters for deleting. An empty search matches every task, so it is refused as a mistake. */
export const TaskFilters = z.strictObject({
  ...filters,
  search: z.optional(text(0, 10_000).check(z.minLength(1, 'must not be empty'))),
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
    sort: z._default(z.enum(sorts, `must be one of ${sorts.join(', ')}`), 'due_date'),
    limit: z._default(
      z.pipe(
        z
          .string('must be given once')
          .check(
            z.regex(/^([1-9]\d?|100)$/, 'must be a whole number from 1 to 100'),
            z.meta({ type: 'integer', minimum: 1, maximum: 100 })
          ),
        z.transform(Number)
      ),
      50
    ),
    cursor: z.optional(z.string('must be given once')),
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
