/** The verdict and its naive twin agree on 20,000 seeded cases, which reach everything there is. */
import { describe, expect, it } from 'vitest'
import { decide } from '../../protocol/verdict/decide.ts'
import { assertAgrees } from '../support/oracle/compare.ts'
import { generateCase } from '../support/verdict-generator.ts'

const CASES = process.env.REBUILDNET_TEST_DEPTH === 'soak' ? 200_000 : 20_000

describe('the verdict and its oracle', () => {
  it(`agree on ${CASES} seeded cases that reach every verdict, decision, level and flag often`, () => {
    const seen = new Map<string, number>()
    const count = (name: string): void => void seen.set(name, (seen.get(name) ?? 0) + 1)
    for (let seed = 0; seed < CASES; seed++) {
      const input = generateCase(seed)
      const answer = decide(input)
      const { verdict, decision, flags, level, freshness, why = [] } = answer
      const names = [verdict, decision, freshness, ...flags, ...why.map((each) => `why ${each}`)]
      for (const name of names) count(name)
      if (level !== undefined) count(`level ${level}`)
      if (answer.retracted.length > 0) count('retracted')
      if ((answer.unlogged ?? []).length > 0) count('unlogged')
      try {
        assertAgrees(answer, input)
      } catch (cause) {
        throw new Error(`seed ${seed}: ${String(cause)}`, { cause })
      }
    }
    const rare = [
      ...['contradicted', 'diverged', 'reproduced', 'unreproducible', 'pending', 'unknown'],
      ...['allow', 'deny', 'undecided'],
      ...['level exact', 'level normalized', 'level rootfs'],
      ...['off', 'unchecked', 'fresh', 'stale', 'clock-suspect', 'insufficient-diversity'],
      ...['withdrawn', 'equivocation', 'superseded-release', 'emulated-only'],
      ...['why votes-missing', 'why unmapped', 'why unlogged', 'retracted', 'unlogged'],
    ].filter((name) => (seen.get(name) ?? 0) < CASES / 200)
    expect(rare, JSON.stringify([...seen].sort())).toEqual([])
  })
})
