import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('..', import.meta.url))

/** How long everything may take to end after npm, in milliseconds */
const bound = 15_000

/** Listens on `port`, 0 for any, and closes again. Rejects when the port is in use. */
const probe = async (port: number): Promise<number> => {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  await once(server.close(), 'close')
  return address.port
}

const untilFree = async (port: number) => {
  for (const deadline = performance.now() + bound; ; await setTimeout(50)) {
    try {
      return await probe(port)
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
  }
}

describe('npm run dev', { timeout: 300_000 }, () => {
  const processGroups: number[] = []
  let folder: string
  let ports: [api: number, neon: number]

  before(async () => {
    // A copy, because a start writes to .dev.vars, .wrangler and dist in the project.
    folder = await mkdtemp(join(tmpdir(), 'edge-todo-'))
    const filter = (path: string) => !/^(\.|node_modules|dist)/.test(relative(project, path))
    await cp(project, folder, { recursive: true, filter })
    await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
    ports = [await probe(0), await probe(0)]
  })

  afterEach(() => {
    for (const group of processGroups.splice(0)) {
      try {
        process.kill(-group, 'SIGKILL')
      } catch {
        // All its processes have ended, as they should.
      }
    }
  })

  after(() => rm(folder, { recursive: true, force: true }))

  /** Starts npm in a process group of its own, and waits until the API is up. */
  const start = async () => {
    const [PORT, NEON_PORT] = ports.map(String)
    const { POSTGRES_URL: _, ...inherited } = process.env
    const npm = spawn('npm', ['run', 'dev'], {
      cwd: folder,
      detached: true,
      env: { ...inherited, PORT, NEON_PORT, DATA_DIR: '.data' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    processGroups.push(Number(npm.pid))
    // Emitted when npm has ended, and every process that inherited its output.
    const closed = once(npm, 'close')
    let output = ''
    await new Promise<void>((resolve, reject) => {
      for (const stream of [npm.stdout, npm.stderr])
        stream.setEncoding('utf8').on('data', (text) => {
          output += text
          if (output.includes('/docs\n')) resolve()
        })
      closed.then(() => reject(new Error(`npm run dev ended: ${output}`)))
    })

    const untilEnded = async () => {
      for (const port of ports) await untilFree(port)
      const late = setTimeout(bound, 'late', { ref: false })
      assert.notEqual(await Promise.race([closed, late]), 'late', 'a process lives on')
      // The local Neon deletes its lock once PGlite has written everything to the folder.
      assert.equal(existsSync(join(folder, '.data', 'lock')), false)
    }
    return { npm, group: -Number(npm.pid), untilEnded }
  }

  const email = 'ada@example.com'
  const password = 'correct horse battery'

  const post = async (path: string, json: unknown = { email, password }): Promise<number> => {
    const { status } = await fetch(`http://localhost:${ports[0]}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
    })
    return status
  }

  /** Asks wrangler for the mails that the Worker has sent, or for one in full. */
  const sentMails = async <Result>(id?: string): Promise<Result> => {
    const url = new URL(
      '/cdn-cgi/local/explorer/api/local/email/sending',
      `http://localhost:${ports[0]}`
    )
    url.searchParams.set('worker', 'edge-todo')
    if (id) url.searchParams.set('email_id', id)
    return ((await (await fetch(url)).json()) as { result: Result }).result
  }

  /** The last mail with this subject, once wrangler has it. */
  const mailAbout = async (subject: string) => {
    for (const deadline = performance.now() + bound; ; await setTimeout(100)) {
      const mails = await sentMails<{ subject: string; messageId: string; to: string[] }[]>()
      const [mail] = mails.filter((mail) => mail.subject === subject)
      if (mail) return { ...mail, ...(await sentMails<{ text: string }>(mail.messageId)) }
      assert.ok(performance.now() < deadline, `no mail about: ${subject}`)
    }
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const)
    it(`wrangler and the local Neon end when ${signal} ends npm alone`, async () => {
      const { npm, untilEnded } = await start()
      npm.kill(signal)
      await untilEnded()
    })

  it('a start right after npm was killed finds the ports free and the data unharmed', async () => {
    const first = await start()
    assert.equal(await post('/auth/signup'), 201)
    first.npm.kill('SIGKILL')
    const second = await start()
    assert.equal(await post('/auth/login'), 200)
    second.npm.kill('SIGTERM')
    await second.untilEnded()
  })

  it('a link from a mail that wrangler keeps sets a new password', async () => {
    const { npm, untilEnded } = await start()
    const other = { email: 'grace@example.com', password }
    assert.equal(await post('/auth/signup', other), 201)
    assert.equal(await post('/auth/password/forgot', { email: other.email }), 202)
    const { to, text } = await mailAbout('Set a new password')
    assert.deepEqual(to, [other.email])
    const [, origin, token] = /(\S+)\/app\/#reset=([\w-]{43})$/m.exec(text) ?? []
    assert.equal(origin, `http://localhost:${ports[0]}`)
    const new_password = 'staple of another kind'
    assert.equal(await post('/auth/password/reset', { token, new_password }), 204)
    assert.equal(await post('/auth/login', other), 401)
    assert.equal(await post('/auth/login', { ...other, password: new_password }), 200)
    npm.kill('SIGTERM')
    await untilEnded()
  })

  it('wrangler and the local Neon end on Ctrl-C', async () => {
    const { group, untilEnded } = await start()
    // A terminal signals all processes of the group.
    process.kill(group, 'SIGINT')
    await untilEnded()
  })
})
