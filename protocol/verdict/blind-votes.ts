/**
 * The votes of one cell that were cast before their voters could know the answer, as protocol/blind
 * labels them: here it is settled which statements it may look at.
 */
import { labelVotes, type BlindLabel } from '../blind/label.ts'
import type { OperatorId, Sid } from '../identifiers.ts'
import type { Cell } from './candidates.ts'
import type { Setting } from './setting.ts'

/** Of each operator of the policy that has committed itself; `live` are the sids that vote. */
export function blindLabels(
  { inputDigest, releases }: Cell,
  live: ReadonlySet<Sid>,
  setting: Setting,
): ReadonlyMap<OperatorId, BlindLabel> {
  const { operators, projects, evidence, roster, view, crypto, isMuted } = setting
  const trusted = new Set(operators)
  const operatorOf = (key: string): OperatorId | undefined => {
    const operator = roster.operatorOf(key)
    return operator !== undefined && trusted.has(operator) ? operator : undefined
  }
  const commitments = (evidence.commitments.get(inputDigest) ?? []).flatMap((statement) => {
    const operator = operatorOf(statement.key)
    if (operator === undefined || !view.isCounted(statement.sid, statement.key, operator)) return []
    return [{ ...statement, operator }]
  })
  if (commitments.length === 0) return new Map()
  // What was taken back had been said all the same, and so had what names a release that is not here.
  const results = (evidence.rebuilds.get(inputDigest) ?? []).flatMap((statement) => {
    const { sid, key } = statement
    const operator = operatorOf(key)
    if (operator === undefined) return []
    if (!isMuted(operator) && !view.isCounted(sid, key, operator)) return []
    return [{ ...statement, operator, live: live.has(sid) }]
  })
  return labelVotes({
    commitments,
    results,
    publications: releases
      .filter(({ published }) => published !== undefined)
      .map(({ sid, release }) => ({
        sid,
        covers: (commitment, key, operator) =>
          view.isBelow(commitment, key, operator, release.logs ?? []),
      })),
    announcers: new Set(projects.flatMap(({ announcers }) => announcers)),
    crypto,
  })
}
