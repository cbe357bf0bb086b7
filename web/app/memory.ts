type Memory = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

const memoryOfPage = (): Memory => {
  const kept = new Map<string, string>()
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  }
}

const memoryOfBrowser = (): Memory => {
  try {
    return localStorage
  } catch {
    // With cookies blocked, the name alone throws.
    return memoryOfPage()
  }
}

/** Where the app remembers who is signed in, and the preferences. */
export const memory = memoryOfBrowser()
