declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  import type { Own } from './stock.ts'

  type Request = { path?: string; headers: Record<string, string> }
  /** An object of the connection's own, which starts empty at each request. */
  type Context = { own?: Own }
  type Result = { errors: number; timeouts: number; statusCodeStats: { [status: string]: unknown } }

  export default function autocannon(options: {
    url: string
    method: string
    headers: Record<string, string>
    body?: string
    requests?: {
      setupRequest: (request: Request, context: Context) => Request
      onResponse: (
        status: number,
        body: string,
        context: Context,
        headers: Record<string, string>
      ) => void
    }[]
    connections: number
    amount: number
    sampleInt: number
  }): EventEmitter & PromiseLike<Result>
}
