/** The test of every other seed: each half is in a file of its own, for a core of its own. */
import { expect, it } from 'vitest'
import { loadProtocolCode } from './protocol-code.ts'
import { ONLY_SEED, range, runSeeds, SEEDS } from './run-seeds.ts'

/** What never happens is not tested. */
const MUST_HAPPEN = [
  'reproduced allow',
  'contradicted deny',
  'proofs',
  'crashes',
  'restored backups',
  'partitions',
  'clock jumps',
  'looks in an eclipse',
] as const

export function testHalfOfSeeds(half: 'even' | 'odd'): void {
  const first = half === 'odd' ? 1 : 2
  it.runIf(ONLY_SEED === undefined || ONLY_SEED % 2 === first % 2)(
    `keeps every law after every step, whatever goes wrong (${half} seeds)`,
    async () => {
      const code = await loadProtocolCode()
      const began = process.cpuUsage()
      const seeds = ONLY_SEED === undefined ? range(first, SEEDS, 2) : [ONLY_SEED]
      const tally = runSeeds({ code, seeds })
      if (ONLY_SEED !== undefined) return
      const { user, system } = process.cpuUsage(began)
      const seconds = (user + system) / 1e6
      console.log(
        `${tally.seeds} seeds, ${tally.steps} steps: ${Math.round(tally.steps / seconds)} steps a second of one core`,
      )
      expect(tally.seeds).toBe(SEEDS / 2)
      for (const name of MUST_HAPPEN) {
        expect(tally.met.get(name) ?? 0, name).toBeGreaterThan(SEEDS / 100)
      }
    },
  )
}
