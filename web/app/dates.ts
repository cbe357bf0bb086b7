/** A calendar date, `YYYY-MM-DD`, in the time zone of this device. */
export type Day = string

const two = (n: number) => String(n).padStart(2, '0')

/** Built from the local year, month and day: toISOString would give the date in UTC. */
export const dayOf = (date: Date): Day =>
  `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`

/** Noon, which every day has: clocks change at night. */
const noon = (day: Day): Date => {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  return new Date(year, month - 1, date, 12)
}

export const addDays = (day: Day, days: number): Day => {
  const date = noon(day)
  date.setDate(date.getDate() + days)
  return dayOf(date)
}

/** The same day of a later month, or the last day of that month where it is shorter. */
export const addMonths = (day: Day, months: number): Day => {
  const date = noon(day)
  const wanted = date.getDate()
  date.setMonth(date.getMonth() + months, 1)
  const last = new Date(date.getFullYear(), date.getMonth() + 1, 0).getDate()
  date.setDate(Math.min(wanted, last))
  return dayOf(date)
}

/** 0 for Sunday to 6 for Saturday. */
export const weekday = (day: Day): number => noon(day).getDay()

/** The next day of this weekday, after `day`. */
export const nextWeekday = (day: Day, wanted: number): Day =>
  addDays(day, ((wanted - weekday(day) + 6) % 7) + 1)

/** Whether the calendar has this day. */
export const isDay = (year: number, month: number, date: number): boolean => {
  const made = new Date(year, month - 1, date, 12)
  return made.getMonth() === month - 1 && made.getDate() === date && year >= 1000 && year <= 9999
}

const daysBetween = (from: Day, to: Day) =>
  Math.round((noon(to).getTime() - noon(from).getTime()) / 86_400_000)

const short = { weekday: 'short', day: 'numeric', month: 'short' } as const
const inThisWeek = new Intl.DateTimeFormat('en', { weekday: 'long' })
const inThisYear = new Intl.DateTimeFormat('en', short)
const inAnotherYear = new Intl.DateTimeFormat('en', { ...short, year: 'numeric' })

/** The day as a person would say it today. */
export const sayDay = (day: Day, today: Day): string => {
  const days = daysBetween(today, day)
  if (days === 0) return 'Today'
  if (days === 1) return 'Tomorrow'
  if (days === -1) return 'Yesterday'
  if (days > 1 && days < 7) return inThisWeek.format(noon(day))
  const format = day.slice(0, 4) === today.slice(0, 4) ? inThisYear : inAnotherYear
  return format.format(noon(day))
}

/** How long ago a time in milliseconds was, as a person would say it. */
export const sayAgo = (then: number, now = Date.now()): string => {
  const minutes = Math.floor((now - then) / 60_000)
  const ago = new Intl.RelativeTimeFormat('en')
  if (minutes < 1) return 'just now'
  if (minutes < 60) return ago.format(-minutes, 'minute')
  if (minutes < 60 * 24) return ago.format(-Math.floor(minutes / 60), 'hour')
  return ago.format(-Math.floor(minutes / (60 * 24)), 'day')
}
