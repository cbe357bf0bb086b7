/// <reference types="vite/client" />
import { expect, test } from 'vitest'

/** The rooms of src, in the order in which they may import: a room imports itself and those before it. */
const rooms = [
  ['database'],
  ['env.ts'],
  ['http'],
  ['access'],
  ['mail'],
  ['auth', 'tasks'],
  ['account', 'cleanup.ts'],
  ['index.ts', 'openapi.ts'],
  ['client.ts'],
]
const rankOf = (room = '') => rooms.findIndex((names) => names.includes(room))

const sources = import.meta.glob<string>('../src/**/*.ts', {
  query: '?raw',
  import: 'default',
  eager: true,
})

test.each(Object.entries(sources))(
  '%s imports only from its room and the rooms below',
  (file, text) => {
    const base = new URL(file.replace('../', 'file:///'))
    const room = base.pathname.split('/')[2]
    expect(rankOf(room), `the rank of ${room}`).toBeGreaterThanOrEqual(0)
    for (const [, specifier = ''] of text.matchAll(/from '(\.[^']+)'|import\('(\.[^']+)'\)/g)) {
      const { pathname } = new URL(specifier, base)
      expect(pathname, specifier).toMatch(/^\/src\//)
      const target = pathname.split('/')[2]
      if (target !== room)
        expect(rankOf(target), `${specifier} is below`).toBeLessThan(rankOf(room))
    }
  }
)
