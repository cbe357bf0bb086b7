import type { Param } from './postgres.ts'
import { refusal } from './refusal.ts'

// OIDs of the types that Neon's proxy turns into JSON: see pg_type.dat in PostgreSQL's source
const BOOL = 16
const NUMBERS = new Set([21, 23, 700, 701])
const JSONS = new Set([114, 3802])

/** Turns a parameter into the text that Neon's proxy sends to Postgres for it */
export function encodeParam(value: unknown): Param {
  if (value === null) return null
  if (typeof value === 'string') return value
  return Array.isArray(value) ? encodeArray(value) : JSON.stringify(value)
}

/**
 * Writes an array as in "Array Input and Output Syntax" of the PostgreSQL docs. Like Neon, it
 * quotes strings as JSON does.
 */
function encodeArray(values: unknown[]): string {
  const items = values.map((value) => {
    if (value === null) return 'NULL'
    if (Array.isArray(value)) return encodeArray(value)
    return JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : value)
  })
  return `{${items.join(',')}}`
}

/** Turns one value of a row into JSON, for a request that did not ask for raw text */
export function decodeValue(
  text: string,
  type: number,
  arrays: ReadonlyMap<number, number>
): string {
  const element = arrays.get(type)
  if (element !== undefined) return decodeArray(text, (item) => decodeValue(item, element, arrays))
  if (type === BOOL) return String(text === 't')
  if (JSONS.has(type)) return text
  // JSON has no NaN and no infinity, so they stay strings.
  return NUMBERS.has(type) && Number.isFinite(Number(text)) ? text : JSON.stringify(text)
}

// Matches a brace or comma, or a quoted item, or a bare item.
const TOKEN = /\s*(?:([{},])|"((?:[^"\\]|\\.)*)"|([^{},"\s][^{},]*))\s*/suy

/**
 * Reads an array as in "Array Input and Output Syntax" of the PostgreSQL docs. Like Neon, it drops
 * bounds such as `[1:2]=`.
 */
function decodeArray(text: string, decodeItem: (text: string) => string): string {
  TOKEN.lastIndex = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  const tokens: string[] = []
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text)
    if (!match) throw refusal(500, 'could not parse postgres response')
    const [, mark, quoted, bare] = match
    if (mark) tokens.push(mark === '{' ? '[' : mark === '}' ? ']' : ',')
    else if (quoted !== undefined) tokens.push(`"${quoted}`)
    else if (bare) tokens.push(` ${bare.trimEnd()}`)
  }
  return tokens
    .map((token) => {
      if (token === ' NULL') return 'null'
      if (token.startsWith('"')) return decodeItem(token.slice(1).replace(/\\(.)/gsu, '$1'))
      return token.startsWith(' ') ? decodeItem(token.slice(1)) : token
    })
    .join('')
}
