import { readEnvironment } from './environment.ts'
import { startNeon } from './neon.ts'

// A terminal sends SIGINT to the whole group, and npm sends it on: the second must not cut in.
let stopping = false
function stopOn(signal: NodeJS.Signals, close: () => Promise<void>) {
  process.on(signal, async () => {
    if (stopping) return
    stopping = true
    await close()
    process.exit()
  })
}

try {
  const starting = startNeon(readEnvironment(process.env))
  // A start is not broken off either, but followed by a proper end.
  const close = () => starting.then((neon) => neon.close())
  stopOn('SIGINT', close)
  stopOn('SIGTERM', close)
  const { url } = await starting
  process.stdout.write(`Local Neon is ready: DATABASE_URL=${url}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
