import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Build, bundle } from './bundle.ts'
import { checkOut, describeWorkingTree } from './checkout.ts'
import { compare, medianBounds, type Target } from './load.ts'
import { startNeon } from './neon.ts'
import { prepare } from './operations.ts'
import { send } from './reply.ts'
import { type CommitFigures, progress, reportCommit } from './report.ts'
import { run } from './teardown.ts'
import { startWorker } from './workerd.ts'

const secondsPerTurn = 0.3

/** Stops early on a quiet machine, where the ratio is soon known well enough. */
const isEnough = (ratios: number[]): boolean => {
  const [low, high] = medianBounds(ratios)
  return ratios.length >= 48 || (ratios.length >= 24 && high - low <= 0.03)
}

/**
 * Starts a build with a database of its own, which the migrations of the source tree at `root` are
 * applied to. Returns the Worker with each of the operations that it can be loaded with.
 */
const startTargets = async (root: string, build: Build): Promise<Target[]> => {
  const DATABASE_URL = await startNeon()
  await run('npm', ['run', '--loglevel=error', 'db:migrate'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL },
  })
  const JWT_SECRET = randomBytes(32).toString('hex')
  const worker = await startWorker(build, { DATABASE_URL, JWT_SECRET, BCRYPT_COST: '10' })
  const { operations } = await prepare(worker)
  return operations.map((operation) => ({ worker, operation }))
}

/** Returns the status of the reply when an operation has not the status that it should have. */
const wrongStatus = async ({ worker, operation }: Target): Promise<number | undefined> => {
  const { status } = await send(worker, operation)
  return status === operation.status ? undefined : status
}

/**
 * Measures the Worker of the working tree beside the Worker of another commit, each with a database
 * of its own, and returns the report. Given names, it only measures the operations of these names.
 */
export const againstCommit = async (
  commit: string,
  names: string[],
  folder: string
): Promise<string> => {
  progress(`check out ${commit}`)
  const worktree = join(folder, 'worktree')
  await checkOut(commit, worktree)

  progress('bundle and start')
  const ourBuild = await bundle('.', join(folder, 'ours'))
  const theirBuild = await bundle(worktree, join(folder, 'theirs'))
  const allOurs = await startTargets('.', ourBuild)
  const allTheirs = await startTargets(worktree, theirBuild)
  const known = allOurs.map(({ operation }) => operation.name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown) throw new Error(`There is no operation "${unknown}", only ${known.join(', ')}`)

  const rows: CommitFigures['rows'] = []
  for (const ours of allOurs) {
    const { name } = ours.operation
    if (names.length > 0 && !names.includes(name)) continue
    progress(name)
    const ourFault = await wrongStatus(ours)
    if (ourFault) throw new Error(`${name}: the Worker of the working tree answers ${ourFault}`)
    const theirs = allTheirs.find(({ operation }) => operation.name === name)
    const theirFault = theirs && (await wrongStatus(theirs))
    const comparison = !theirs
      ? 'has no entity tags'
      : theirFault
        ? `answers ${theirFault}`
        : await compare(ours, theirs, secondsPerTurn, isEnough)
    rows.push({ name, comparison })
  }
  return reportCommit({
    workingTree: describeWorkingTree(),
    commit,
    rows,
    gzip: [ourBuild.gzip, theirBuild.gzip],
  })
}
