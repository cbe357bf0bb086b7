import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { againstBare } from './against-bare.ts'
import { againstCommit } from './against-commit.ts'
import { resolveCommit } from './checkout.ts'
import { onTeardown, teardown } from './teardown.ts'

const readArguments = () => {
  try {
    const { values, positionals } = parseArgs({
      options: { against: { type: 'string' } },
      allowPositionals: true,
    })
    if (values.against === undefined && positionals.length > 0)
      throw new Error('Operations can only be picked together with --against <commit>')
    const commit = values.against === undefined ? undefined : resolveCommit(values.against)
    return { commit, names: positionals }
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}

const { commit, names } = readArguments()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, async () => {
    await teardown()
    process.exit(130)
  })

try {
  const folder = mkdtempSync(join(tmpdir(), 'edge-todo-bench-'))
  onTeardown(() => rmSync(folder, { recursive: true }))
  console.log(await (commit ? againstCommit(commit, names, folder) : againstBare(folder)))
} finally {
  await teardown()
}
