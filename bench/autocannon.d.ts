declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  type Result = { errors: number; timeouts: number; statusCodeStats: { [status: string]: unknown } }

  export default function autocannon(options: {
    url: string
    method: string
    headers: Record<string, string>
    body?: string
    connections: number
    amount: number
    sampleInt: number
  }): EventEmitter & PromiseLike<Result>
}
