declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  type Request = { headers: Record<string, string> }
  type Result = { errors: number; timeouts: number; statusCodeStats: { [status: string]: unknown } }

  export default function autocannon(options: {
    url: string
    method: string
    headers: Record<string, string>
    body?: string
    requests?: {
      setupRequest: (request: Request) => Request
      onResponse: (
        status: number,
        body: string,
        context: object,
        headers: Record<string, string>
      ) => void
    }[]
    connections: number
    amount: number
    sampleInt: number
  }): EventEmitter & PromiseLike<Result>
}
