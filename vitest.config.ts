import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: './wrangler.toml' },
      miniflare: { bindings: inject('bindings') },
    })),
  ],
  test: {
    include: ['test/*.test.ts'],
    globalSetup: './test/setup/database.ts',
    testTimeout: 30_000,
    // A request's log line is worth reading where the test failed.
    silent: 'passed-only',
  },
})
