import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../database/neon.ts'
import { rfc3339, tasks } from '../database/schema.ts'
import { fields } from './task.ts'
import type { Writer } from './write.ts'

const { placeholder } = sql

/** The columns that a reply shows, in the formats of the API. */
export const taskColumns = {
  id: tasks.id,
  title: tasks.title,
  description: tasks.description,
  completed: tasks.completed,
  completed_at: rfc3339<string | null>(tasks.completed_at).as('completed_at'),
  priority: tasks.priority,
  tags: tasks.tags,
  due_date: tasks.due_date,
  due_time: sql<string | null>`to_char(${tasks.due_time}, 'HH24:MI')`.as('due_time'),
  order: tasks.order,
  created_at: rfc3339(tasks.created_at).as('created_at'),
  updated_at: rfc3339(tasks.updated_at).as('updated_at'),
}

/** How long a deleted task can be restored, in days. */
export const trashDays = 30

export const isAlive = isNull(tasks.deleted_at)
export const isRestorable = sql`${tasks.deleted_at} > now() - interval '${sql.raw(String(trashDays))} days'`

/** The task of the user with the id in the path, in the trash or not. */
export const ownTask = (me: SQL) => and(eq(tasks.user_id, me), eq(tasks.id, placeholder('id')))

/**
 * The preconditions of the request, on the row that is written. One that was not sent is null, and
 * holds. Postgres decides them under the row's lock, so of several writers with one tag exactly one
 * wins.
 */
export const preconditionsHold = (updatedAt: SQL) =>
  and(
    sql`coalesce(${updatedAt} = any(${placeholder('match')}::timestamptz[]), true)`,
    sql`coalesce(${updatedAt} <> all(${placeholder('none')}::timestamptz[]), true)`
  )

/** The CTE that holds the body of the request, so that it is sent and parsed once. */
export const bodyOf = (db: Database) =>
  db.$with('body', {}).as(sql`select ${placeholder('body')}::jsonb as json`)

/** Values for the columns that a client may write: from `json` where it has them, else from the row `base`. */
export const written = (base: SQL, json: SQL, now: SQL) => {
  const column = (name: string) =>
    sql`(jsonb_populate_record(${base}, ${json})).${sql.identifier(name)}`
  return {
    ...(Object.fromEntries(Object.keys(fields).map((name) => [name, column(name)])) as Record<
      keyof typeof fields,
      SQL
    >),
    completed_at: sql`case when ${column('completed')} then coalesce(${column('completed_at')}, ${now}) end`,
  }
}

/** Selects a new task, made from `json`, once for each row of `from` beside the writer. */
export const newTasks = ({ db, writer }: Writer, id: SQL, json: SQL, from = sql`${writer}`) => {
  const { completed_at, ...values } = written(sql`null::${tasks}`, json, sql`changed_at`)
  const as = (name: keyof typeof values) => sql<never>`${values[name]}`.as(name)
  const at = sql<string>`changed_at`
  return db
    .select({
      id: sql<string>`${id}`.as('id'),
      user_id: sql<string>`${writer}.id`.as('user_id'),
      title: as('title'),
      description: as('description'),
      completed: as('completed'),
      completed_at: sql<never>`${completed_at}`.as('completed_at'),
      priority: as('priority'),
      tags: as('tags'),
      due_date: as('due_date'),
      due_time: as('due_time'),
      order: as('order'),
      created_at: at.as('created_at'),
      updated_at: at.as('updated_at'),
      deleted_at: sql<null>`null::timestamptz`.as('deleted_at'),
    })
    .from(from)
}
