/** The selected rows by their ids, and the two ends of the run that was selected last. */
export type Selection = { ids: ReadonlySet<string>; from?: string; to?: string }

export const nothing: Selection = { ids: new Set() }

/** The rows from one to another, whichever of them is higher. Empty where one has gone. */
export const range = (rows: string[], from = '', to = ''): string[] => {
  const [start = 0, end = 0] = [rows.indexOf(from), rows.indexOf(to)].sort((a, b) => a - b)
  return start < 0 ? [] : rows.slice(start, end + 1)
}

/** Selects one row more, or one less. The next run begins there. */
export const pick = ({ ids }: Selection, id: string): Selection => ({
  ids: new Set(ids.has(id) ? [...ids].filter((other) => other !== id) : [...ids, id]),
  from: id,
  to: id,
})

/** Has the last run end at another row. What was selected beside the run stays selected. */
export const extend = (rows: string[], { ids, from, to }: Selection, end: string): Selection => {
  const run = new Set(range(rows, from, to))
  const start = rows.includes(from ?? '') ? from : end
  const beside = [...ids].filter((id) => !run.has(id))
  return { ids: new Set([...beside, ...range(rows, start, end)]), from: start ?? end, to: end }
}

/** Leaves out what is no longer among the rows. */
export const keep = (rows: string[], selection: Selection): Selection => {
  const ids = new Set(rows.filter((id) => selection.ids.has(id)))
  return ids.size < selection.ids.size ? { ...selection, ids } : selection
}
