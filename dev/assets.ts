import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { minify } from 'terser'

const root = new URL('../', import.meta.url)
const web = new URL('web/', root)
const swagger = new URL('node_modules/swagger-ui-dist/', root)
const assets = new URL('dist/assets/', root)

/** The files by their paths under the folder of assets. Only what is named here is published. */
type Files = Record<string, string | Uint8Array>

const readFrom = async (folder: URL, names: string[], under: string): Promise<Files> =>
  Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [`${under}${name}`, await readFile(new URL(name, folder))])
    )
  )

const docs = async (): Promise<Files> => {
  // By URL, because the compiler must not check src here: it needs the Worker's types, not Node's.
  const { openapi } = await import(new URL('src/openapi.ts', root).href)
  const style = await readFile(new URL('swagger-ui.css', swagger), 'utf8')
  return {
    ...(await readFrom(web, ['docs.html'], '')),
    ...(await readFrom(
      web,
      ['favicon.svg', 'page.css', 'page.js'].map((name) => `docs/${name}`),
      ''
    )),
    ...(await readFrom(
      swagger,
      ['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'],
      'docs/'
    )),
    'openapi.json': JSON.stringify(openapi),
    // The source map is not served, so the reference to it is cut out.
    'docs/swagger-ui.css': style.replace(/\/\*# sourceMappingURL=.*?\*\//, ''),
  }
}

const bundle = async (entry: string, options: Parameters<typeof build>[0] = {}) => {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL('app/', web)),
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    charset: 'utf8',
    write: false,
    ...options,
  })
  return outputFiles?.[0]?.text ?? ''
}

/** Bundles a script. After gzip, terser's output is about 4 % smaller than that of esbuild alone. */
const script = async (...args: Parameters<typeof bundle>) => {
  const { code } = await minify(await bundle(...args), { ecma: 2020, compress: { passes: 2 } })
  return code ?? ''
}

const app = async (): Promise<Files> => {
  const shell: Files = {
    ...(await readFrom(
      new URL('app/', web),
      ['manifest.webmanifest', 'icon.svg', 'icon.png'],
      'app/'
    )),
    'app/app.js': await script('main.tsx'),
    'app/app.css': await bundle('style/app.css', {
      target: ['chrome123', 'safari18', 'firefox128'],
    }),
  }
  const others = await readFrom(web, ['_headers', 'app/index.html'], '')
  const hash = createHash('sha256')
  // A cached page has its headers with it, so new ones are a new version too.
  for (const file of Object.values({ ...shell, ...others })) hash.update(file)
  return {
    ...shell,
    ...others,
    // The browser installs the service worker again when one of its bytes has changed.
    'app/service-worker.js': await script('worker/service-worker.ts', {
      define: {
        VERSION: JSON.stringify(hash.digest('hex').slice(0, 12)),
        FILES: JSON.stringify(['/app/', ...Object.keys(shell).map((path) => `/${path}`)]),
      },
    }),
  }
}

/** Writes the docs and the app to the folder of the Worker's static assets. */
export const buildAssets = async () => {
  const files = { ...(await docs()), ...(await app()) }
  await mkdir(new URL('docs/', assets), { recursive: true })
  await mkdir(new URL('app/', assets), { recursive: true })
  await Promise.all(
    Object.entries(files).map(([path, content]) => writeFile(new URL(path, assets), content))
  )
}

if (import.meta.main) await buildAssets()
