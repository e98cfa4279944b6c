/** The verdict and its naive twin agree on 20,000 seeded cases, which reach everything there is. */
import { describe, expect, it } from 'vitest'
import { decide } from '../../protocol/verdict/decide.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import { oracle, type OracleAnswer } from '../support/oracle/verdict-oracle.ts'
import { generateCase } from '../support/verdict-generator.ts'

const CASES = process.env.REBUILDNET_TEST_DEPTH === 'soak' ? 200_000 : 20_000

function comparable(answer: Answer): OracleAnswer {
  const names = (voices: Answer['supporters']): string[] =>
    voices.map(({ operator }) => operator).sort()
  return {
    verdict: answer.verdict,
    decision: answer.decision,
    level: answer.level,
    flags: [...answer.flags].sort(),
    freshness: answer.freshness,
    have: answer.have,
    need: answer.need,
    supporters: names(answer.supporters),
    dissenters: names(answer.dissenters),
    unreproduced: names(answer.unreproduced),
    absent: [...answer.absent].sort(),
    silent: [...answer.silent].sort(),
    retracted: [...answer.retracted].sort(),
    unlogged: [...(answer.unlogged ?? [])].sort(),
    release: answer.release,
    inputDigest: answer.inputDigest,
    why: answer.why ?? [],
  }
}

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
      const ours = comparable(answer)
      const theirs = oracle(input)
      // toEqual on every case would take longer than all the rest.
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
        expect(ours, `seed ${seed}`).toEqual(theirs)
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
