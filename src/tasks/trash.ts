import { and, eq, sql } from 'drizzle-orm'
import { forUser } from '../access/for-user.ts'
import { tasks } from '../database/schema.ts'
import { isRestorable, ownTask, preconditionsHold, taskColumns } from './row.ts'
import { forWriter } from './write.ts'

/** Reads what a refusal depends on: the task, in the trash or not. */
export const readState = forUser(({ db, me }) =>
  db
    .select({
      ...taskColumns,
      is_deleted: sql<boolean>`${tasks.deleted_at} is not null`.as('is_deleted'),
      is_restorable: sql<boolean>`coalesce(${isRestorable}, false)`.as('is_restorable'),
    })
    .from(tasks)
    .where(ownTask(me))
)

/**
 * Takes a task out of the trash, and gives one that is not in it as it is.
 *
 * The row is locked before it is looked at. Without the lock the statement would see the row as it
 * was before it waited for the user's clock, and would take a task for alive that another statement
 * has just deleted.
 */
export const restoreTask = forWriter(({ db, me, now }) => {
  const target = db.$with('target').as(
    db
      .select({
        ...taskColumns,
        stamp: sql<string>`${tasks.updated_at}`.as('stamp'),
        is_alive: sql<boolean>`${tasks.deleted_at} is null`.as('is_alive'),
        is_restorable: sql<boolean>`coalesce(${isRestorable}, false)`.as('is_restorable'),
      })
      .from(tasks)
      .where(ownTask(me))
      .for('no key update')
  )
  const restored = db.$with('restored').as(
    db
      .update(tasks)
      .set({ deleted_at: null, updated_at: now })
      .from(target)
      .where(
        and(
          eq(tasks.user_id, me),
          eq(tasks.id, target.id),
          target.is_restorable,
          preconditionsHold(sql`${target.stamp}`)
        )
      )
      .returning(taskColumns)
  )
  const { stamp: _, is_alive, is_restorable: __, ...shown } = target._.selectedFields
  return {
    first: [target, restored],
    rows: db
      .select()
      .from(restored)
      .unionAll(db.select(shown).from(target).where(sql`${is_alive}`)),
    isStored: sql`exists (select 1 from ${restored})`,
  }
})
