type Placed = { id: string; order: number | null; created_at: string }

/** By hand: those without a place come last, the older first. */
export const byOrder = (a: Placed, b: Placed): number => {
  if (a.order !== b.order) {
    if (a.order === null) return 1
    if (b.order === null) return -1
    return a.order - b.order
  }
  return a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : a.id < b.id ? -1 : 1
}

/** The space between two tasks that are put in order. A power of two keeps the halves exact. */
const gap = 1024

/** The place below all others. */
export const last = (tasks: Iterable<Placed>): number => {
  let most = 0
  for (const { order } of tasks) if (order !== null && order > most) most = order
  // Beyond this, adding the gap would no longer change the number.
  return most < Number.MAX_SAFE_INTEGER - gap ? most + gap : most
}

/** The place above all others. */
export const first = (tasks: Iterable<Placed>): number => {
  let least = 0
  for (const { order } of tasks) if (order !== null && order < least) least = order
  return least > Number.MIN_SAFE_INTEGER + gap ? least - gap : least
}

/**
 * The new places that put the task at `from` to `to` in a sorted list: of it alone, where there is a
 * number between its new neighbours, else of the whole list.
 */
export const move = (list: Placed[], from: number, to: number): Map<string, number> => {
  const moved = list[from]
  if (!moved || from === to) return new Map()
  const next = list.toSpliced(from, 1).toSpliced(to, 0, moved)
  const above = next[to - 1]
  const below = next[to + 1]
  const placed = (order: number) => new Map([[moved.id, order]])
  const start = above ? above.order : below?.order != null ? below.order - 2 * gap : 0
  const end = below ? below.order : start !== null ? start + 2 * gap : null
  if (start !== null && end !== null) {
    const middle = start + (end - start) / 2
    if (middle > start && middle < end && Math.abs(middle) < Number.MAX_SAFE_INTEGER)
      return placed(middle)
  }
  return new Map(
    next.flatMap(({ id, order }, index) => {
      const place = (index + 1) * gap
      return order === place ? [] : [[id, place]]
    })
  )
}
