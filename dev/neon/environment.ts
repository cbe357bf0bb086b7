import type { NeonOptions } from './neon.ts'
import { parseConnectionString } from './protocol.ts'

/** Reads NEON_PORT, POSTGRES_URL and DATA_DIR. Its Error has one line for each that is wrong. */
export function readEnvironment(env: NodeJS.ProcessEnv): NeonOptions {
  const { NEON_PORT: port = '4444', DATA_DIR: dataDir = '.data', POSTGRES_URL: postgresUrl } = env
  const faults: string[] = []
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    faults.push('NEON_PORT must be a port, 0 to 65535; 0 takes any that is free')
  }
  if (!dataDir) faults.push('DATA_DIR must be a folder, or `memory` to keep no data')
  try {
    if (postgresUrl) parseConnectionString(postgresUrl)
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    faults.push(`POSTGRES_URL must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE (${reason})`)
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return { port: Number(port), dataDir, postgresUrl }
}
