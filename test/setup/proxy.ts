import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** What can go wrong between the Worker and Neon, by name. `pass` sends the request on to Neon. */
const faults: Record<string, (response: ServerResponse, pass: () => Promise<Response>) => unknown> =
  {
    hang: () => {},
    stall: (response) => response.writeHead(200).write('{"command":'),
    'error-500': (response) => response.writeHead(500).end('boom'),
    'error-502': (response) => response.writeHead(502).end('<html>Bad gateway</html>'),
    'error-429': (response) => response.writeHead(429).end('slow down'),
    redirect: (response) => response.writeHead(302, { Location: '/elsewhere' }).end(),
    html: (response) => response.writeHead(200).end('<html>Welcome</html>'),
    truncated: (response) => response.writeHead(200).end('{"command":"SELECT","rowC'),
    empty: (response) => response.writeHead(200).end('{}'),
    'no-columns': (response) =>
      response.writeHead(200).end('{"command":"SELECT","rowCount":1,"fields":[],"rows":[[]]}'),
    'no-values': async (response, pass) =>
      response
        .writeHead(200)
        .end(JSON.stringify({ ...((await (await pass()).json()) as object), rows: [[]] })),
    nulls: async (response, pass) => {
      const reply = (await (await pass()).json()) as { rows: unknown[][] }
      const rows = reply.rows.map((row) => row.map(() => null))
      response.writeHead(200).end(JSON.stringify({ ...reply, rows }))
    },
    late: async (response, pass) => {
      const reply = await pass()
      // Just within the 4 seconds that the Worker waits.
      await setTimeout(3500)
      response.writeHead(reply.status).end(Buffer.from(await reply.arrayBuffer()))
    },
    refuse: (response) => response.destroy(),
    cut: async (response, pass) => {
      await pass()
      response.destroy()
    },
  }

/**
 * A proxy in front of Neon that counts requests, and fails when asked to. A test asks for it in the
 * application_name of its connection string, `<label>.<fault>.<times>.<after>`: the first `after`
 * requests pass, the next `times` have the fault, and all later ones pass again.
 * GET /requests/<label> answers with the number of requests so far.
 */
export const startProxy = async (databaseUrl: string) => {
  const { host } = new URL(databaseUrl)
  const requests = new Map<string, number>()

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith('/requests/'))
      return response.end(String(requests.get(request.url.slice('/requests/'.length)) ?? 0))
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.startsWith('neon-'))
    ) as Record<string, string>
    const name = new URL(headers['neon-connection-string'] ?? '').searchParams.get(
      'application_name'
    )
    const [label = '', fault = '', times = '0', after = '0'] = name?.split('.') ?? []
    const count = (requests.get(label) ?? 0) + 1
    requests.set(label, count)
    const pass = () =>
      fetch(`http://${host}/sql`, { method: 'POST', headers, body: Buffer.concat(chunks) })
    const fail = faults[fault]
    if (fail && count > Number(after) && count <= Number(after) + Number(times))
      return fail(response, pass)
    const reply = await pass()
    response.writeHead(reply.status, { 'Content-Type': 'application/json' })
    response.end(Buffer.from(await reply.arrayBuffer()))
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${port}`
  return {
    url: url.href,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
