import { and, asc, desc, eq, isNull, not, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod/mini'
import { forUser } from '../access/for-user.ts'
import type { UserEnv } from '../access/guard.ts'
import { rfc3339, sortKeys, tasks } from '../database/schema.ts'
import type { With } from '../env.ts'
import { instant } from '../http/format.ts'
import { type PreconditionsEnv, preconditions } from '../http/preconditions.ts'
import { keyOf, type Sort, sorts, TaskFilters } from './query.ts'
import { isAlive, isRestorable, taskColumns } from './row.ts'
import type { StoredTask } from './task.ts'
import { forWriter } from './write.ts'

const { placeholder } = sql

/** Skips the condition when the filter is not given. Postgres then leaves it out of the plan. */
const ifGiven = (name: string, type: string, condition: (value: SQL) => SQL | undefined) => {
  const value = sql`${placeholder(name)}::${sql.raw(type)}`
  return or(isNull(value), condition(value))
}

const contains = (column: SQLWrapper, value: SQL) =>
  sql`strpos(lower(${column}), lower(${value})) > 0`

const lowerCase = (tags: SQL | typeof tasks.tags) =>
  sql`(select array_agg(lower(tag)) from unnest(${tags}) tag)`

const matchesFilters = (me: SQL) =>
  and(
    eq(tasks.user_id, me),
    ifGiven('completed', 'boolean', (value) => sql`${tasks.completed} = ${value}`),
    ifGiven('priority', 'priority[]', (values) => sql`${tasks.priority} = any(${values})`),
    ifGiven('tag', 'text[]', (values) => sql`${lowerCase(tasks.tags)} @> ${lowerCase(values)}`),
    ifGiven('due_from', 'date', (value) => sql`${tasks.due_date} >= ${value}`),
    ifGiven('due_to', 'date', (value) => sql`${tasks.due_date} <= ${value}`),
    ifGiven('search', 'text', (value) =>
      or(contains(tasks.title, value), contains(tasks.description, value))
    )
  )

/** Every filter, as not given. */
export const unfiltered = Object.fromEntries(
  Object.keys(TaskFilters.shape).map((name) => [name, null])
)

/**
 * One page of a list, and the user's clock, which the list's entity tag is made of. When the client
 * has that clock already, `tasks` is null and Postgres does not run the query of the page.
 */
const listTasks = (sort: Sort, isListed: SQL) =>
  forUser(({ db, me, clock }) => {
    const [direction, isAfter] = sort.startsWith('-') ? [desc, sql`<`] : [asc, sql`>`]
    const column = tasks[keyOf(sort)]
    const key = sortKeys[keyOf(sort)]
    const after = sql`(${key(placeholder('after'))}, ${placeholder('after_id')}::uuid)`
    const isKnown = sql`coalesce(
      ${clock} = any(${placeholder('known')}::timestamptz[]), ${placeholder('any_known')}::boolean)`
    const page = db.$with('page').as(
      db
        .select(taskColumns)
        .from(tasks)
        .where(
          and(
            not(isKnown),
            matchesFilters(me),
            isListed,
            or(
              isNull(sql`${placeholder('after_id')}::uuid`),
              sql`(${key(column)}, ${tasks.id}) ${isAfter} ${after}`
            )
          )
        )
        .orderBy(direction(key(column)), direction(tasks.id))
        .limit(placeholder('limit'))
    )
    return {
      first: [page],
      rows: db
        .select({
          changed_at: rfc3339(clock).as('changed_at'),
          tasks: sql<StoredTask[] | null>`case when not ${isKnown} then
            (select coalesce(json_agg(${page}), '[]') from ${page}) end`.as('tasks'),
        })
        .from(sql`(values (1)) one`),
    }
  })

const listsOf = (names: Sort[], isListed: SQL) =>
  Object.fromEntries(names.map((sort) => [sort, listTasks(sort, isListed)])) as Record<
    Sort,
    ReturnType<typeof listTasks>
  >

export const lists = listsOf(sorts, isAlive)
export const trashLists = listsOf(['updated_at', '-updated_at'], isRestorable)

/** Goes up with a release that changes what a task looks like, so that no client keeps an old one. */
const taskVersion = 1

/**
 * The weak entity tag of every list of the user (RFC 9110, section 8.8.1). The user is part of it, so
 * that a device that switches accounts never takes another user's list for its own.
 */
export const listTag = (c: With<UserEnv>, changedAt: string) =>
  `W/"${taskVersion}-${changedAt}-${c.var.claims.sub.slice(0, 8)}"`

/** The clocks that the client has a list of, by the tags of its `If-None-Match`. */
export const knownClocks = (c: With<UserEnv & PreconditionsEnv>) => {
  const { ifNoneMatch } = c.var.preconditions
  if (!Array.isArray(ifNoneMatch)) return { known: null, any_known: ifNoneMatch === '*' }
  const known = ifNoneMatch.flatMap((tag) => {
    const clock = tag.slice(String(taskVersion).length + 1, -9)
    const isOurs = listTag(c, clock) === `W/"${tag}"` && z.safeParse(instant, clock).success
    return isOurs ? [clock] : []
  })
  return { known, any_known: false }
}

/** The preconditions of a list. The trash ignores them, malformed ones too. */
export const listPreconditions = createMiddleware<PreconditionsEnv>((c, next) => {
  if (c.req.query('deleted') !== 'true') return preconditions(c, next)
  c.set('preconditions', {})
  return next()
})

export const deleteTasks = forWriter(({ db, me, now }) => {
  const deleted = db.$with('deleted').as(
    db
      .update(tasks)
      .set({ deleted_at: now, updated_at: now })
      .where(and(matchesFilters(me), isAlive))
      .returning({ id: tasks.id })
  )
  return {
    first: [deleted],
    rows: db.select({ count: sql<number>`count(*)::int`.as('count') }).from(deleted),
  }
})
