import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { neon } from '@neondatabase/serverless'
import { startNeon } from '../neon.ts'
import { failure, local, onPGlite, onPostgreSQL, postgresUrl } from './client.ts'

describe('starting and stopping', { timeout: 300_000 }, () => {
  const folders: string[] = []
  const children: ChildProcess[] = []

  after(() => {
    for (const child of children) child.kill('SIGKILL')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })

  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'neon-test-'))
    folders.push(path)
    return path
  }

  /** The command line, as it runs for a developer */
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

  it('says what is wrong with the environment, a line for each', async () => {
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

  it('says that the port is taken', async () => {
    const error = await failure(startNeon({ port: local.port, dataDir: 'memory' }))
    assert.equal(
      error.message,
      `port ${local.port} is already in use: set NEON_PORT to another one`
    )
    const { code, errors } = await run({ NEON_PORT: String(local.port), DATA_DIR: 'memory' }).exited
    assert.deepEqual(
      [code, errors],
      [1, `port ${local.port} is already in use: set NEON_PORT to another one\n`]
    )
  })

  it('says that PostgreSQL cannot be reached', async () => {
    const url = 'postgresql://user:topsecret@127.0.0.1:1/db'
    const { code, errors } = await run({ POSTGRES_URL: url }).exited
    assert.equal(code, 1)
    assert.equal(
      errors,
      'cannot connect to PostgreSQL at 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n'
    )
  })

  it('says that PostgreSQL refuses the password', onPostgreSQL, async () => {
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

  it('keeps the data when it is stopped, and when it is killed', onPGlite, async () => {
    const dataDir = folder()
    const first = run({ DATA_DIR: dataDir })
    const url = await first.url
    assert.match(url, /^postgresql:\/\/postgres:postgres@127\.0\.0\.1:\d+\/postgres$/)
    await neon(url)`create table kept (n int)`
    await neon(url)`insert into kept values (1)`

    // npm passes SIGINT on to a process that has it from the terminal already, and is busy closing:
    // here with a request that is not complete.
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.write('POST /sql HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{')
    await sleep(300)
    first.child.kill('SIGINT')
    await sleep(300)
    first.child.kill('SIGINT')
    await sleep(300)
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
      new RegExp(`^${dataDir} is in use by process ${third.child.pid} [^\n]*\n$`)
    )
    assert.deepEqual(await neon(again)`select count(*)::int as n from kept`, [{ n: 2 }])

    // A PGlite that breaks down is replaced, with its data.
    const error = await failure(neon(again).query(`select '${'['.repeat(100_000)}'::jsonb`))
    assert.equal(error.message, 'connection closed')
    assert.deepEqual(await neon(again)`select count(*)::int as n from kept`, [{ n: 2 }])

    third.child.kill('SIGTERM')
    assert.equal((await third.exited).code, 0)
    assert.ok(!existsSync(join(dataDir, 'lock')))
  })

  it('recovers from a first start that broke off', onPGlite, async () => {
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

  it('refuses a folder that this process has open, and gives it back', onPGlite, async () => {
    const dataDir = folder()
    const one = await startNeon({ port: 0, dataDir })
    await assert.rejects(startNeon({ port: 0, dataDir }), /is in use by process/)
    assert.deepEqual(await neon(one.url)`select 1 as n`, [{ n: 1 }])
    await Promise.all([one.close(), one.close()])
    const two = await startNeon({ port: one.port, dataDir })
    await two.close()
  })

  it('answers what is under way before it stops', async () => {
    const one = run(postgresUrl ? { POSTGRES_URL: postgresUrl } : { DATA_DIR: 'memory' })
    const client = neon(await one.url)
    // So that each has its connection open already
    await Promise.all(Array.from({ length: 5 }, async () => client`select pg_sleep(0.01)`))
    let done = 0
    const busy = Array.from({ length: 5 }, async () => {
      const rows = await client`select count(*)::int as n from generate_series(1, 300000)`
      done++
      return rows
    })
    // PGlite is deaf at work: when it has answered twice, the others have arrived.
    while (done < 2) await sleep(1)
    one.child.kill('SIGTERM')
    for (const rows of await Promise.all(busy)) assert.deepEqual(rows, [{ n: 300000 }])
    const start = performance.now()
    assert.equal((await one.exited).code, 0)
    assert.ok(performance.now() - start < 3000, 'waited for idle connections')
  })
})
