import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/**
 * Writes wrangler.toml with the binding for mail, which it lacks unless somebody has set up mail for
 * the deployed Worker. The copy is beside the original, because the paths in it are relative.
 */
export const writeConfig = (): string => {
  const file = '.wrangler.dev.toml'
  const config = readFileSync('wrangler.toml', 'utf8')
  const hasBinding = /^\s*\[\[send_email\]\]/m.test(config)
  const text = hasBinding ? config : `${config}\n[[send_email]]\nname = "EMAIL"\n`
  // A running wrangler reads the file whenever it changes, and exits when it finds it half written.
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
  return file
}
