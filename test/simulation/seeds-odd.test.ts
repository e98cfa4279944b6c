/** Half of the seeds; the other half is in a file of its own, for another core. */
import { expect, it } from 'vitest'
import { loadProtocolCode } from './protocol-code.ts'
import { ONLY_SEED, range, runSeeds, SEEDS } from './run-seeds.ts'

it.runIf(ONLY_SEED === undefined || ONLY_SEED % 2 === 1)(
  'keeps every law after every step, whatever goes wrong (odd seeds)',
  async () => {
    const code = await loadProtocolCode()
    const seeds = ONLY_SEED === undefined ? range(1, SEEDS, 2) : [ONLY_SEED]
    const tally = runSeeds({ code, seeds })
    if (ONLY_SEED !== undefined) return
    expect(tally.seeds).toBe(SEEDS / 2)
    // What never happens is not tested.
    for (const name of [
      'reproduced allow',
      'contradicted deny',
      'proofs',
      'crashes',
      'restored backups',
      'partitions',
      'clock jumps',
      'looks in an eclipse',
    ]) {
      expect(tally.met.get(name) ?? 0, name).toBeGreaterThan(SEEDS / 100)
    }
  },
)
