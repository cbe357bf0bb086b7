type Placed = { id: string; order: number | null; created_at: string }

export const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const placeIn = ({ order }: Placed) => order ?? Number.POSITIVE_INFINITY

/** By hand: those without a place come last, the older first. */
export const byOrder = (a: Placed, b: Placed): number =>
  // Between two without a place, the difference is no number.
  placeIn(a) - placeIn(b) || compare(a.created_at, b.created_at) || compare(a.id, b.id)

/** The space between two tasks that are put in order. A power of two keeps the halves exact. */
const gap = 1024

/** The place beyond all others: below them for 1, above them for -1. */
const beyond = (tasks: Iterable<Placed>, side: 1 | -1): number => {
  let most = 0
  for (const { order } of tasks) most = Math.max(most, side * (order ?? 0))
  // Beyond this, adding the gap would no longer change the number.
  return side * (most < Number.MAX_SAFE_INTEGER - gap ? most + gap : most)
}

/** The place below all others. */
export const last = (tasks: Iterable<Placed>) => beyond(tasks, 1)

/** The place above all others. */
export const first = (tasks: Iterable<Placed>) => beyond(tasks, -1)

/**
 * The new places that put tasks of a sorted list where `to` of the others stand above them: of them
 * alone, where there are numbers between their new neighbours, else of the whole list.
 */
export const move = (list: Placed[], ids: ReadonlySet<string>, to: number): Map<string, number> => {
  const moved = list.filter(({ id }) => ids.has(id))
  const others = list.filter(({ id }) => !ids.has(id))
  const next = others.toSpliced(to, 0, ...moved)
  if (next.every((task, index) => task === list[index])) return new Map()
  const above = others[to - 1]
  const below = others[to]
  const room = (moved.length + 1) * gap
  const start = above ? above.order : below?.order != null ? below.order - room : 0
  const end = below ? below.order : start !== null ? start + room : null
  if (start !== null && end !== null) {
    const part = (end - start) / (moved.length + 1)
    const places = moved.map(({ id }, index) => [id, start + part * (index + 1)] as const)
    const all = [start, ...places.map(([, place]) => place), end]
    const isSorted = all.every((place, index) => !index || place > (all[index - 1] ?? 0))
    if (isSorted && places.every(([, place]) => Math.abs(place) < Number.MAX_SAFE_INTEGER))
      return new Map(places)
  }
  return new Map(
    next.flatMap(({ id, order }, index) => {
      const place = (index + 1) * gap
      return order === place ? [] : [[id, place]]
    })
  )
}

/** How many of the others stand above the tasks when they are dropped on one side of a row. */
export const placeOf = (
  list: Placed[],
  ids: ReadonlySet<string>,
  row: string,
  side: 'before' | 'after'
): number => {
  const at = list.findIndex(({ id }) => id === row)
  return list.slice(0, side === 'after' ? at + 1 : at).filter(({ id }) => !ids.has(id)).length
}
