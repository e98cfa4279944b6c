/** This program's version, as package.json says it. */
import { readFileSync } from 'node:fs'

function findVersion(): string {
  // From node/ in the checkout, from dist/node/ as it is installed.
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8')
      const { name, version } = JSON.parse(text) as { name?: string; version?: string }
      if (name === 'rebuildnet' && version !== undefined) return version
    } catch {
      continue
    }
  }
  throw new Error('package.json is missing')
}

export const VERSION = findVersion()
