/**
 * The simulator sees what is wrong with logs and sync: mutants of protocol/, one line each, must break
 * a law in some seed, or turn the test red that they name: where two nodes make up for each other, no
 * law of the whole is broken. Five run always, all of them in CI and with CI_MUTANTS=all. The mutants of the
 * tally are in test/property/verdict-mutants.test.ts.
 */
import { describe, expect, it } from 'vitest'
import { loadMutants, mutateProtocol, runTestsOn } from '../support/mutants.ts'
import { loadProtocolCode } from './protocol-code.ts'
import { simulate } from './simulation.ts'
import type { Scenario } from './world.ts'

/** Most fall within the first ten. */
const MAX_SEEDS = 500
const mutants = [...loadMutants('log.json'), ...loadMutants('sync.json')]
const all =
  process.env.CI_MUTANTS === 'all' ||
  !['default', undefined].includes(process.env.REBUILDNET_TEST_DEPTH)
const chosen = mutants.filter((mutant) => all || mutant.quick === true)

describe('a protocol that', () => {
  it.each(chosen.map((mutant) => [mutant.name, mutant] as const))(
    '%s is found out',
    async (_, mutant) => {
      if (mutant.killedBy !== 'simulation') {
        const { failed, output } = await runTestsOn(mutant, mutant.killedBy)
        expect(failed, output).toBe(true)
        return
      }
      const mutated = await mutateProtocol(mutant)
      try {
        const code = await loadProtocolCode((file) => mutated.import(file))
        const scenario = (mutant.scenario ?? 'any') as Scenario
        expect(() => {
          for (let seed = 1; seed <= MAX_SEEDS; seed++) simulate({ code, seed, scenario })
        }).toThrow()
      } finally {
        await mutated.remove()
      }
    },
  )
})

describe('the mutants of logs and sync', () => {
  it('have names of their own, and five of them run always', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    expect(mutants.filter(({ quick }) => quick === true)).toHaveLength(5)
    for (const { killedBy } of mutants) expect(killedBy).toMatch(/^simulation$|\.test\.ts$/)
  })
})
