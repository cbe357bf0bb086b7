/** The hash and the paths of the app's files, which the build fills in. */
declare const VERSION: string
declare const FILES: string[]

const worker = self as unknown as ServiceWorkerGlobalScope
const prefix = 'app-'
const cacheName = `${prefix}${VERSION}`

const install = async () => {
  const cache = await caches.open(cacheName)
  await cache.addAll(FILES.map((path) => new Request(path, { cache: 'reload' })))
  // Safe at once: the app is one bundle, so no page asks later for a file of the old version.
  await worker.skipWaiting()
}

const activate = async () => {
  for (const other of await caches.keys())
    if (other.startsWith(prefix) && other !== cacheName) await caches.delete(other)
  await worker.clients.claim()
}

const answer = async (request: Request) => {
  const key = request.mode === 'navigate' ? '/app/' : request
  const cached = await (await caches.open(cacheName)).match(key)
  return cached ?? fetch(request)
}

worker.addEventListener('install', (event) => event.waitUntil(install()))
worker.addEventListener('activate', (event) => event.waitUntil(activate()))
worker.addEventListener('fetch', (event) => {
  const { method, url } = event.request
  const { origin, pathname } = new URL(url)
  if (method === 'GET' && origin === worker.location.origin && pathname.startsWith('/app/'))
    event.respondWith(answer(event.request))
})
