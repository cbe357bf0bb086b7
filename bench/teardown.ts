import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

const steps: (() => unknown)[] = []
let done: Promise<void> | undefined

/** Registers a step to run when the bench ends, whether it succeeds, fails or is interrupted. */
export const onTeardown = (step: () => unknown) => {
  steps.unshift(step)
}

/** Runs the registered steps once, the last one first. A step that fails does not stop the others. */
export const teardown = (): Promise<void> => {
  done ??= (async () => {
    for (const step of steps)
      try {
        await step()
      } catch (error) {
        console.error(error)
      }
  })()
  return done
}

/** Starts a program, which is ended at teardown if it still runs. */
export const start = (program: string, args: string[], options: SpawnOptions): ChildProcess => {
  const child = spawn(program, args, options)
  onTeardown(async () => {
    const runs = child.pid && child.exitCode === null && child.signalCode === null
    if (!runs) return
    // PGlite blocks its process during a query, so that it cannot handle SIGTERM then.
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000)
    child.kill()
    await once(child, 'exit')
    clearTimeout(timer)
  })
  return child
}

/** Runs a program to its end and returns what it printed. Throws when it fails. */
export const run = async (
  program: string,
  args: string[],
  options: SpawnOptions = {}
): Promise<string> => {
  const child = start(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    once(child, 'exit'),
  ])
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  return stdout
}
