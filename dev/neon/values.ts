import type { Param } from './postgres.ts'
import { refusal } from './refusal.ts'

// The types Neon's proxy turns into JSON, by OID (PostgreSQL's pg_type.dat)
const BOOL = 16
const NUMBERS = new Set([21, 23, 700, 701])
const JSONS = new Set([114, 3802])

/** Neon's proxy speaks text to Postgres: what JSON has more of is written as text */
export function encodeParam(value: unknown): Param {
  if (value === null) return null
  if (typeof value === 'string') return value
  return Array.isArray(value) ? encodeArray(value) : JSON.stringify(value)
}

/** PostgreSQL docs, "Array Input and Output Syntax"; strings are quoted as in JSON, as Neon does */
function encodeArray(values: unknown[]): string {
  const items = values.map((value) => {
    if (value === null) return 'NULL'
    if (Array.isArray(value)) return encodeArray(value)
    return JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : value)
  })
  return `{${items.join(',')}}`
}

/** One value of a row as JSON text, for a request that did not ask for raw text */
export function decodeValue(
  text: string,
  type: number,
  arrays: ReadonlyMap<number, number>
): string {
  const element = arrays.get(type)
  if (element !== undefined) return decodeArray(text, (item) => decodeValue(item, element, arrays))
  if (type === BOOL) return String(text === 't')
  if (JSONS.has(type)) return text
  // NaN and the infinities stay strings.
  return NUMBERS.has(type) && Number.isFinite(Number(text)) ? text : JSON.stringify(text)
}

// One of: an opening brace, a closing one, a comma, a quoted item, a bare item
const TOKEN = /\s*(?:([{},])|"((?:[^"\\]|\\.)*)"|([^{},"\s][^{},]*))\s*/suy

/** PostgreSQL docs, "Array Input and Output Syntax"; as in Neon, the bounds `[1:2]=` are dropped */
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
