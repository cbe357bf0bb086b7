import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sayAgo } from '../../web/app/dates.ts'
import { first } from '../../web/app/order.ts'
import { preferencesIn } from '../../web/app/preferences.ts'
import { understand } from '../../web/app/quick-add.ts'
import { text } from '../../web/app/text.ts'

const defaults = { theme: 'system', firstDay: 'monday', newTasks: 'end', singleKeys: 'on' }

describe('stored preferences', () => {
  const cases: [string | null, object][] = [
    [null, defaults],
    ['{}', defaults],
    ['not JSON', defaults],
    ['null', defaults],
    ['[1]', defaults],
    ['{"theme":"dark","firstDay":"sunday"}', { ...defaults, theme: 'dark', firstDay: 'sunday' }],
    ['{"theme":"pink","newTasks":"top","extra":1}', { ...defaults, newTasks: 'top' }],
  ]
  for (const [stored, expected] of cases)
    test(`${stored} is read as preferences`, () =>
      assert.deepEqual(preferencesIn(stored), expected))
})

describe('the first day of the week', () => {
  /** A Saturday. */
  const today = '2026-11-21'
  const cases: [string, number, string][] = [
    ['Pay next week', 1, '2026-11-23'],
    ['Pay next week', 0, '2026-11-22'],
    ['Pay next week', 6, '2026-11-28'],
    ['Pay next friday', 1, '2026-11-27'],
    ['Pay next friday', 0, '2026-11-27'],
    ['Pay next sunday', 1, '2026-11-29'],
    ['Pay next sunday', 0, '2026-11-22'],
    ['Pay next friday', 6, '2026-12-04'],
    ['Pay friday', 6, '2026-11-27'],
  ]
  for (const [line, firstDay, due] of cases)
    test(`"${line}" in weeks that begin on day ${firstDay} is due on ${due}`, () =>
      assert.equal(understand(line, today, true, firstDay).due_date, due))
})

describe('how long ago', () => {
  const minute = 60_000
  const cases: [number, string][] = [
    [-minute, 'just now'],
    [0, 'just now'],
    [minute - 1, 'just now'],
    [minute, '1 minute ago'],
    [59 * minute, '59 minutes ago'],
    [60 * minute, '1 hour ago'],
    [23.9 * 60 * minute, '23 hours ago'],
    [24 * 60 * minute, '1 day ago'],
    [400 * 24 * 60 * minute, '400 days ago'],
  ]
  for (const [milliseconds, words] of cases)
    test(`${milliseconds} ms ago is said as ${words}`, () =>
      assert.equal(sayAgo(1e12 - milliseconds, 1e12), words))
})

describe('the name of a device', () => {
  const apple = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
  const google = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0'
  const cases: [string | null, string][] = [
    [`Mozilla/5.0 (X11; Linux x86_64) ${google} Safari/537.36`, 'Chrome on Linux'],
    [`Mozilla/5.0 (Windows NT 10.0) ${google} Safari/537.36 Edg/140.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${google} Mobile Safari/537.36`, 'Chrome on Android'],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) ${apple} Version/18.5 Safari/604.1`,
      'Safari on iPhone',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0',
      'Firefox on Mac',
    ],
    ['curl/8.5.0', 'curl/8.5.0'],
    ['', 'Unknown device'],
    [null, 'Unknown device'],
  ]
  for (const [userAgent, name] of cases)
    test(`${userAgent} is called ${name}`, () => assert.equal(text.device(userAgent), name))
})

test('the place above all others is above the first task, and above those without a place', () => {
  const task = (order: number | null) => ({ id: '1', order, created_at: '' })
  assert.ok(first([], 1) < 0)
  assert.ok(first([task(null), task(5)], 1) < 5)
  assert.ok(first([task(-3000), task(5)], 1) < -3000)
  const least = Number.MIN_SAFE_INTEGER
  assert.equal(first([task(least)], 1), least)
})
