import { signal } from '@preact/signals'

/** A link from a mail. Its token is nowhere but here. */
export type Link = { is: 'reset' | 'confirm'; token: string }

/** Takes the token out of the address bar and the history. `before` is the address to show instead. */
const take = (before: string): Link | undefined => {
  const [, is, token] = /^#(reset|confirm)=(.*)/.exec(location.hash) ?? []
  if (token === undefined) return undefined
  history.replaceState(null, '', before)
  return { is: is as Link['is'], token }
}

/** The link that the person has opened. Read before the router reads the address. */
export const link = signal(take('/app/'))
// The first listener, so that the router meets the address without the token.
addEventListener('hashchange', ({ oldURL }) => {
  link.value = take(oldURL)
})

export const closeLink = () => {
  link.value = undefined
}
