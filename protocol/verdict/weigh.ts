/**
 * From verdict to decision: what of a `reproduced` is enough for this policy. protocol/verdict/README.md.
 *
 * Everything here can only keep back an `allow`. The bars are collected, not the first one taken:
 * a person wants to know all that is missing.
 */
import { countGroups } from '../diversity.ts'
import type { Decision, Flag } from './answer.ts'
import type { Candidate } from './candidates.ts'
import type { Judgement } from './judge.ts'
import type { Setting } from './setting.ts'
import type { Standing } from './standing.ts'
import { supportersOf } from './tally.ts'

/** What keeps a reproduced image from being allowed. */
export type Bar =
  | 'withdrawn'
  | 'level'
  /** Freshness is required, and there are no logs to check it by. */
  | 'unchecked'
  | 'stale'
  | 'clock-suspect'
  /** Fewer than k of the supporters are themselves complete and fresh, with a valid card. */
  | 'silent-supporters'
  | 'insufficient-diversity'
  /** An equivocator's word would make the verdict another. */
  | 'doubted'
  /** Too few of the fresh supporters have cast their vote before they could know the answer. */
  | 'blind'

/** What matters beside the cell itself. */
export interface Circumstances {
  /** All counted ones, of any cell. */
  readonly candidates: readonly Candidate[]
  readonly standing: Standing
  /** Whether, with the word of those who are not believed, it would not be reproduced. */
  readonly doubted: boolean
}

export interface Weight {
  readonly decision: Decision
  /** The blocking ones. */
  readonly flags: readonly Flag[]
  readonly bars: readonly Bar[]
}

export function weigh(
  judgement: Judgement | undefined,
  setting: Setting,
  { candidates, standing, doubted }: Circumstances,
): Weight {
  const { rules, view, policy } = setting
  const flags: Flag[] = []
  const bars: Bar[] = []
  const flag = (name: Flag & Bar): void => {
    flags.push(name)
    bars.push(name)
  }
  if (standing.freshness === 'stale') flag('stale')
  if (view.clockSuspect) flag('clock-suspect')
  if (judgement === undefined) return { decision: 'undecided', flags, bars }

  const { verdict, tally, best } = judgement
  if (verdict === 'reproduced' && best !== undefined) {
    if (!view.checked && rules.freshness === 'required') bars.push('unchecked')
    const silent = new Set(standing.silent)
    const firm = new Set(supportersOf(best, tally).filter((operator) => !silent.has(operator)))
    if (!judgement.accepted) bars.push('level')
    if (firm.size < rules.threshold) bars.push('silent-supporters')
    if (countGroups(policy.operators.filter(({ id }) => firm.has(id))) < rules.minGroups) {
      flag('insufficient-diversity')
    }
    if (doubted) bars.push('doubted')
    const blind = [...firm].filter((operator) => judgement.ballots.blind.get(operator) === 'blind')
    if (blind.length < rules.minBlind) bars.push('blind')
  }
  const withdrawn = isWithdrawn(judgement, candidates, setting)
  if (withdrawn) flag('withdrawn')
  if (withdrawn || ['contradicted', 'diverged', 'unreproducible'].includes(verdict)) {
    return { decision: 'deny', flags, bars }
  }
  const allowed = verdict === 'reproduced' && bars.length === 0
  return { decision: allowed ? 'allow' : 'undecided', flags, bars }
}

/**
 * A withdrawal is of the image: announcing D again under another version does not undo it, since
 * an announcer can take an `allow` away and never give one. One of a blind release is of its input.
 */
function isWithdrawn(
  { cell }: Judgement,
  candidates: readonly Candidate[],
  { question }: Setting,
): boolean {
  return (
    candidates.some((each) => each.withdrawn && each.published === question.digest) ||
    cell.releases.some((each) => each.withdrawn && each.published === undefined)
  )
}
