/**
 * The verdict on one cell and D: the table of protocol/verdict/README.md, first row that holds.
 *
 * Every row is evaluated at one level. Only a `reproduced` is then raised, a level at a time, for
 * as long as it still holds; it counts at the level that the policy accepts, with the supporters
 * that it has there.
 */
import type { Digest, OperatorId } from '../identifiers.ts'
import { LEVELS, type Level, type PolicyRules } from '../policy.ts'
import type { PendingReason, VerdictName } from './answer.ts'
import type { Ballots } from './ballots.ts'
import type { Cell } from './candidates.ts'
import {
  contradictedBy,
  isDiverged,
  reproducedAs,
  strongest,
  supportersOf,
  tallyAt,
  unreproducedBy,
  type Tally,
} from './tally.ts'

export interface Judgement {
  readonly cell: Cell
  readonly ballots: Ballots
  readonly verdict: Exclude<VerdictName, 'unknown'>
  /** The strongest level at which the verdict holds. */
  readonly level: Level
  /** Whether that is no weaker than what the policy accepts. */
  readonly accepted: boolean
  /** The votes at the level that is judged: the accepted one where it is reached. */
  readonly tally: Tally
  /** The digest with the most behind it. */
  readonly best: string | undefined
  /** Operators with unstable results or failed recipes. */
  readonly unreproduced: readonly OperatorId[]
  /** Where `pending`. */
  readonly why: readonly PendingReason[]
}

/** From the strongest to the weakest. */
const VERDICTS: readonly VerdictName[] = [
  'contradicted',
  'diverged',
  'reproduced',
  'unreproducible',
  'pending',
  'unknown',
]

/** Negative where `a` is the stronger verdict. */
export function compareVerdicts(a: VerdictName, b: VerdictName): number {
  return VERDICTS.indexOf(a) - VERDICTS.indexOf(b)
}

/** Negative where `a` is the weaker level. */
export function compareLevels(a: Level, b: Level): number {
  return LEVELS.indexOf(a) - LEVELS.indexOf(b)
}

/** Where the votes of a cell meet: the weaker of what the policy accepts and the recipe allows. */
function meetingLevel({ severalBuilders }: Cell, { accept }: PolicyRules): Level {
  const allowed = severalBuilders ? 'rootfs' : 'normalized'
  return compareLevels(accept, allowed) < 0 ? accept : allowed
}

export function judgeCell(
  cell: Cell,
  ballots: Ballots,
  digest: Digest,
  rules: PolicyRules,
): Judgement {
  const unreproduced = unreproducedBy(ballots.ballots)
  const tallyOf = (level: Level): Tally => tallyAt(level, ballots.ballots, digest)
  const base = meetingLevel(cell, rules)
  const tally = tallyOf(base)
  const judgement = {
    cell,
    ballots,
    level: base,
    accepted: false,
    tally,
    best: strongest([...tally.support.keys()], tally),
    unreproduced,
    why: [],
  }

  const contradicted = contradictedBy(tally, rules)
  if (contradicted !== undefined) {
    return { ...judgement, verdict: 'contradicted', best: contradicted }
  }
  if (isDiverged(tally, rules)) return { ...judgement, verdict: 'diverged' }

  let best = reproducedAs(tally, rules, unreproduced.length)
  if (best !== undefined) {
    let judged = tally
    let level = base
    for (const next of LEVELS.slice(LEVELS.indexOf(base) + 1)) {
      const raised = tallyOf(next)
      const same = reproducedAs(raised, rules, unreproduced.length)
      if (same === undefined) break
      level = next
      if (compareLevels(next, rules.accept) > 0) continue
      judged = raised
      best = same
    }
    const accepted = compareLevels(level, rules.accept) >= 0
    // Short of what is accepted, the votes are shown where they meet.
    if (!accepted) return { ...judgement, verdict: 'reproduced', level }
    return { ...judgement, verdict: 'reproduced', level, accepted, tally: judged, best }
  }

  const conflicted = [...tally.votes].filter(([, values]) => values.size > 1).map(([each]) => each)
  if (new Set([...unreproduced, ...conflicted]).size >= rules.threshold) {
    return { ...judgement, verdict: 'unreproducible' }
  }
  return { ...judgement, verdict: 'pending', why: pendingReasons(judgement, rules) }
}

function pendingReasons(
  { tally, best, ballots }: Pick<Judgement, 'tally' | 'best' | 'ballots'>,
  { threshold }: PolicyRules,
): PendingReason[] {
  const why: PendingReason[] = []
  const votes = best === undefined ? 0 : (tally.support.get(best) ?? []).length
  if (votes < threshold) why.push('votes-missing')
  if (best !== undefined && supportersOf(best, tally).length < votes) why.push('unmapped')
  if (ballots.unlogged.length > 0) why.push('unlogged')
  return why
}
