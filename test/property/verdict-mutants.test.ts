/**
 * Every property of the verdict can fail: mutants of protocol/ that break it, one line each. Five
 * run always, all of them in CI and with CI_MUTANTS=all.
 */
import { describe, expect, it } from 'vitest'
import { loadMutants, mutateProtocol } from '../support/mutants.ts'
import {
  checkVerdictProperty,
  verdictProperties,
  type VerdictImplementation,
  type VerdictProperty,
} from '../support/verdict-properties.ts'

const CASES = 10_000
const mutants = loadMutants('verdict.json')
const all =
  process.env.CI_MUTANTS === 'all' ||
  !['default', undefined].includes(process.env.REBUILDNET_TEST_DEPTH)
const chosen = mutants.filter((mutant) => all || mutant.quick === true)

describe('a verdict that', () => {
  it.each(chosen.map((mutant) => [mutant.name, mutant] as const))('%s fails', async (_, mutant) => {
    const mutated = await mutateProtocol(mutant)
    try {
      const implementation = (await mutated.import('verdict/decide.ts')) as VerdictImplementation
      expect(() =>
        checkVerdictProperty(mutant.killedBy as VerdictProperty, implementation, CASES),
      ).toThrow(`"${mutant.killedBy}" does not hold of seed`)
    } finally {
      await mutated.remove()
    }
  })
})

describe('the mutants', () => {
  it('name properties that there are, and leave none without a mutant', () => {
    const killed = new Set(mutants.map(({ killedBy }) => killedBy))
    expect([...killed].sort()).toEqual([...verdictProperties].sort())
  })
})
