import { readFileSync } from 'node:fs'

/** How often this process checks that npm still runs, in milliseconds */
const INTERVAL = 200

/**
 * Aborts when this process has to end: on Ctrl-C, on `kill`, when the terminal closes, and when
 * npm, which started it, has ended. A signal to npm alone does not arrive here: npm passes some on
 * to the shell in which it runs the script, and the shell passes none on.
 */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  // Several signals can arrive for one Ctrl-C; all but the first do nothing.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop.abort())
  }
  if (process.env.npm_lifecycle_script) watchNpm(() => stop.abort())
  return stop.signal
}

/** Calls `onGone` once npm has ended. The kernel then gives its child another parent. */
function watchNpm(onGone: () => void) {
  const ancestors = findAncestors()
  const check = () => {
    if (findAncestors().join() !== ancestors.join()) onGone()
  }
  setInterval(check, INTERVAL).unref()
  if (isOrphan(ancestors)) onGone()
}

/**
 * The parent of this process, and the parent's parent when the parent is the shell that npm runs a
 * script in. dash waits for the script, and lives on when npm is killed; bash lets the script take
 * its place, so that npm itself is the parent. Only Linux has /proc; on macOS sh is bash.
 */
function findAncestors(): number[] {
  const parent = process.ppid
  const isShell = read(`${parent}/cmdline`).includes(String(process.env.npm_lifecycle_script))
  return isShell ? [parent, readStat(parent).parent] : [parent]
}

/**
 * Whether npm ended while Node was still loading this script. npm, its shell and the script share a
 * process group; the process that adopts an orphan is in another one.
 */
function isOrphan(ancestors: number[]): boolean {
  const { group } = readStat(process.pid)
  return group !== process.pid && ancestors.some((pid) => readStat(pid).group !== group)
}

function readStat(pid: number): { parent: number; group: number } {
  // The second field is the name in parentheses, which may itself hold spaces and parentheses.
  const [, parent = 0, group = 0] =
    read(`${pid}/stat`).split(') ').at(-1)?.split(' ').map(Number) ?? []
  return { parent, group }
}

function read(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}
