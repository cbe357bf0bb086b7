import type { Export } from './export.ts'
import type { Comparison } from './load.ts'
import type { Operation } from './operations.ts'
import type { Plans } from './plans.ts'

export type Figures = {
  results: (Operation & Comparison & { neonRequests: number })[]
  /** In KiB. */
  gzip: number
  /** In milliseconds of processor time. */
  startUp: number
  exported: Export
  plans: Plans
}

/** Columns as wide as they must be: the first to the left, the others to the right. */
const table = (rows: string[][]): string => {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const cell = (text: string, column: number) =>
    column ? text.padStart(width(column)) : text.padEnd(width(column))
  return rows.map((row) => row.map(cell).join('  ')).join('\n')
}

const measurements = ({ results }: Figures) => [
  ['', 'req/s', 'p50 ms', 'p99 ms', 'CPU ms/req', 'bare CPU ms/req', 'CPU ratio', 'Neon req/req'],
  ...results.map(({ name, perSecond, p50, p99, cpu, bareCpu, ratio, neonRequests }) => [
    name,
    perSecond.toFixed(0),
    p50.toFixed(1),
    p99.toFixed(1),
    cpu.toFixed(3),
    bareCpu.toFixed(3),
    ratio.toFixed(2),
    `${neonRequests}`,
  ]),
]

/** A higher index or a list that begins elsewhere on its pages, which is no growth. */
const slack = 5

const goal = (what: string, met: boolean, figure: string) => [what, figure, met ? 'met' : 'NOT MET']

/** Held against the figure as it is printed. */
const atMost = (what: string, most: number, figure: string) =>
  goal(what, Number(figure) <= most, figure)

const goals = ({ results, gzip, startUp, exported, plans }: Figures) => {
  const cpu = (operation: string) =>
    results.find(({ name }) => name === operation)?.cpu ?? Number.NaN
  const refused = cpu('refused token') / cpu('read')
  const { pages, amongFew, amongMany } = plans
  return [
    ...results.map(({ name, neon, neonRequests }) =>
      goal(`${name}: Neon requests ${neon}`, neonRequests === neon, `${neonRequests}`)
    ),
    ...results.flatMap(({ name, bares, ratio }) =>
      bares ? [atMost(`${name}: CPU <= ${bares} x bare`, bares, ratio.toFixed(2))] : []
    ),
    atMost('refused token: CPU <= 0.25 x read', 0.25, refused.toFixed(2)),
    atMost('bundle: gzip <= 120 KiB', 120, gzip.toFixed(1)),
    atMost('start-up: CPU <= 40 ms', 40, startUp.toFixed(0)),
    atMost(
      'export: memory for 100,000 tasks <= 1.25 x for 1,000',
      1.25,
      (exported.many / exported.few).toFixed(2)
    ),
    ...pages.map(({ sort, first, last }) =>
      goal(`buffers of page 1,000 / 1 by ${sort}`, last <= first + slack, `${last} / ${first}`)
    ),
    goal(
      'buffers of a list among 1,000,000 / 1,000 tasks',
      amongMany <= amongFew + slack,
      `${amongMany} / ${amongFew}`
    ),
  ]
}

export const report = (figures: Figures) =>
  `${table(measurements(figures))}\n\n${table(goals(figures))}`
