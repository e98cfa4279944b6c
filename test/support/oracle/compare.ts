/** Holds an answer of the verdict against its naive twin's. */
import assert from 'node:assert/strict'
import type { Answer } from '../../../protocol/verdict/answer.ts'
import type { DecideInput } from '../../../protocol/verdict/decide.ts'
import { oracle, type OracleAnswer } from './verdict-oracle.ts'

export function assertAgrees(answer: Answer, input: DecideInput): void {
  const ours = comparable(answer)
  const theirs = oracle(input)
  // A deep comparison of every case would take longer than all the rest.
  if (JSON.stringify(ours) !== JSON.stringify(theirs)) assert.deepEqual(ours, theirs)
}

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
