import { once } from 'node:events'
import { readEnvironment } from './environment.ts'
import { startNeon } from './neon.ts'
import { stopSignal } from './stop.ts'

const stop = stopSignal()
try {
  // A signal during the start takes effect once Neon has started.
  const neon = await startNeon(readEnvironment(process.env))
  if (!stop.aborted) {
    console.log(`Local Neon is ready: DATABASE_URL=${neon.url}`)
    await once(stop, 'abort')
  }
  await neon.close()
  process.exit()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
