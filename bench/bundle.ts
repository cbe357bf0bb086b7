import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { start } from './ending.ts'

// Not the script in node_modules/.bin, which does not pass on a signal.
const cli = fileURLToPath(import.meta.resolve('wrangler'))

const wrangler = async (...args: string[]): Promise<string> => {
  const child = start(process.execPath, ['--no-warnings', cli, ...args], {
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    once(child, 'exit'),
  ])
  if (code !== 0) throw new Error(`wrangler ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

/** The page of /docs need not have been built: it is not measured. */
const noAssets = (folder: string) => {
  const assets = join(folder, 'assets')
  mkdirSync(assets, { recursive: true })
  return `--assets=${assets}`
}

/** Builds a Worker into `folder` as `wrangler deploy` would, and gives its size, in KiB of gzip. */
export const bundle = async (source: string, folder: string) => {
  const outdir = join(folder, basename(source, '.ts'))
  const report = await wrangler(
    'deploy',
    source,
    '--dry-run',
    `--outdir=${outdir}`,
    noAssets(folder)
  )
  const [, gzip] = /gzip: ([\d.]+) KiB/.exec(report) ?? []
  return { script: join(outdir, basename(source).replace('.ts', '.js')), gzip: Number(gzip) }
}

type Profile = {
  nodes: { id: number; callFrame: { functionName: string } }[]
  samples: number[]
  timeDeltas: number[]
}

/**
 * How long the Worker's start-up keeps a processor busy, in milliseconds. The profile counts the
 * time that other processes take from it: so the least of several.
 */
export const profileStartUp = async (folder: string): Promise<number> => {
  const times: number[] = []
  while (times.length < 5) {
    const file = join(folder, 'start-up.cpuprofile')
    await wrangler('check', 'startup', `--outfile=${file}`, `--args=${noAssets(folder)}`)
    const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(file, 'utf8'))
    const idle = nodes.find(({ callFrame }) => callFrame.functionName === '(idle)')?.id
    times.push(
      timeDeltas.reduce((sum, time, i) => sum + (samples[i] === idle ? 0 : time), 0) / 1000
    )
  }
  return Math.min(...times)
}
