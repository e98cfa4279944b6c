/**
 * Whose results wait for their logs, and which way they would speak. They count for nothing: it is
 * said so that a dissent which is here, and is not logged, does not pass for silence.
 */
import type { Digest } from '../identifiers.ts'
import type { PolicyOperator } from '../policy.ts'
import type { UnloggedVoice } from './answer.ts'
import type { UnloggedResult } from './ballots.ts'
import type { Judgement } from './judge.ts'
import { digestAt, saidOf, valueText } from './tally.ts'

export function unloggedVoices(
  judgement: Judgement,
  digest: Digest,
  operators: readonly PolicyOperator[],
): UnloggedVoice[] {
  const names = new Map(operators.map(({ id, name }) => [id, name]))
  return judgement.ballots.unlogged.map((result) => {
    const { operator, sid } = result
    const name = names.get(operator)
    const against = isAgainst(result, judgement, digest)
    return { operator, ...(name === undefined ? {} : { name }), sid, against }
  })
}

/** Whether it would be against the best digest or, where there is none, against its own idea of D. */
function isAgainst(
  { body, dead }: UnloggedResult,
  { best, tally }: Judgement,
  digest: Digest,
): boolean {
  if (dead) return false
  if (body.outcome.kind !== 'built') return true
  const built = digestAt(tally.level, body.outcome.rebuilt)
  const said = saidOf(digest, tally.level, body)
  if (typeof built !== 'string' || built !== (best ?? built)) return true
  return said !== undefined && valueText(said) !== built
}
