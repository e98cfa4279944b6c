/** The threats of the security document that a network of nodes must stand, each in its own seeds. */
import { describe, expect, it } from 'vitest'
import { loadProtocolCode } from './protocol-code.ts'
import { ONLY_SEED, range, runSeeds, SEEDS, type Tally } from './run-seeds.ts'
import type { Scenario } from './world.ts'

const code = await loadProtocolCode()
const COUNT = Math.max(20, SEEDS / 200)

function run(scenario: Scenario): Tally {
  return runSeeds({
    code,
    scenario,
    seeds: ONLY_SEED === undefined ? range(1, COUNT) : [ONLY_SEED],
  })
}

function expectMet({ met }: Tally, ...names: readonly string[]): void {
  if (ONLY_SEED !== undefined) return
  for (const name of names) expect(met.get(name) ?? 0, name).toBeGreaterThan(COUNT / 10)
}

describe('T2: an announcer', () => {
  it('that gives one tag two digests has only the true one allowed (two-digests)', () => {
    expectMet(run('two-digests'), 'reproduced allow', 'contradicted deny')
  })
})

describe('T6: a rebuilder', () => {
  it('that tells peers different things is known to all within two rounds (forks)', () => {
    expectMet(run('forks'), 'proofs', 'liar fork', 'liar rewrite')
  })
})

describe('T9: a user', () => {
  it('that hears hostile peers alone is allowed nothing once heads have aged (eclipse)', () => {
    expectMet(run('eclipse'), 'eclipses', 'looks in an eclipse', 'reproduced allow')
  })
})

describe('T10: a network', () => {
  it('that was parted, and delays, repeats and reorders, has the same everywhere in the end (partition)', () => {
    expectMet(run('partition'), 'partitions', 'reproduced allow')
  })

  it('whose nodes crash, or come back from a backup, forks no log (crashes)', () => {
    expectMet(run('crashes'), 'crashes', 'restored backups')
  })

  it('in which nothing goes wrong allows what all have rebuilt (calm)', () => {
    expectMet(run('calm'), 'reproduced allow')
  })
})

describe('T22: a clock', () => {
  it('that is wrong by up to seven days allows nothing that is stale (clocks)', () => {
    expectMet(run('clocks'), 'clock jumps', 'reproduced allow')
  })
})
