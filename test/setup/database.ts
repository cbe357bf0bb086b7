import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { TestProject } from 'vitest/node'
import { buildAssets } from '../../dev/assets.ts'
import { migrate } from '../../dev/migrate.ts'
import { startNeon } from '../../dev/neon/neon.ts'
import { startProxy } from './proxy.ts'

declare module 'vitest' {
  interface ProvidedContext {
    bindings: Record<string, string>
  }
}

/**
 * Starts the local Neon and a proxy in front of it, once for the whole run. With API_URL set, the
 * tests go to the server there instead, and share its database and its secret.
 */
export default async function setup(project: TestProject) {
  const { API_URL, POSTGRES_URL: postgresUrl } = process.env
  await buildAssets()
  const neon = API_URL ? undefined : await startNeon({ port: 0, dataDir: 'memory', postgresUrl })
  const settings = neon
    ? { DATABASE_URL: neon.url, JWT_SECRET: 'b0J1c3Qgb2YgdGhlIHRlc3RzLCBub3QgbW9yZQ' }
    : { ...settingsOfDev(), ...process.env }
  const { DATABASE_URL = '', JWT_SECRET = '' } = settings
  if (neon) await migrate(DATABASE_URL)
  const proxy = await startProxy(DATABASE_URL)
  project.provide('bindings', {
    DATABASE_URL,
    JWT_SECRET,
    BCRYPT_COST: '4',
    EMAIL_FROM: 'todo@example.com',
    APP_URL: 'https://todo.example.com',
    CORS_ORIGINS: 'https://app.example.com, http://localhost:5173',
    PROXY_URL: proxy.url,
    ...(API_URL && { API_URL }),
  })
  return async () => {
    await proxy.close()
    await neon?.close()
  }
}

/** The database and the secret of `npm run dev`, which API_URL usually names. */
const settingsOfDev = () => ({
  DATABASE_URL: 'postgresql://postgres:postgres@127.0.0.1:4444/postgres',
  ...(existsSync('.dev.vars') && parseEnv(readFileSync('.dev.vars', 'utf8'))),
})
