type Placed = { id: string; order: number | null; created_at: string }

export const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

const placeIn = ({ order }: Placed) => order ?? Number.POSITIVE_INFINITY

/** By hand: those without a place come last, the older first. */
export const byOrder = (a: Placed, b: Placed): number =>
  // Between two without a place, the difference is no number.
  placeIn(a) - placeIn(b) || compare(a.created_at, b.created_at) || compare(a.id, b.id)

/** The space between two tasks that are put in order. A power of two keeps the halves exact. */
const gap = 1024

/** The nth new place below all others, where `side` is 1, or above them, where it is -1. */
const beyond = (tasks: Iterable<Placed>, side: 1 | -1, nth: number): number => {
  let most = 0
  for (const { order } of tasks) most = Math.max(most, side * (order ?? 0))
  // Beyond this, adding the gap would no longer change the number.
  const further = nth * gap
  return side * (most < Number.MAX_SAFE_INTEGER - further ? most + further : most)
}

/** The nth new place below all others. */
export const last = (tasks: Iterable<Placed>, nth: number) => beyond(tasks, 1, nth)

/** The nth new place above all others, counted upwards. */
export const first = (tasks: Iterable<Placed>, nth: number) => beyond(tasks, -1, nth)

/** As many places as asked for between two numbers, or nothing when the numbers leave no room. */
const placesBetween = (start: number | undefined, end: number | undefined, count: number) => {
  const room = (count + 1) * gap
  const low = start ?? (end === undefined ? 0 : end - room)
  const high = end ?? low + room
  const places = Array.from(
    { length: count },
    (_, n) => low + ((high - low) / (count + 1)) * (n + 1)
  )
  const run = [low, ...places, high]
  const isSorted = run.every((place, index) => !index || place > (run[index - 1] ?? 0))
  const isExact = places.every((place) => Math.abs(place) < Number.MAX_SAFE_INTEGER)
  return isSorted && isExact ? places : undefined
}

/**
 * The new places that put tasks of a list where `to` of its others stand above them. `all` has the
 * tasks that the list does not show, too. They keep their order: besides the moved ones, only those
 * get a new place that have to make room. Both are sorted.
 */
export const move = (
  all: Placed[],
  list: Placed[],
  ids: ReadonlySet<string>,
  to: number
): Map<string, number> => {
  const isOther = ({ id }: Placed) => !ids.has(id)
  const moved = list.filter(({ id }) => ids.has(id))
  const others = list.filter(isOther)
  if (others.toSpliced(to, 0, ...moved).every((task, index) => task === list[index]))
    return new Map()
  const rest = all.filter(isOther)
  const above = others[to - 1]
  const beside = (above ?? others[0])?.id
  const at = rest.findIndex(({ id }) => id === beside) + (above ? 1 : 0)
  const next = rest.toSpliced(at, 0, ...moved)
  for (let reach = 0; ; reach = reach * 2 || 1) {
    const end = at + moved.length + reach
    let start = Math.max(at - reach, 0)
    // Whatever has no place comes last, so a task above needs one.
    while (next[start - 1]?.order === null) start--
    const run = next.slice(start, end)
    const places = placesBetween(
      next[start - 1]?.order ?? undefined,
      next[end]?.order ?? undefined,
      run.length
    )
    if (places)
      return new Map(
        run.flatMap(({ id, order }, index) => {
          const place = places[index] as number
          return place === order ? [] : [[id, place]]
        })
      )
  }
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
