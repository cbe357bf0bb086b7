import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Duplex } from 'node:stream'
import { PGlite } from '@electric-sql/pglite'

/**
 * Sockets for a pg client, each with a PGlite at its far end that lives as long as the socket.
 * One PGlite is one session, and one folder is open in one PGlite: so one socket at a time.
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
      // Streamed, so that a huge result passes by instead of piling up; the bytes are PGlite's own.
      const onRawData = (bytes: Uint8Array) => socket.push(Buffer.from(bytes))
      database.execProtocolRawStream(message, { syncToFs: false, onRawData }).then(
        () => done(),
        // What throws has left its main loop for good: the error ends the socket, and PGlite with it.
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
        // What has failed is left alone: a closing PGlite runs its main loop once more.
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

// The least Postgres allows: with its usual 2 MB, nested JSON or expressions overflow the stack of
// WebAssembly first, which PGlite does not survive.
const startParams = [...PGlite.defaultStartParams, '-c', 'max_stack_depth=100kB']

async function openDatabase(dataDir: string): Promise<PGlite> {
  if (dataDir === 'memory') return throwOnTrap(await PGlite.create({ startParams }))
  const folder = resolve(dataDir, 'postgres')
  if (!existsSync(folder)) {
    // A first start that breaks off must not leave half a database under the final name.
    const draft = resolve(dataDir, 'draft')
    rmSync(draft, { recursive: true, force: true })
    const database = await PGlite.create(draft)
    await database.close()
    renameSync(draft, folder)
  }
  return throwOnTrap(await PGlite.create(folder, { startParams }))
}

/** PGlite swallows a trap of WebAssembly, and would go on asking its dead Postgres for ever */
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
  // What PGlite calls next, and not from within a try
  Module.stackRestore = (pointer) => {
    if (trap) throw trap
    return stackRestore(pointer)
  }
  return database
}

const held = new Set<string>()

/** Takes a data folder for this process, until the returned function is called */
export function lockFolder(dataDir: string): () => void {
  const folder = resolve(dataDir)
  const file = join(folder, 'lock')
  mkdirSync(folder, { recursive: true })
  for (let attempt = 1; ; attempt++) {
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' })
      held.add(folder)
      return () => {
        held.delete(folder)
        rmSync(file, { force: true })
      }
    } catch (error) {
      if (attempt === 2 || !existsSync(file)) throw error
      const pid = Number(readFileSync(file, 'utf8'))
      if (held.has(folder) || (pid !== process.pid && isRunning(pid))) {
        throw new Error(`${dataDir} is in use by process ${pid} (if it is not, delete ${file})`)
      }
      // Left behind by a process that was killed.
      rmSync(file, { force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
