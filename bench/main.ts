import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { againstBare } from './against-bare.ts'
import { againstCommit } from './against-commit.ts'
import { measureApp } from './app.ts'
import { resolveCommit } from './checkout.ts'
import { reportApp } from './report.ts'
import { onTeardown, teardown } from './teardown.ts'

const readArguments = () => {
  try {
    const { values, positionals } = parseArgs({
      options: { against: { type: 'string' }, app: { type: 'boolean' } },
      allowPositionals: true,
    })
    if (values.against === undefined && positionals.length > 0)
      throw new Error('Operations can only be picked together with --against <commit>')
    const commit = values.against === undefined ? undefined : resolveCommit(values.against)
    return { commit, names: positionals, isAppOnly: values.app }
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}

const { commit, names, isAppOnly } = readArguments()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, async () => {
    await teardown()
    process.exit(130)
  })

try {
  const folder = mkdtempSync(join(tmpdir(), 'edge-todo-bench-'))
  onTeardown(() => rmSync(folder, { recursive: true }))
  if (commit) console.log(await againstCommit(commit, names, folder))
  else {
    if (!isAppOnly) console.log(`${await againstBare(folder)}\n`)
    console.log(reportApp(await measureApp()))
  }
} finally {
  await teardown()
}
