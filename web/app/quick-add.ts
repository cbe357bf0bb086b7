import type { Fields } from './changes.ts'
import { addDays, addMonths, type Day, isDay, nextWeekday, weekday } from './dates.ts'

export type Understood = Pick<Fields, 'title' | 'priority' | 'tags' | 'due_date' | 'due_time'>

const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const shortWeekday = 'sun|mon|tues?|weds?|thu(?:rs?)?|fri|sat'
const anyWeekday = `${shortWeekday}|sunday|monday|tuesday|wednesday|thursday|friday|saturday`
const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const anyMonth =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?|september|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?'
const priorities: Record<string, Fields['priority']> = {
  '!1': 'high',
  '!high': 'high',
  '!2': 'medium',
  '!medium': 'medium',
  '!3': 'low',
  '!low': 'low',
}

const two = (text: string | number) => String(text).trim().padStart(2, '0')

/** That day or, without a year, the next such day: 29 February may be up to eight years away. */
const calendarDay = (today: Day, month: string | number = '', date = '', year?: string) => {
  const first = Number(year ?? today.slice(0, 4))
  for (let y = first; y <= (year ? first : first + 8); y++) {
    const day = `${y}-${two(month)}-${two(date)}`
    if (isDay(y, Number(month), Number(date)) && (year || day >= today)) return day
  }
  return undefined
}

/** How a person writes dates: with the first day of the week, and the day or the month first. */
type Habits = { firstDay: number; dayFirst: boolean }

/** Each pattern of a date, and what it means. `undefined` means that it is no date after all. */
const dates: [RegExp, (today: Day, parts: string[], habits: Habits) => Day | undefined][] = [
  [/^today$/, (today) => today],
  [/^(?:tomorrow|tmrw)$/, (today) => addDays(today, 1)],
  [/^(?:the )?day after tomorrow$/, (today) => addDays(today, 2)],
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
    new RegExp(`^(?:this |(next (?:week )?))?(${anyWeekday})( next week)?$`),
    (today, [next, name = '', later], { firstDay }) => {
      const wanted = weekdays.indexOf(name.slice(0, 3))
      // "Next Friday" is that of the next week.
      if (next || later) return addDays(nextWeekday(today, firstDay), (wanted - firstDay + 7) % 7)
      return weekday(today) === wanted ? addDays(today, 7) : nextWeekday(today, wanted)
    },
  ],
  [/^(\d{4})-(\d\d)-(\d\d)$/, (today, [y, m, d]) => calendarDay(today, m, d, y)],
  [/^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/, (today, [d, m, y]) => calendarDay(today, m, d, y)],
  [
    /^(\d{1,2})\/(\d{1,2})(?:\/(\d{4}))?$/,
    (today, [a, b, y], { dayFirst }) =>
      dayFirst ? calendarDay(today, b, a, y) : calendarDay(today, a, b, y),
  ],
  [
    new RegExp(
      `^(?:(\\d{1,2})(?:st|nd|rd|th)?(?: of)? )?(${anyMonth})\\.?(?: (\\d{1,2})(?:st|nd|rd|th)?)?,?(?: (\\d{4}))?$`
    ),
    // The date stands on one side of the month. On both sides it is no number, so no day either.
    (today, [before = '', name = '', behind = '', y]) =>
      calendarDay(today, months.indexOf(name.slice(0, 3)) + 1, `${before} ${behind}`, y),
  ],
]

/** What may mean something else is a date at the end of the line, or behind a word such as "on". */
const doubtful = new RegExp(`^(?:${shortWeekday}|\\d+/\\d+|march \\d+|\\d+ may)$`)
const leading = /^(?:on(?! to)|by|due|starting) (?:the (?=\d))?/

const readDate = (phrase: string, today: Day, habits: Habits, isAtEnd: () => boolean) => {
  const bare = phrase.replace(leading, '')
  for (const [pattern, read] of dates) {
    const match = pattern.exec(bare)
    if (!match) continue
    if (bare === phrase && doubtful.test(bare) && !isAtEnd()) return undefined
    return read(today, match.slice(1), habits)
  }
  return undefined
}

const readTime = (phrase: string): string | undefined => {
  const [, hour = '', minute = '00', half] =
    /^(?:(?:at|by) )?(\d{1,2})(?::(\d\d))? ?([ap]m)?$/.exec(phrase) ?? []
  // A number alone is no time.
  if (!hour || !(half || phrase.includes(':'))) return undefined
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

/** From one time or day to another, which stays in the title. */
const end = `(?:\\d\\S*|${anyWeekday}|${anyMonth})`
const wordPattern = new RegExp(`"[^"]*"|${end} (?:to|until|-|–) ${end}[,.!]?(?!\\S)|\\S+`, 'gi')
/** What stands behind these words is no date of the task: "the Sunday Times", "chapter 3/4". */
const naming = /^(?:the|an?|last|chapter|page)$/i
/** What may stand behind the last words of the title: tags, priorities and times. */
const beside = /^(?:(?:[#!]\S+|(?:at )?\d{1,2}(?::\d\d| ?[ap]m)+[,.!]?)(?: |$))*$/i

/** Without the sign behind it. The full stop of `24.12.` belongs to the date. */
const withoutSign = (words: string) => words.replace(/[,!:]+$|(?<!\.\d{1,2})\.$/, '')

/**
 * Reads the fields of a task out of a line: `Pay rent tomorrow 9:30 #home !high`. The first date,
 * time and priority count, and every tag. What stands in quotes stays in the title as it is, and so
 * do dates behind "every", for tasks do not repeat. The week begins on `firstDay`, from 0 for Sunday
 * to 6 for Saturday.
 */
export const understand = (
  line: string,
  today: Day,
  dayFirst = isDayFirst(),
  firstDay = 1
): Understood => {
  const words = line.match(wordPattern) ?? []
  const rest: string[] = []
  const found: { date?: Day; time?: string; priority?: Fields['priority'] } = {}
  const tags: string[] = []
  const repeat = words.findIndex((word) => /^(?:every|each)$/i.test(word))
  for (let at = 0; at < words.length; ) {
    let taken = 0
    const isTitle = (repeat >= 0 && at > repeat) || naming.test(words[at - 1] ?? '')
    // The longest phrase first, so that "in 2 weeks" is not read as "in".
    for (let length = Math.min(5, words.length - at); length > 0 && !taken; length--) {
      const phrase = withoutSign(words.slice(at, at + length).join(' ')).toLowerCase()
      const isAtEnd = () => beside.test(words.slice(at + length).join(' '))
      const date = found.date ? undefined : readDate(phrase, today, { firstDay, dayFirst }, isAtEnd)
      const time = found.time ? undefined : readTime(phrase)
      if (!date && !time) continue
      taken = length
      if (isTitle) rest.push(...words.slice(at, at + length))
      else if (date) found.date = date
      else if (time) found.time = time
    }
    const word = words[at] ?? ''
    const bare = withoutSign(word)
    const priority = taken || found.priority ? undefined : priorities[bare.toLowerCase()]
    const tag = taken ? undefined : readTag(bare)
    if (priority) found.priority = priority
    else if (tag) {
      if (!tags.some((known) => known.toLowerCase() === tag.toLowerCase())) tags.push(tag)
    } else if (!taken) rest.push(word)
    at += taken || 1
  }
  return {
    title: rest
      .join(' ')
      .replace(/,$/, '')
      .replace(/^"([^"]*)"$/, '$1')
      .trim(),
    priority: found.priority ?? 'medium',
    tags,
    // A time alone means today.
    due_date: found.date ?? (found.time ? today : null),
    due_time: found.time ?? null,
  }
}
