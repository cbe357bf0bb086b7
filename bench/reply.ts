import type { Operation } from './operations.ts'
import type { Own } from './stock.ts'
import type { Worker } from './workerd.ts'

const headers = ['Content-Type', 'ETag', 'Link', 'Location', 'WWW-Authenticate']

/** Sends one request of an operation, with what that request has for itself. */
export const send = async (
  { url }: Worker,
  { method, path, body, headers, stock }: Operation,
  own: Own = stock?.take() ?? { headers: {} }
): Promise<Response> => {
  const response = await fetch(url + (own.path ?? path), {
    method,
    headers: { ...headers, ...own.headers },
    ...(body !== undefined && { body }),
  })
  stock?.keep(own, (name) => response.headers.get(name))
  return response
}

/** A reply as text in which ids, times and tokens are masked, so that two replies can be compared. */
export const describeReply = async (worker: Worker, response: Response): Promise<string> =>
  [
    response.status,
    ...headers.map((name) => `${name}: ${response.headers.get(name)}`),
    await response.text(),
  ]
    .join('\n')
    .replaceAll(worker.url, '')
    .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, 'TOKEN')
    .replace(/"next":"[\w-]+"/, '"next":"TOKEN"')
