import type { Context, Input } from 'hono'
import { createMiddleware } from 'hono/factory'
import * as z from 'zod/mini'
import type { With } from '../env.ts'
import { instant } from '../http/format.ts'
import type { PreconditionsEnv } from '../http/preconditions.ts'
import { problem } from '../http/problem.ts'
import type { StoredTask, Task, TaskProblem } from './task.ts'

export const noSuchTask = 'There is no such task.'
export const preconditionFailed =
  'The task has changed since you read it, or it exists already. See `task` for its present state.'
export const collectionPreconditionFailed =
  'The collection of tasks always exists, and no entity tag of an If-Match is its own.'

/** Adds the URL to a task, on the origin that the request asked. */
export const withUrl = (c: Context) => {
  const { origin } = new URL(c.req.url)
  return (task: StoredTask): Task => ({ ...task, url: `${origin}/tasks/${task.id}` })
}

/** A task's entity tag, without quotes. */
const tagOf = ({ updated_at }: StoredTask) => updated_at

/** Headers of a reply with a task's entity tag. `no-transform` keeps Cloudflare from making it weak. */
const tagHeaders = (tag: string) => ({
  ETag: tag,
  'Cache-Control': 'no-store, no-transform',
})

/** The reply that shows one task. */
export const taskReply = (c: Context, task: StoredTask) =>
  c.json(withUrl(c)(task), 200, tagHeaders(`"${tagOf(task)}"`))

/** The reply to the creation of a task. */
export const createdReply = (c: Context, task: StoredTask) =>
  c.json(withUrl(c)(task), 201, {
    ...tagHeaders(`"${tagOf(task)}"`),
    Location: `/tasks/${task.id}`,
  })

/** The 304 to a reader who has the task already. */
export const notModified = (c: Context, task: StoredTask) =>
  c.body(null, 304, tagHeaders(`"${tagOf(task)}"`))

export const missing = (c: Context) => problem(c, 404, noSuchTask)

/** The 412 with the task as it is, so that the client can merge without another request. */
export const preconditionProblem = (c: Context, task: StoredTask) =>
  problem<412, TaskProblem>(c, 412, preconditionFailed, { task: withUrl(c)(task) })

const collectionProblem = (c: Context) => problem(c, 412, collectionPreconditionFailed)

/**
 * Refuses preconditions that cannot hold for a write to the collection, before the database is
 * asked: it always exists, and only its reply to GET has an entity tag, a weak one.
 */
export const collectionPreconditions = createMiddleware<
  PreconditionsEnv,
  string,
  Input,
  ReturnType<typeof collectionProblem>
>(async (c, next) => {
  const { ifMatch, ifNoneMatch } = c.var.preconditions
  if (Array.isArray(ifMatch) || ifNoneMatch === '*') return collectionProblem(c)
  await next()
})

const times = (tags: string[]) => tags.filter((tag) => z.safeParse(instant, tag).success)

/**
 * The request's preconditions as values for preconditionsHold. `If-Match: *` holds for every task that
 * exists, and `If-None-Match: *` for none.
 */
export const preconditionValues = (c: With<PreconditionsEnv>) => {
  const { ifMatch = '*', ifNoneMatch } = c.var.preconditions
  if (ifNoneMatch === '*') return { match: [], none: null }
  return {
    match: ifMatch === '*' ? null : times(ifMatch),
    none: ifNoneMatch ? times(ifNoneMatch) : null,
  }
}

/** Whether the preconditions of a write let it change this task. */
export const holdsFor = (c: With<PreconditionsEnv>, task: StoredTask) => {
  const { match, none } = preconditionValues(c)
  return (match?.includes(tagOf(task)) ?? true) && !none?.includes(tagOf(task))
}

/** Whether a reader has this task already (RFC 9110, section 13.1.2). */
export const isUnchanged = (c: With<PreconditionsEnv>, task: StoredTask) => {
  const { ifNoneMatch } = c.var.preconditions
  return ifNoneMatch === '*' || (ifNoneMatch?.includes(tagOf(task)) ?? false)
}
