import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, parse, resolve } from 'node:path'
import { unstable_readConfig as readConfig } from 'wrangler'
import { run } from './teardown.ts'

/** A bundled Worker, with the runtime that its wrangler.toml asks for. */
export type Build = {
  script: string
  /** KiB */
  gzip: number
  compatibility_date: string | undefined
  compatibility_flags: string[]
}

/** Runs the wrangler that the source tree at `root` has installed. */
const wrangler = (root: string, ...args: string[]): Promise<string> => {
  // The script in node_modules/.bin would not pass signals on to wrangler.
  const cli = createRequire(join(resolve(root), 'package.json')).resolve('wrangler')
  return run(process.execPath, ['--no-warnings', cli, ...args], {
    cwd: root,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
  })
}

/** Points wrangler at an empty folder of assets, so that /docs need not have been built. */
const noAssets = (folder: string) => {
  const assets = join(folder, 'assets')
  mkdirSync(assets, { recursive: true })
  return `--assets=${assets}`
}

/**
 * Bundles a Worker of the source tree at `root` into `folder`, as `wrangler deploy` would do it.
 * Without a `source` this is the Worker that the tree's wrangler.toml names.
 */
export const bundle = async (root: string, folder: string, source?: string): Promise<Build> => {
  const config = readConfig({ config: join(resolve(root), 'wrangler.toml') })
  const main = source ?? (config.main as string)
  const args = ['deploy', main, '--dry-run', `--outdir=${folder}`, noAssets(folder)]
  const [, gzip] = /gzip: ([\d.]+) KiB/.exec(await wrangler(root, ...args)) ?? []
  const { compatibility_date, compatibility_flags } = config
  const script = join(folder, `${parse(main).name}.js`)
  return { script, gzip: Number(gzip), compatibility_date, compatibility_flags }
}

type Profile = {
  nodes: { id: number; callFrame: { functionName: string } }[]
  samples: number[]
  timeDeltas: number[]
}

/**
 * Milliseconds that the Worker's start-up keeps a processor busy. The profiler counts wall-clock
 * time, in which other processes may run too, so this takes the shortest of five start-ups.
 */
export const profileStartUp = async (folder: string): Promise<number> => {
  const times: number[] = []
  while (times.length < 5) {
    const file = join(folder, 'start-up.cpuprofile')
    await wrangler('.', 'check', 'startup', `--outfile=${file}`, `--args=${noAssets(folder)}`)
    const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(file, 'utf8'))
    const idle = nodes.find(({ callFrame }) => callFrame.functionName === '(idle)')?.id
    times.push(
      timeDeltas.reduce((sum, time, i) => sum + (samples[i] === idle ? 0 : time), 0) / 1000
    )
  }
  return Math.min(...times)
}
