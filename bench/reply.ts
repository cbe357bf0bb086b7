import type { Operation } from './operations.ts'
import type { Worker } from './workerd.ts'

const headers = ['Content-Type', 'ETag', 'Link', 'Location', 'WWW-Authenticate']

/** Sends one request of an operation. */
export const send = async (
  { url }: Worker,
  { method, path, body, headers, cookies }: Operation
): Promise<Response> => {
  const response = await fetch(url + path, {
    method,
    headers: { ...headers, ...(cookies && { Cookie: cookies.take() }) },
    ...(body !== undefined && { body }),
  })
  cookies?.keep(response.headers.get('Set-Cookie'))
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
