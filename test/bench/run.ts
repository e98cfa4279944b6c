/** Runs the benchmarks, or those that `--only` names; each prints figures, and nothing more. README.md. */
import { mkdir } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { benchDelivery } from './delivery.ts'
import { benchDifference } from './difference.ts'
import { benchFirstSync } from './first-sync.ts'
import { benchMemory } from './memory.ts'
import { benchNormalize } from './normalize.ts'
import { folder } from './report.ts'
import { benchStart } from './start.ts'
import { benchStatements } from './statements.ts'
import { benchVerdict } from './verdict.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    /** Statements in the large store. */
    size: { type: 'string', default: '1000000' },
  },
})
const size = Number(values.size)

const benches = new Map<string, () => Promise<void>>([
  ['memory', () => benchMemory()],
  ['statements', () => benchStatements()],
  ['verdict', () => benchVerdict(size)],
  ['start', () => benchStart(size)],
  ['first-sync', () => benchFirstSync(Math.min(size, 100_000))],
  ['difference', () => benchDifference(size)],
  ['delivery', () => benchDelivery()],
])

await mkdir(folder, { recursive: true })
const one = benches.get(values.only)
if (one !== undefined) await one()
else {
  // Any other name is one of an input to normalize.
  await benchNormalize(Number(values.rounds), values.only)
  if (values.only === '') for (const bench of benches.values()) await bench()
}
