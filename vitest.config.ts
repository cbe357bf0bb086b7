import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

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
