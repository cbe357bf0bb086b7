import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { neon } from '@neondatabase/serverless'
import { startNeon } from '../neon.ts'
import { lockFolder } from '../pglite.ts'
import { failure, local, onPGlite, onPostgreSQL, postgresUrl } from './client.ts'

describe('starting and stopping', { timeout: 300_000 }, () => {
  const folders: string[] = []
  const children: ChildProcess[] = []
  const groups: number[] = []

  after(() => {
    for (const child of children) child.kill('SIGKILL')
    for (const group of groups) {
      try {
        process.kill(-group, 'SIGKILL')
      } catch {
        // All its processes have ended, as they should.
      }
    }
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'neon-test-'))
    folders.push(path)
    return path
  }

  /** Runs main.ts as a process of its own. */
  function run(env: { [name: string]: string }) {
    const { POSTGRES_URL: _, ...inherited } = process.env
    const main = fileURLToPath(new URL('../main.ts', import.meta.url))
    const child = spawn(process.execPath, [main], { env: { ...inherited, NEON_PORT: '0', ...env } })
    children.push(child)
    let output = ''
    let errors = ''
    child.stdout.on('data', (data) => {
      output += data
    })
    child.stderr.on('data', (data) => {
      errors += data
    })
    const exited = once(child, 'close').then(([code]) => ({ code, output, errors }))
    const url = new Promise<string>((resolve, reject) => {
      child.stdout.on('data', () => {
        const found = /DATABASE_URL=(\S+)\n/.exec(output)
        if (found?.[1]) resolve(found[1])
      })
      exited.then(() => reject(new Error(errors)))
    })
    url.catch(() => {})
    return { child, url, exited }
  }

  /** Runs `npm run neon` in a process group of its own. `closed` waits for all its processes. */
  function runNpm(env: { [name: string]: string } = {}) {
    const child = spawn('npm', ['run', 'neon'], {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      detached: true,
      env: { ...process.env, NEON_PORT: '0', DATA_DIR: 'memory', ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    groups.push(Number(child.pid))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    async function untilLine(text: string) {
      for (let line = ''; !line.includes(text); ) {
        const { done, value } = await lines.next()
        assert.ok(!done, `npm run neon ended before it printed ${text}`)
        line = value
      }
    }
    const closed = once(child, 'close', { signal: AbortSignal.timeout(60_000) })
    return { child, untilLine, closed }
  }

  it('each wrong environment variable is an error with a line of its own', async () => {
    const { code, output, errors } = await run({
      NEON_PORT: '70000',
      DATA_DIR: '',
      POSTGRES_URL: 'mysql://user:topsecret@host/db',
    }).exited
    assert.deepEqual([code, output], [1, ''])
    const names = errors
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0])
    assert.deepEqual(names, ['NEON_PORT', 'DATA_DIR', 'POSTGRES_URL'])
    assert.doesNotMatch(errors, /topsecret/)
  })

  it('a port that stays in use is an error', async () => {
    const { port } = local
    const [{ message }, { code, errors }] = await Promise.all([
      failure(startNeon({ port, dataDir: 'memory' })),
      run({ NEON_PORT: String(port), DATA_DIR: 'memory' }).exited,
    ])
    assert.equal(message, `port ${port} is already in use: set NEON_PORT to another one`)
    assert.deepEqual([code, errors], [1, `${message}\n`])
  })

  it('a PostgreSQL that cannot be reached is an error', async () => {
    const url = 'postgresql://user:topsecret@127.0.0.1:1/db'
    const { code, errors } = await run({ POSTGRES_URL: url }).exited
    assert.equal(code, 1)
    assert.equal(
      errors,
      'cannot connect to PostgreSQL at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n'
    )
  })

  it('a PostgreSQL that refuses the password is an error', onPostgreSQL, async () => {
    const url = new URL(String(postgresUrl))
    url.password = 'topsecret'
    const { code, errors } = await run({ POSTGRES_URL: url.href }).exited
    assert.equal(code, 1)
    assert.match(
      errors,
      /^cannot connect to PostgreSQL at \S+: password authentication failed[^\n]*\n$/
    )
    assert.doesNotMatch(errors, /topsecret/)
  })

  it('data survives a stop and a kill', onPGlite, async () => {
    const dataDir = folder()
    const first = run({ DATA_DIR: dataDir })
    const url = await first.url
    assert.match(url, /^postgresql:\/\/postgres:postgres@127\.0\.0\.1:\d+\/postgres$/)
    await neon(url)`create table kept (n int)`
    await neon(url)`insert into kept values (1)`

    // Ctrl-C can arrive twice, and the second one finds the server still waiting for a request.
    const port = Number(new URL(url).port)
    const socket = connect(port, '127.0.0.1')
    const head = 'POST /sql HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue'
    socket.write(`${head}\r\n\r\n`)
    await once(socket, 'data')
    first.child.kill('SIGINT')
    await untilRefused(port)
    first.child.kill('SIGINT')
    socket.destroy()
    const end = await first.exited
    assert.deepEqual(end, {
      code: 0,
      output: `Local Neon is ready: DATABASE_URL=${url}\n`,
      errors: '',
    })

    const second = run({ DATA_DIR: dataDir })
    await neon(await second.url)`insert into kept values (2)`
    second.child.kill('SIGKILL')
    await second.exited
    assert.ok(existsSync(join(dataDir, 'lock')))

    const third = run({ DATA_DIR: dataDir })
    const again = await third.url
    assert.deepEqual(await neon(again)`select n from kept order by n`, [{ n: 1 }, { n: 2 }])

    const refused = await run({ DATA_DIR: dataDir }).exited
    assert.equal(refused.code, 1)
    assert.match(
      refused.errors,
      new RegExp(`^${dataDir} is in use by process ${third.child.pid}: [^\n]*\n$`)
    )
    assert.deepEqual(await neon(again)`select count(*)::int as n from kept`, [{ n: 2 }])

    // A PGlite that breaks down is replaced by another one with the same data.
    const error = await failure(neon(again).query(`select '${'['.repeat(100_000)}'::jsonb`))
    assert.equal(error.message, 'connection closed')
    assert.deepEqual(await neon(again)`select count(*)::int as n from kept`, [{ n: 2 }])

    third.child.kill('SIGTERM')
    assert.equal((await third.exited).code, 0)
    assert.ok(!existsSync(join(dataDir, 'lock')))
  })

  it('a first start that was killed does no harm to the second', onPGlite, async () => {
    const dataDir = folder()
    const first = run({ DATA_DIR: dataDir })
    while (!existsSync(join(dataDir, 'draft'))) await sleep(20)
    first.child.kill('SIGKILL')
    await first.exited
    writeFileSync(join(dataDir, 'lock'), 'not a pid')
    const second = run({ DATA_DIR: dataDir })
    assert.deepEqual(await neon(await second.url)`select 1 as n`, [{ n: 1 }])
    assert.equal(readFileSync(join(dataDir, 'lock'), 'utf8'), String(second.child.pid))
    second.child.kill('SIGTERM')
    assert.equal((await second.exited).code, 0)
  })

  it(
    'a data folder can be open once in a process, and again after it is closed',
    onPGlite,
    async () => {
      const dataDir = folder()
      const one = await startNeon({ port: 0, dataDir })
      await assert.rejects(startNeon({ port: 0, dataDir }), /is in use by process/)
      assert.deepEqual(await neon(one.url)`select 1 as n`, [{ n: 1 }])
      await Promise.all([one.close(), one.close()])
      const two = await startNeon({ port: one.port, dataDir })
      await two.close()
    }
  )

  it('a start waits for a port that becomes free', async () => {
    const one = await startNeon({ port: 0, dataDir: 'memory' })
    const starting = startNeon({ port: one.port, dataDir: 'memory' })
    // A later attempt that fails shows that the start has failed at first, too, and is waiting.
    const attempt = createServer().listen(one.port, '127.0.0.1')
    await assert.rejects(once(attempt, 'listening'), { code: 'EADDRINUSE' })
    await one.close()
    const two = await starting
    assert.deepEqual(await neon(two.url)`select 1 as n`, [{ n: 1 }])
    await two.close()
  })

  it('a start waits for a data folder that becomes free', async () => {
    const dataDir = folder()
    const unlock = await lockFolder(dataDir)
    const locking = lockFolder(dataDir)
    unlock()
    const unlockAgain = await locking
    unlockAgain()
    assert.ok(!existsSync(join(dataDir, 'lock')))
  })

  it('requests that are running are answered before the server stops', async () => {
    const one = run(postgresUrl ? { POSTGRES_URL: postgresUrl } : { DATA_DIR: 'memory' })
    const client = neon(await one.url)
    // Opens the connections, so that the requests below arrive at once.
    await Promise.all(Array.from({ length: 5 }, async () => client`select pg_sleep(0.01)`))
    let done = 0
    const busy = Array.from({ length: 5 }, async () => {
      const rows = await client`select count(*)::int as n from generate_series(1, 300000)`
      done++
      return rows
    })
    // PGlite blocks its process: once two replies are here, the other requests have arrived.
    while (done < 2) await sleep(1)
    one.child.kill('SIGTERM')
    for (const rows of await Promise.all(busy)) assert.deepEqual(rows, [{ n: 300000 }])
    const start = performance.now()
    assert.equal((await one.exited).code, 0)
    assert.ok(performance.now() - start < 3000, 'waited for idle connections')
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`npm run neon ends completely when ${signal} ends npm alone`, async () => {
      const { child, untilLine, closed } = runNpm()
      await untilLine('Local Neon is ready')
      child.kill(signal)
      await closed
    })
  }

  it('npm run neon ends completely when npm is killed while the script is loading', async () => {
    // Node prints the path of each script before it loads the script.
    const NODE_OPTIONS = '--import=data:text/javascript,console.log(process.argv[1])'
    const { child, untilLine, closed } = runNpm({ NODE_OPTIONS })
    await untilLine('/dev/neon/main.ts')
    child.kill('SIGKILL')
    await closed
  })
})

async function untilRefused(port: number) {
  for (let isOpen = true; isOpen; ) {
    const probe = connect(port, '127.0.0.1')
    isOpen = await once(probe, 'connect').then(
      () => true,
      () => false
    )
    probe.destroy()
  }
}
