import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { writeConfig } from './config.ts'

test('a second start does not write the configuration again, which a running wrangler reads', () => {
  const written = () => statSync(writeConfig()).mtimeMs
  assert.equal(written(), written())
})
