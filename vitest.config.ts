import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

/** Takes every mail and drops it. A test that reads mails has a mailbox of its own. */
const acceptMails = `
  import { WorkerEntrypoint } from 'cloudflare:workers'
  export class Mail extends WorkerEntrypoint { send() {} }
  export default {}`

export default defineConfig({
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: './wrangler.toml' },
      // The addresses of its own that each test sends from must reach a server at API_URL.
      miniflare: {
        bindings: inject('bindings'),
        // For vitest, where wrangler.toml goes without Node's APIs.
        compatibilityFlags: ['enable_nodejs_inspector_module'],
        stripCfConnectingIp: false,
        serviceBindings: { EMAIL: { name: 'mail', entrypoint: 'Mail' } },
        workers: [{ name: 'mail', modules: true, script: acceptMails }],
      },
    })),
  ],
  test: {
    include: ['test/*.test.ts'],
    globalSetup: './test/setup/database.ts',
    setupFiles: './test/setup/log.ts',
    testTimeout: 30_000,
    // A request's log line is worth reading where the test failed.
    silent: 'passed-only',
  },
})
