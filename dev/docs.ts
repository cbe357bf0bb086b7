import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'

const root = new URL('../', import.meta.url)
const swagger = new URL('node_modules/swagger-ui-dist/', root)
const assets = new URL('dist/assets/', root)
const docs = new URL('docs/', assets)

/** Writes what /docs and /openapi.json answer with to the folder of the Worker's static assets. */
export const buildDocs = async () => {
  // By its address: the compiler checks src with the Worker's types, and dev with those of Node.
  const { openapi } = await import(new URL('src/openapi.ts', root).href)
  const style = await readFile(new URL('swagger-ui.css', swagger), 'utf8')
  await mkdir(docs, { recursive: true })
  await Promise.all([
    writeFile(new URL('openapi.json', assets), JSON.stringify(openapi)),
    cp(new URL('web/', root), assets, { recursive: true }),
    // Without its pointer to a map, which is not served.
    writeFile(new URL('swagger-ui.css', docs), style.replace(/\/\*# sourceMappingURL=.*?\*\//, '')),
    ...['swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE'].map(
      (file) => cp(new URL(file, swagger), new URL(file, docs))
    ),
  ])
}

if (import.meta.main) await buildDocs()
