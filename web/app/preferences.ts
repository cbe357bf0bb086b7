import { effect, signal } from '@preact/signals'
import { memory } from './memory.ts'

/** What a person may choose. The first choice of each is the default. */
export const choices = {
  theme: ['system', 'light', 'dark'],
  firstDay: ['monday', 'sunday', 'saturday'],
  newTasks: ['end', 'top'],
  singleKeys: ['on', 'off'],
} as const

export type Preferences = { [Name in keyof typeof choices]: (typeof choices)[Name][number] }

const storageKey = 'preferences'

/** The preferences in a stored text. What it does not have, or what is no choice, gets the default. */
export const preferencesIn = (stored: string | null): Preferences => {
  let found: Record<string, unknown> = {}
  try {
    found = Object(JSON.parse(stored ?? '{}'))
  } catch {}
  return Object.fromEntries(
    Object.entries(choices).map(([name, all]) => [
      name,
      all.find((choice) => choice === found[name]) ?? all[0],
    ])
  ) as Preferences
}

export const preferences = signal(preferencesIn(null))

export const prefer = (changed: Partial<Preferences>) => {
  preferences.value = { ...preferences.value, ...changed }
  memory.setItem(storageKey, JSON.stringify(preferences.value))
}

export const forgetPreferences = () => memory.removeItem(storageKey)

/** The first day of the week, from 0 for Sunday to 6 for Saturday. */
export const firstDay = () => ({ sunday: 0, monday: 1, saturday: 6 })[preferences.value.firstDay]

const showTheme = (theme: Preferences['theme']) => {
  document.documentElement.style.colorScheme = theme === 'system' ? '' : theme
  // The colours of the browser's own bar: one is for light, one for dark.
  for (const bar of document.querySelectorAll<HTMLMetaElement>('[name=theme-color]')) {
    const scheme = bar.id.replace('bar-', '')
    const isChosen = theme === scheme ? 'all' : 'not all'
    bar.media = theme === 'system' ? `(prefers-color-scheme: ${scheme})` : isChosen
  }
}

/** Reads the preferences, and follows the other tabs. Called before anything is on the screen. */
export const watchPreferences = () => {
  const read = () => {
    preferences.value = preferencesIn(memory.getItem(storageKey))
  }
  addEventListener('storage', ({ key }) => {
    if (key === storageKey) read()
  })
  read()
  effect(() => showTheme(preferences.value.theme))
}
