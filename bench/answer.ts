import type { Operation } from './operations.ts'
import type { Worker } from './workerd.ts'

const headers = ['Content-Type', 'Link', 'Location', 'WWW-Authenticate']

/** What a Worker answers, as one text, without what differs from one time to the next. */
export const answer = async (worker: Worker, operation: Operation): Promise<string> => {
  const { method, path, body } = operation
  const response = await fetch(worker.url + path, {
    method,
    headers: { ...operation.headers, ...(operation.cookie && { Cookie: operation.cookie() }) },
    ...(body !== undefined && { body }),
  })
  return [
    response.status,
    ...headers.map((name) => `${name}: ${response.headers.get(name)}`),
    await response.text(),
  ]
    .join('\n')
    .replaceAll(worker.url, '')
    .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, 'TOKEN')
}
