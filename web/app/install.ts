/** Trusted Types, which TypeScript does not know, and some browsers do not either. */
type TrustedTypes = {
  createPolicy: (
    name: string,
    rules: { createScriptURL: () => string }
  ) => { createScriptURL: (input: string) => string }
}

const path = '/app/service-worker.js'

/** Installs the service worker. `onUpdate` is called when a new version takes the place of another. */
export const install = async (onUpdate: () => void) => {
  const { serviceWorker } = navigator
  if (!serviceWorker) return
  let hasVersion = Boolean(serviceWorker.controller)
  serviceWorker.addEventListener('controllerchange', () => {
    if (hasVersion) onUpdate()
    hasVersion = true
  })
  const { trustedTypes } = window as Window & { trustedTypes?: TrustedTypes }
  // The argument is ignored, so that the policy can make this one URL and no other.
  const policy = trustedTypes?.createPolicy('app', { createScriptURL: () => path })
  await serviceWorker.register(policy?.createScriptURL('') ?? path, { scope: '/app/' })
}
