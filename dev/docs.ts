import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'

const root = new URL('../', import.meta.url)
const swagger = new URL('node_modules/swagger-ui-dist/', root)
const assets = new URL('dist/assets/', root)
const docs = new URL('docs/', assets)

/** Builds the static assets that the Worker serves at /docs and /openapi.json. */
export const buildDocs = async () => {
  // By URL, because the compiler must not check src here: it needs the Worker's types, not Node's.
  const { openapi } = await import(new URL('src/openapi.ts', root).href)
  const style = await readFile(new URL('swagger-ui.css', swagger), 'utf8')
  await mkdir(docs, { recursive: true })
  await Promise.all([
    writeFile(new URL('openapi.json', assets), JSON.stringify(openapi)),
    cp(new URL('web/', root), assets, { recursive: true }),
    // The source map is not served, so the reference to it is cut out.
    writeFile(new URL('swagger-ui.css', docs), style.replace(/\/\*# sourceMappingURL=.*?\*\//, '')),
    ...['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'].map(
      (file) => cp(new URL(file, swagger), new URL(file, docs))
    ),
  ])
}

if (import.meta.main) await buildDocs()
