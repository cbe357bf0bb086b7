import { setTimeout as sleep } from 'node:timers/promises'

/** How long a start waits for a port or a folder that another process holds, in milliseconds */
const PATIENCE = 5000

/**
 * Calls `take` again until it returns true, and gives up with false in the end. After a restart the
 * previous process may still be closing: then its port or folder is free within moments.
 */
export async function retry(take: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const deadline = performance.now() + PATIENCE; ; await sleep(50)) {
    if (await take()) return true
    if (performance.now() > deadline) return false
  }
}
