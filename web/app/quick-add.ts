import type { Fields } from './changes.ts'
import { addDays, addMonths, type Day, isDay, nextWeekday, weekday } from './dates.ts'

export type Understood = Pick<Fields, 'title' | 'priority' | 'tags' | 'due_date' | 'due_time'>

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const weekdayPattern =
  'sun(?:day)?|mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?'
const priorities: Record<string, Fields['priority']> = {
  '!1': 'high',
  '!high': 'high',
  '!2': 'medium',
  '!medium': 'medium',
  '!3': 'low',
  '!low': 'low',
}

const two = (text: string | number) => String(text).padStart(2, '0')

const calendarDay = (year: number, month: number, date: number): Day | undefined =>
  isDay(year, month, date) ? `${year}-${two(month)}-${two(date)}` : undefined

/** The next such day, this year or a later one: 29 February may be up to eight years away. */
const nextDate = (month: number, date: number, today: Day): Day | undefined => {
  const year = Number(today.slice(0, 4))
  for (let ahead = 0; ahead <= 8; ahead++) {
    const day = calendarDay(year + ahead, month, date)
    if (day && day >= today) return day
  }
  return undefined
}

/** How a person writes dates: with the first day of the week, and the day or the month first. */
type Habits = { firstDay: number; dayFirst: boolean }

/** Each pattern of a date, and what it means. `undefined` means that it is no date after all. */
const dates: [RegExp, (today: Day, parts: string[], habits: Habits) => Day | undefined][] = [
  [/^(?:today|tod)$/, (today) => today],
  [/^(?:tomorrow|tom)$/, (today) => addDays(today, 1)],
  [/^next week$/, (today, _, { firstDay }) => nextWeekday(today, firstDay)],
  [/^next month$/, (today) => addMonths(today, 1)],
  [
    /^in (\d{1,3}|an?|one) (day|week|month)s?$/,
    (today, [count = '', unit]) => {
      const n = /\d/.test(count) ? Number(count) : 1
      return unit === 'month' ? addMonths(today, n) : addDays(today, unit === 'week' ? 7 * n : n)
    },
  ],
  [
    new RegExp(`^(?:on )?(next )?(${weekdayPattern})$`),
    (today, [next, name = ''], { firstDay }) => {
      const wanted = weekdays.indexOf(name.slice(0, 3))
      // "Next Friday" is that of the next week.
      if (next) return addDays(nextWeekday(today, firstDay), (wanted - firstDay + 7) % 7)
      return weekday(today) === wanted ? addDays(today, 7) : nextWeekday(today, wanted)
    },
  ],
  [/^(\d{4})-(\d\d)-(\d\d)$/, (_, [y, m, d]) => calendarDay(Number(y), Number(m), Number(d))],
  [
    /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/,
    (today, [d, m, y]) =>
      y ? calendarDay(Number(y), Number(m), Number(d)) : nextDate(Number(m), Number(d), today),
  ],
  [
    /^(\d{1,2})\/(\d{1,2})$/,
    (today, [a, b], { dayFirst }) =>
      dayFirst ? nextDate(Number(b), Number(a), today) : nextDate(Number(a), Number(b), today),
  ],
]

const readDate = (text: string, today: Day, habits: Habits): Day | undefined => {
  const lower = text.toLowerCase()
  for (const [pattern, read] of dates) {
    const match = pattern.exec(lower)
    if (match) return read(today, match.slice(1), habits)
  }
  return undefined
}

const readTime = (text: string): string | undefined => {
  const [, hour = '', minute = '00', half] =
    /^(?:at )?(\d{1,2})(?::(\d\d))?([ap]m)?$/.exec(text.toLowerCase()) ?? []
  // A number alone is no time.
  if (!hour || !(half || text.includes(':'))) return undefined
  const h = Number(hour)
  if (half ? h < 1 || h > 12 : h > 23) return undefined
  if (Number(minute) > 59) return undefined
  return `${two(half ? (h % 12) + (half === 'pm' ? 12 : 0) : h)}:${minute}`
}

const readTag = (text: string): string | undefined =>
  /^#(?!\d+$)[\p{L}\p{N}_/-]{1,50}$/u.test(text) ? text.slice(1) : undefined

/** Whether the locale writes the day before the month. */
const isDayFirst = () => {
  const parts = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'numeric' })
  return parts.formatToParts(new Date(2026, 10, 25))[0]?.type === 'day'
}

/**
 * Reads the fields of a task out of a line: `Pay rent tomorrow 9:30 #home !high`. The first date,
 * time and priority count, and every tag. What stands in quotes stays in the title as it is. The
 * week begins on `firstDay`, from 0 for Sunday to 6 for Saturday.
 */
export const understand = (
  line: string,
  today: Day,
  dayFirst = isDayFirst(),
  firstDay = 1
): Understood => {
  const words = line.match(/"[^"]*"|\S+/g) ?? []
  const rest: string[] = []
  const found: { date?: Day; time?: string; priority?: Fields['priority'] } = {}
  const tags: string[] = []
  for (let at = 0; at < words.length; ) {
    let taken = 0
    // The longest phrase first, so that "in 2 weeks" is not read as "in".
    for (let length = Math.min(3, words.length - at); length > 0 && !taken; length--) {
      const phrase = words.slice(at, at + length).join(' ')
      const date = found.date ? undefined : readDate(phrase, today, { firstDay, dayFirst })
      const time = found.time ? undefined : readTime(phrase)
      if (date) found.date = date
      else if (time) found.time = time
      if (date || time) taken = length
    }
    const word = words[at] ?? ''
    const priority = taken || found.priority ? undefined : priorities[word.toLowerCase()]
    const tag = taken ? undefined : readTag(word)
    if (priority) found.priority = priority
    else if (tag) {
      if (!tags.some((known) => known.toLowerCase() === tag.toLowerCase())) tags.push(tag)
    } else if (!taken) rest.push(word)
    at += taken || 1
  }
  return {
    title: rest
      .join(' ')
      .replace(/^"([^"]*)"$/, '$1')
      .trim(),
    priority: found.priority ?? 'medium',
    tags,
    // A time alone means today.
    due_date: found.date ?? (found.time ? today : null),
    due_time: found.time ?? null,
  }
}
