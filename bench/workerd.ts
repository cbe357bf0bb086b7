import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Build } from './bundle.ts'
import { start } from './teardown.ts'

// The package's main module is the path of the program; node_modules/.bin may hold a wrapper script.
const { default: workerd } = createRequire(import.meta.url)('workerd') as { default: string }

export type Worker = {
  url: string
  /** Milliseconds of CPU time that its process has used so far. */
  cpu: () => number
  /** Bytes of memory that its process holds now. */
  memory: () => number
}

// JSON.stringify writes text literals and lists that Cap'n Proto reads as well.
const capnp = (
  { script, compatibility_date, compatibility_flags }: Build,
  bindings: Record<string, string>
) => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "internet", network = (allow = ["public", "private"])),
    (
      name = "worker",
      worker = (
        modules = [(name = "worker", esModule = embed ${JSON.stringify(basename(script))})],
        compatibilityDate = ${JSON.stringify(compatibility_date)},
        compatibilityFlags = ${JSON.stringify(compatibility_flags)},
        bindings = [${Object.entries(bindings).map(
          ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`
        )}],
      ),
    ),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
`

/** Starts a build in a workerd of its own. */
export const startWorker = async (
  build: Build,
  bindings: Record<string, string>
): Promise<Worker> => {
  const config = build.script.replace(/\.js$/, '.capnp')
  writeFileSync(config, capnp(build, bindings))
  const worker = start(workerd, ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  worker.stderr?.on('data', (text) => {
    errors += text
  })
  const lines = createInterface(worker.stdio[3] as Readable)
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(worker, 'close').then(() => Promise.reject(new Error(`workerd did not start: ${errors}`))),
  ])
  const { port } = JSON.parse(line)
  const pid = worker.pid as number
  return {
    url: `http://127.0.0.1:${port}`,
    cpu: () => processorTime(pid),
    memory: () => Number(ps('rss', pid)) * 1024,
  }
}

const ps = (column: string, pid: number) =>
  execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' })

const processorTime = (pid: number) => {
  if (process.platform !== 'linux') return psTime(pid)
  // schedstat counts nanoseconds; /proc/PID/stat only counts hundredths of a second.
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8')
  )
  return tasks.reduce((sum, task) => sum + Number.parseInt(task, 10), 0) / 1e6
}

/** Parses what ps prints, which is [[days-]hours:]minutes:seconds. */
const psTime = (pid: number) => {
  const [seconds = 0, minutes = 0, hours = 0, days = 0] = ps('time', pid)
    .split(/[-:]/)
    .map(Number)
    .reverse()
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}
