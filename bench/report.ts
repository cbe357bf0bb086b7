import type { ExportMemory } from './export.ts'
import { type Comparison, median, medianBounds } from './load.ts'
import type { Operation } from './operations.ts'
import type { Plans } from './plans.ts'

export const progress = (what: string) => process.stderr.write(`${what} …\n`)

/** Lays rows out in columns. The first column is aligned to the left, the others to the right. */
const table = (rows: string[][]): string => {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const cell = (text: string, column: number) =>
    column ? text.padStart(width(column)) : text.padEnd(width(column))
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

const verdict = (met: boolean) => (met ? 'met' : 'NOT MET')

const goal = (what: string, met: boolean, figure: string) => [what, figure, verdict(met)]

/** Compares the figure as printed, so that the verdict never contradicts what the reader sees. */
const atMost = (what: string, most: number, figure: string) =>
  goal(what, Number(figure) <= most, figure)

const bundleGoal = (gzip: number) => atMost('bundle: gzip <= 122 KiB', 122, gzip.toFixed(1))

export type BareFigures = {
  rows: { operation: Operation; comparison: Comparison; neonRequests: number }[]
  /** KiB */
  gzip: number
  /** Milliseconds of CPU time. */
  startUp: number
  memory: ExportMemory
  plans: Plans
}

const bareTable = ({ rows }: BareFigures) => [
  ['', 'req/s', 'p50 ms', 'p99 ms', 'CPU ms/req', 'bare CPU ms/req', 'CPU ratio', 'Neon req/req'],
  ...rows.map(({ operation, comparison: { first, second, ratios }, neonRequests }) => [
    operation.name,
    first.perSecond.toFixed(0),
    first.p50.toFixed(1),
    first.p99.toFixed(1),
    first.cpu.toFixed(3),
    second.cpu.toFixed(3),
    median(ratios).toFixed(2),
    `${neonRequests}`,
  ]),
]

/**
 * Buffers that a later page or a larger table may touch in addition: an index with one more level,
 * or a page that begins in the middle of a block.
 */
const slack = 5

const bareGoals = ({ rows, gzip, startUp, memory, plans }: BareFigures) => {
  const cpu = (name: string) =>
    rows.find(({ operation }) => operation.name === name)?.comparison.first.cpu ?? Number.NaN
  const timesOf = (name: string, most: number, other: string) =>
    atMost(`${name}: CPU <= ${most} x ${other}`, most, (cpu(name) / cpu(other)).toFixed(2))
  const { pages, changesPages, amongFew, amongMany, notModified, unchanged } = plans
  return [
    ...rows.map(({ operation: { name, neonRequests: expected }, neonRequests }) =>
      goal(`${name}: Neon requests ${expected}`, neonRequests === expected, `${neonRequests}`)
    ),
    ...rows.flatMap(({ operation: { name, maxCpuRatio: most }, comparison: { ratios } }) =>
      most ? [atMost(`${name}: CPU <= ${most} x bare`, most, median(ratios).toFixed(2))] : []
    ),
    timesOf('refused token', 0.25, 'read'),
    timesOf('list 304', 0.7, 'list'),
    timesOf('batch of 100', 8, 'patch'),
    bundleGoal(gzip),
    atMost('start-up: CPU <= 40 ms', 40, startUp.toFixed(0)),
    atMost(
      'export: memory for 100,000 tasks <= 1.25 x for 1,000',
      1.25,
      (memory.many / memory.few).toFixed(2)
    ),
    ...[
      ...pages.map(({ sort, ...buffers }) => ({ what: `by ${sort}`, ...buffers })),
      { what: 'of changes', ...changesPages },
    ].map(({ what, first, last }) =>
      goal(`buffers of page 1,000 / 1 ${what}`, last <= first + slack, `${last} / ${first}`)
    ),
    goal(
      'buffers of a list among 1,000,000 / 1,000 tasks',
      amongMany <= amongFew + slack,
      `${amongMany} / ${amongFew}`
    ),
    atMost('buffers of a list 304 among 1,000,000 tasks <= 5', 5, `${notModified}`),
    atMost('buffers of unchanged changes among 1,000,000 tasks <= 12', 12, `${unchanged}`),
  ]
}

/** The figures of the working tree's Worker beside the bare Worker, and whether they meet the goals. */
export const reportBare = (figures: BareFigures) =>
  `${table(bareTable(figures))}\n\n${table(bareGoals(figures))}`

/** The most CPU time that a request may take, as a multiple of what it took before. */
const mostOfBefore = 1.05

export type CommitFigures = {
  /** What the working tree holds. */
  workingTree: string
  /** Short hash of the other commit. */
  commit: string
  /** A row has a string in place of its comparison when the commit could not be compared. */
  rows: { name: string; comparison: Comparison | string }[]
  /** KiB: of the working tree and of the commit. */
  gzip: [number, number]
}

const commitTable = ({ commit, rows }: CommitFigures) => [
  [
    '',
    'CPU ms/req',
    `${commit} CPU ms/req`,
    'rounds',
    '95 % interval',
    'CPU ratio',
    `<= ${mostOfBefore}`,
  ],
  ...rows.map(({ name, comparison }) => {
    if (typeof comparison === 'string') return [name, '', comparison, '', '', '', 'not compared']
    const { first, second, ratios } = comparison
    return [
      name,
      first.cpu.toFixed(3),
      second.cpu.toFixed(3),
      ratios.length.toString(),
      medianBounds(ratios)
        .map((bound) => bound.toFixed(2))
        .join(' to '),
      ...atMost('', mostOfBefore, median(ratios).toFixed(3)).slice(1),
    ]
  }),
]

/** The CPU times of the working tree's Worker beside those of a commit, and both bundle sizes. */
export const reportCommit = (figures: CommitFigures) => {
  const { workingTree, commit, gzip } = figures
  const sizes = [bundleGoal(gzip[0]), [`bundle of ${commit}: gzip KiB`, gzip[1].toFixed(1)]]
  const heading = `Working tree (${workingTree}) against ${commit}`
  return `${heading}\n\n${table(commitTable(figures))}\n\n${table(sizes)}`
}

type Warm = readonly [{ time: number; shifts: number }, { time: number; shifts: number }]

/** Pairs have the figure at the processor's full speed, and four times slower. */
export type AppFigures = {
  source: { bundle: number; typescript: number; css: number }
  /** Nothing where there is no Chromium. */
  browser?: {
    cold: { kilobytes: number; requests: number; hosts: number; lcp: number }
    warm: Warm
    warmMany: Warm
    inputs: readonly [Record<string, number>, Record<string, number>]
    heap: number
  }
}

/** The budgets of the app, and whether it keeps them. */
export const reportApp = ({ source, browser }: AppFigures) => {
  const rows = [
    atMost('app: JS and CSS, gzip <= 35 KB', 35, source.bundle.toFixed(1)),
    atMost('app: lines of TypeScript <= 2500', 2500, `${source.typescript}`),
    atMost('app: lines of CSS <= 500', 500, `${source.css}`),
  ]
  if (!browser)
    return `${table(rows)}\n\nThe other budgets of the app are not measured: there is no Chromium. Install it, or set CHROMIUM_PATH.`
  const { cold, warm, warmMany, inputs, heap } = browser
  const speeds = ['1', '4'] as const
  const starts = ([name, [fast, slow], most]: [string, Warm, [number, number]]) =>
    [fast, slow].map(({ time }, index) =>
      atMost(
        `app: ${name} on screen, CPU ${speeds[index]} x <= ${most[index]} ms`,
        most[index] ?? 0,
        time.toFixed(0)
      )
    )
  const shifts = Math.max(...[...warm, ...warmMany].map(({ shifts }) => shifts))
  return table([
    ...rows,
    atMost('app: first visit <= 45 KB', 45, cold.kilobytes.toFixed(1)),
    atMost('app: first visit: requests <= 6', 6, `${cold.requests}`),
    atMost('app: first visit: origins <= 1', 1, `${cold.hosts}`),
    atMost('app: LCP, CPU 4 x, slow 4G <= 1000 ms', 1000, cold.lcp.toFixed(0)),
    ...starts(['1,000 tasks', warm, [100, 250]]),
    ...starts(['10,000 tasks', warmMany, [250, 500]]),
    ...inputs.flatMap((figures, index) =>
      Object.entries(figures).map(([name, time]) => {
        const most = index ? 100 : 50
        return atMost(`app: ${name}, CPU ${speeds[index]} x <= ${most} ms`, most, time.toFixed(0))
      })
    ),
    atMost('app: CLS 0', 0, shifts.toFixed(3)),
    atMost('app: heap at 10,000 tasks <= 15 MB', 15, heap.toFixed(1)),
  ])
}
