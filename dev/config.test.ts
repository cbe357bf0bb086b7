import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import { writeConfig } from './config.ts'

test('the configuration of a running wrangler is not written again by a second start', () => {
  const written = () => statSync(writeConfig()).mtimeMs
  assert.equal(written(), written())
})
