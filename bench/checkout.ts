import { execFileSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { onTeardown, run } from './teardown.ts'

const git = (...args: string[]): string =>
  execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()

/** Returns the short hash of a commit, however it was named. */
export const resolveCommit = (name: string): string => {
  try {
    return git('rev-parse', '--verify', '--short', '--end-of-options', `${name}^{commit}`)
  } catch (error) {
    throw new Error(`--against ${name}: git finds no such commit here`, { cause: error })
  }
}

/** The commit that the working tree is based on, and whether it has changes on top of it. */
export const describeWorkingTree = (): string =>
  git('describe', '--always', '--exclude=*', '--dirty= with uncommitted changes')

/**
 * Checks a commit out into `folder`, a git worktree that is removed at teardown, with the
 * dependencies of that commit.
 */
export const checkOut = async (commit: string, folder: string): Promise<void> => {
  git('worktree', 'add', '--detach', folder, commit)
  onTeardown(() => git('worktree', 'remove', '--force', folder))
  const lockFiles = ['.', folder].map((root) =>
    readFileSync(join(root, 'package-lock.json'), 'utf8')
  )
  if (lockFiles[0] === lockFiles[1])
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  else await run('npm', ['ci', '--loglevel=error'], { cwd: folder })
}
