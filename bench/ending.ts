import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

const endings: (() => unknown)[] = []
let ended: Promise<void> | undefined

/** Has something undone when the bench ends, however it does. */
export const atEnd = (ending: () => unknown) => {
  endings.unshift(ending)
}

export const end = (): Promise<void> => {
  ended ??= (async () => {
    for (const ending of endings)
      try {
        await ending()
      } catch (error) {
        console.error(error)
      }
  })()
  return ended
}

/** Starts a program that ends with the bench at the latest. */
export const start = (program: string, args: string[], options: SpawnOptions): ChildProcess => {
  const child = spawn(program, args, options)
  atEnd(async () => {
    const runs = child.pid && child.exitCode === null && child.signalCode === null
    if (!runs) return
    // A PGlite in the middle of a query hears of no signal but the last.
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000)
    child.kill()
    await once(child, 'exit')
    clearTimeout(timer)
  })
  return child
}
