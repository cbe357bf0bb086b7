import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Duplex } from 'node:stream'
import { PGlite } from '@electric-sql/pglite'
import { retry } from './retry.ts'

/**
 * Returns a function that makes sockets for a pg client. Each socket leads to a PGlite of its own,
 * which lives as long as the socket. A folder can be open in one PGlite only, so that a new socket
 * connects when the one before has closed.
 */
export function pgliteSockets(dataDir: string): () => Duplex {
  let previous: Promise<unknown> = Promise.resolve()

  return () => {
    let database: PGlite | undefined

    async function connect() {
      await previous
      database = await openDatabase(dataDir)
      socket.emit('connect')
    }

    function exchange(message: Buffer, done: (error?: Error) => void) {
      if (!database) return done(new Error('PGlite is closed'))
      // Streaming keeps a huge result from piling up. The bytes are copied from PGlite's memory.
      const onRawData = (bytes: Uint8Array) => socket.push(Buffer.from(bytes))
      database.execProtocolRawStream(message, { syncToFs: false, onRawData }).then(
        () => done(),
        // PGlite's main loop is lost once it throws: the error closes the socket and its PGlite.
        (cause) => done(new Error('connection closed', { cause }))
      )
    }

    const socket = new Duplex({
      read() {},
      write: (chunk: Buffer, _encoding, done) => exchange(chunk, done),
      writev: (chunks, done) => exchange(Buffer.concat(chunks.map(({ chunk }) => chunk)), done),
      final(done) {
        done()
        socket.destroy()
      },
      destroy(error, done) {
        // A PGlite that failed is not closed, because close() runs its main loop once more.
        const closed = Promise.resolve(error ? undefined : database?.close())
        database = undefined
        previous = closed.catch(() => {})
        closed.then(() => done(error), done)
      },
    })
    return Object.assign(socket, {
      connect: () => void connect().catch((error) => socket.destroy(error)),
      setNoDelay() {},
      ref() {},
      unref() {},
    })
  }
}

// 100 kB is the least that Postgres allows. With the usual 2 MB, nested JSON or expressions
// overflow the stack of WebAssembly before Postgres notices, and PGlite does not survive that.
const startParams = [...PGlite.defaultStartParams, '-c', 'max_stack_depth=100kB']

async function openDatabase(dataDir: string): Promise<PGlite> {
  if (dataDir === 'memory') return throwOnTrap(await PGlite.create({ startParams }))
  const folder = resolve(dataDir, 'postgres')
  if (!existsSync(folder)) {
    // When the first start is killed, half a database must not stay under the final name.
    const draft = resolve(dataDir, 'draft')
    rmSync(draft, { recursive: true, force: true })
    const database = await PGlite.create(draft)
    await database.close()
    renameSync(draft, folder)
  }
  return throwOnTrap(await PGlite.create(folder, { startParams }))
}

/**
 * Makes a PGlite throw when WebAssembly traps. By itself it swallows the trap, and then waits for
 * ever for an answer of the Postgres that has died.
 */
function throwOnTrap(database: PGlite): PGlite {
  const { Module } = database
  const { _PostgresMainLoopOnce: step, stackRestore } = Module
  let trap: Error | undefined
  Module._PostgresMainLoopOnce = () => {
    try {
      step()
    } catch (error) {
      if (error instanceof Error && /^(Range|Runtime)Error$/.test(error.name)) trap = error
      throw error
    }
  }
  // PGlite calls this next, outside any `try`.
  Module.stackRestore = (pointer) => {
    if (trap) throw trap
    return stackRestore(pointer)
  }
  return database
}

/** The data folders that this process has open */
const held = new Set<string>()

/** Takes a data folder for this process, until the returned function is called */
export async function lockFolder(dataDir: string): Promise<() => void> {
  const folder = resolve(dataDir)
  const file = join(folder, 'lock')
  mkdirSync(folder, { recursive: true })
  let owner = 0
  const isLocked = await retry(() => {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      held.add(folder)
      return true
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
    }
    try {
      owner = Number(readFileSync(file, 'utf8'))
    } catch (error) {
      // Its owner has just deleted it.
      if (hasCode(error, 'ENOENT')) return false
      throw error
    }
    // A process that is killed leaves its lock behind, and its number may be given to this process.
    const isOwned = owner === process.pid ? held.has(folder) : isRunning(owner)
    if (!isOwned) rmSync(file, { force: true })
    return false
  })
  if (!isLocked) {
    throw new Error(
      `${dataDir} is in use by process ${owner}: stop it, or delete ${file} if it is not a Neon`
    )
  }
  return () => {
    held.delete(folder)
    rmSync(file, { force: true })
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
