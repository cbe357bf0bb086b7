import autocannon from 'autocannon'
import type { Operation } from './operations.ts'
import type { Worker } from './workerd.ts'

/** What a turn of load measured; times in milliseconds. */
type Turn = { perSecond: number; p50: number; p99: number; cpu: number }

const connections = 8
const rounds = 5
const turnSeconds = 2

const fire = async (
  worker: Worker,
  { method, path, headers, cookie, body, status }: Operation,
  amount: number
): Promise<Turn> => {
  const times: number[] = []
  const cpu = worker.cpu()
  const start = performance.now()
  let end = start
  const run = autocannon({
    url: worker.url + path,
    method,
    headers,
    ...(body !== undefined && { body }),
    ...(cookie && {
      requests: [
        {
          setupRequest: (request: { headers: object }) => ({
            ...request,
            headers: { ...request.headers, Cookie: cookie() },
          }),
        },
      ],
    }),
    connections,
    // Not a time: the requests that its end cuts off would have cost and not be counted.
    amount,
    sampleInt: 50,
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

const median = (numbers: number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN

/** Warms a Worker up, and gives the number of requests that then fill a turn. */
const amountFor = async (worker: Worker, operation: Operation) => {
  let amount = connections
  for (const seconds of [0.2, 0.7, turnSeconds]) {
    const { perSecond } = await fire(worker, operation, amount)
    amount = Math.max(connections, Math.round(perSecond * seconds))
  }
  return amount
}

/**
 * The medians over several rounds of two Workers under the same load, and of the ratio of their
 * processor times. They take turns, and begin by turns: what else the machine does meets both.
 */
export const compare = async (operation: Operation, ours: Worker, bare: Worker) => {
  const amounts = new Map<Worker, number>()
  for (const worker of [ours, bare]) amounts.set(worker, await amountFor(worker, operation))
  const turn = (worker: Worker) => fire(worker, operation, amounts.get(worker) as number)

  const turns: { ours: Turn; bare: Turn }[] = []
  while (turns.length < rounds)
    if (turns.length % 2) {
      const bares = await turn(bare)
      turns.push({ bare: bares, ours: await turn(ours) })
    } else turns.push({ ours: await turn(ours), bare: await turn(bare) })
  return {
    perSecond: median(turns.map(({ ours }) => ours.perSecond)),
    p50: median(turns.map(({ ours }) => ours.p50)),
    p99: median(turns.map(({ ours }) => ours.p99)),
    cpu: median(turns.map(({ ours }) => ours.cpu)),
    bareCpu: median(turns.map(({ bare }) => bare.cpu)),
    ratio: median(turns.map(({ ours, bare }) => ours.cpu / bare.cpu)),
  }
}

export type Comparison = Awaited<ReturnType<typeof compare>>
