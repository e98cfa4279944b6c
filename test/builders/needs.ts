/** What the tests of a builder need; they are skipped without it, and never in CI. */
import { missingTools } from '../../node/system/packages.ts'

/** Of the suites that every builder runs, which want root for the limits and mounts that they test. */
export const BUILDER_TOOLS = [
  'busybox',
  'docker-registry',
  'ip',
  'mount',
  'runc',
  'skopeo',
  'unshare',
] as const

/** The suites that cost most run in the deeper runs only, for all builders but the first. */
export const DEEP = (process.env.REBUILDNET_TEST_DEPTH ?? 'default') !== 'default'

export function describeNeeds(tools: readonly string[]): { runs: boolean; words: string } {
  const missing = missingTools('test').filter(({ name }) => tools.includes(name))
  const runs = process.env.CI === 'true' || (missing.length === 0 && process.getuid?.() === 0)
  if (runs) return { runs, words: '' }
  const names = missing.map(({ name }) => name).join(', ')
  return { runs, words: names === '' ? ' (needs root)' : ` (needs ${names})` }
}
