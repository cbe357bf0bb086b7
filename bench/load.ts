import autocannon from 'autocannon'
import type { Operation } from './operations.ts'
import type { Worker } from './workerd.ts'

/** A Worker and the operation that it is loaded with. */
export type Target = { worker: Worker; operation: Operation }

/** What one turn of load measured. Times are in milliseconds; `cpu` is CPU time per request. */
type Turn = { perSecond: number; p50: number; p99: number; cpu: number }

export const connections = 8

/** Loads a Worker with that many requests. */
const load = async ({ worker, operation }: Target, amount: number): Promise<Turn> => {
  const { method, path, headers, stock, body, status } = operation
  const times: number[] = []
  const cpu = worker.cpu()
  const start = performance.now()
  let end = start
  const run = autocannon({
    url: worker.url + path,
    method,
    headers,
    ...(body !== undefined && { body }),
    ...(stock && {
      requests: [
        {
          setupRequest: (request, context) => {
            const own = stock.take()
            context.own = own
            const headers = { ...request.headers, ...own.headers }
            return { ...request, ...own, headers }
          },
          onResponse: (_status, _body, { own }, headers) => {
            if (own) stock.keep(own, (name) => headers[name])
          },
        },
      ],
    }),
    connections,
    // After a fixed duration the requests still open would have used CPU time without being counted.
    amount,
    // autocannon notices only this often, in milliseconds, that it has finished.
    sampleInt: 10,
  })
  run.on('response', (_client, _status, _size, time: number) => {
    times.push(time)
    end = performance.now()
  })
  const { errors, timeouts, statusCodeStats } = await run
  if (errors || timeouts || Object.keys(statusCodeStats).join() !== String(status))
    throw new Error(`${method} ${path}: ${JSON.stringify({ errors, timeouts, statusCodeStats })}`)
  times.sort((a, b) => a - b)
  const percentile = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN
  return {
    perSecond: (times.length / (end - start)) * 1000,
    p50: percentile(0.5),
    p99: percentile(0.99),
    cpu: (worker.cpu() - cpu) / times.length,
  }
}

/** Loads a Worker until V8 has optimized it, and returns the requests per second that it reached. */
const warmUp = async (target: Target): Promise<number> => {
  let speed = connections
  for (const seconds of [1, 0.2, 0.7]) {
    const amount = Math.max(connections, Math.round(speed * seconds))
    speed = (await load(target, amount)).perSecond
  }
  return speed
}

export const median = (numbers: number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  return middle.reduce((sum, number) => sum + number, 0) / middle.length
}

const medians = (turns: Turn[]): Turn => ({
  perSecond: median(turns.map(({ perSecond }) => perSecond)),
  p50: median(turns.map(({ p50 }) => p50)),
  p99: median(turns.map(({ p99 }) => p99)),
  cpu: median(turns.map(({ cpu }) => cpu)),
})

/** The bounds between which the true median of such numbers lies, 19 times out of 20. */
export const medianBounds = (numbers: number[]): [number, number] => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const rank = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2))
  return [sorted[rank] ?? Number.NaN, sorted.at(-1 - rank) ?? Number.NaN]
}

/**
 * Loads two Workers in turns until there are enough rounds, in each of which both had one turn.
 * Returns the medians of both, and for each round the ratio of their CPU times. The one that goes
 * first changes from round to round, so a machine that slows down meanwhile favours neither.
 */
export const compare = async (
  first: Target,
  second: Target,
  secondsPerTurn: number,
  isEnough: (ratios: number[]) => boolean
) => {
  const speed = Math.min(await warmUp(first), await warmUp(second))
  // Both get the same amount, because a turn has costs of its own, such as opening connections.
  const amount = Math.max(connections, Math.round(speed * secondsPerTurn))
  const firstTurns: Turn[] = []
  const secondTurns: Turn[] = []
  const ratios: number[] = []
  while (!isEnough(ratios)) {
    if (ratios.length % 2) secondTurns.push(await load(second, amount))
    const turn = await load(first, amount)
    firstTurns.push(turn)
    if (ratios.length % 2 === 0) secondTurns.push(await load(second, amount))
    ratios.push(turn.cpu / (secondTurns.at(-1) as Turn).cpu)
  }
  return { first: medians(firstTurns), second: medians(secondTurns), ratios }
}

export type Comparison = Awaited<ReturnType<typeof compare>>
