import * as z from 'zod/mini'

/**
 * A text of `min` to `max` code points without U+0000, which Postgres cannot store. Where it may
 * not be empty, it is trimmed first.
 */
export const text = (min: number, max: number) => {
  const error = `must be a string of ${min} to ${max} characters, without U+0000`
  const fits = (text: string) => {
    // Code points are counted only where UTF-16 units exceed the limit: counting is slow.
    const length = text.length <= max ? text.length : [...text].length
    return length >= min && length <= max && text.isWellFormed() && !text.includes('\0')
  }
  return z.string(error).check(
    z.overwrite((text) => (min > 0 ? text.trim() : text)),
    z.refine(fits, error),
    z.meta({ minLength: min, maxLength: max, pattern: min > 0 ? '\\S' : '^[^\\u0000]*$' })
  )
}

const aTime = 'must be a time in UTC with milliseconds, such as 2026-01-12T09:30:00.000Z'
/** A time as the API writes it. JavaScript reads the year 0000, which Postgres refuses. */
export const instant = z.iso.datetime({ precision: 3, error: aTime, abort: true }).check(
  z.refine((time) => time >= '0001', aTime),
  z.meta({
    minLength: 24,
    maxLength: 24,
  })
)

/** The id of a row, in any spelling that zod takes for a UUID. */
export const uuid = z.uuid('must be a UUID').check(z.meta({ minLength: 36, maxLength: 36 }))

/** A calendar date from the year 0001 on, as Postgres has it. */
export const calendarDate = z.iso
  .date({ error: 'must be a calendar date, YYYY-MM-DD', abort: true })
  .check(
    z.refine((date) => date >= '0001', 'must be in the year 0001 or later'),
    z.meta({ minLength: 10, maxLength: 10 })
  )

/** A whole number from 1 to `most` in a query. */
export const wholeNumber = (most: number, byDefault: number, description: string) =>
  z._default(
    z.pipe(
      z.string('must be given once').check(
        z.refine(
          (digits) => /^[1-9]\d*$/.test(digits) && Number(digits) <= most,
          `must be a whole number from 1 to ${most}`
        ),
        z.meta({ type: 'integer', format: 'int32', minimum: 1, maximum: most, description })
      ),
      z.transform(Number)
    ),
    byDefault
  )
