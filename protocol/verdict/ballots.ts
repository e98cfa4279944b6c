/**
 * The results that count in one cell, by operator.
 *
 * A function of a *set*: order, repetition and times cannot change it. A result that any counted
 * statement of its own operator supersedes or withdraws is dead for ever; there is no "latest
 * wins". What an operator that cannot be believed ever said stays, as dissent only: whoever steals
 * a dissenter's key must not be able to silence it by forking its log. protocol/verdict/README.md.
 */
import type { BlindLabel } from '../blind/label.ts'
import type { OperatorId, Platform, Sid } from '../identifiers.ts'
import type { Rebuild } from '../rebuild.ts'
import { blindLabels } from './blind-votes.ts'
import type { Candidate, Cell } from './candidates.ts'
import type { Setting } from './setting.ts'

export interface Result {
  readonly sid: Sid
  readonly body: Rebuild
  /** False where the operator's newest card no longer lists the key: then it only dissents. */
  readonly current: boolean
}

export interface Ballot {
  readonly operator: OperatorId
  /** An equivocator, or one whose cards contradict each other: it only dissents. */
  readonly muted: boolean
  readonly results: readonly Result[]
}

/** One that is not in its signer's log. */
export interface UnloggedResult {
  readonly sid: Sid
  readonly body: Rebuild
  readonly operator: OperatorId
  /** Whether it was taken back, by a statement that counts. */
  readonly dead: boolean
}

export interface Ballots {
  /** In the order of the policy's operators; only those that have a result. */
  readonly ballots: readonly Ballot[]
  /** Results that were taken back. */
  readonly dead: readonly Result[]
  readonly unlogged: readonly UnloggedResult[]
  /** Whether there are live results, and every one was made under emulation. */
  readonly emulatedOnly: boolean
  /** Of each operator that committed itself to its vote before it could know the answer, or says so. */
  readonly blind: ReadonlyMap<OperatorId, BlindLabel>
}

export function collectBallots(cell: Cell, setting: Setting): Ballots {
  const { operators, rules, view, roster, evidence, question, isMuted, isWithdrawn } = setting
  const trusted = new Set(operators)
  const releases = new Map(cell.releases.map((candidate) => [candidate.sid, candidate]))
  const valid = (evidence.rebuilds.get(cell.inputDigest) ?? []).flatMap(({ sid, key, body }) => {
    const operator = roster.operatorOf(key)
    if (operator === undefined || !trusted.has(operator)) return []
    if (!belongsTo(body, releases.get(body.release), cell, question.platform)) return []
    const counted = view.isCounted(sid, key, operator)
    return [{ sid, body, operator, current: roster.isCurrent(key), counted }]
  })

  // Every result here has the cell's input, so a sid of another input is never met.
  const superseded = new Set<string>()
  for (const { operator, body, counted } of valid) {
    if (counted) for (const sid of body.supersedes) superseded.add(`${operator} ${sid}`)
  }
  const isDead = (operator: OperatorId, sid: Sid): boolean =>
    superseded.has(`${operator} ${sid}`) || isWithdrawn(operator, sid)

  const conclusive = valid.filter(({ body }) => body.profile === cell.profile && isConclusive(body))
  const counting = conclusive.filter(
    ({ body }) => rules.countEmulated || !body.environment.emulated,
  )
  const live = conclusive.filter(({ operator, sid, counted }) => counted && !isDead(operator, sid))
  const voting = live.filter(({ operator, current }) => current && !isMuted(operator))
  const byOperator = new Map<OperatorId, Result[]>()
  const dead: Result[] = []
  for (const { operator, counted, ...result } of counting) {
    if (!isMuted(operator)) {
      if (!counted) continue
      if (isDead(operator, result.sid)) {
        dead.push(result)
        continue
      }
    }
    const results = byOperator.get(operator) ?? []
    results.push(result)
    byOperator.set(operator, results)
  }
  return {
    ballots: operators.flatMap((operator) => {
      const results = byOperator.get(operator)
      if (results === undefined) return []
      return [{ operator, muted: isMuted(operator), results: results.sort(bySid) }]
    }),
    dead: dead.sort(bySid),
    unlogged: counting
      .filter(({ counted }) => !counted)
      .map(({ sid, body, operator }) => ({ sid, body, operator, dead: isDead(operator, sid) }))
      .sort(bySid),
    emulatedOnly: live.length > 0 && live.every(({ body }) => body.environment.emulated),
    blind: blindLabels(cell, new Set(voting.map(({ sid }) => sid)), setting),
  }
}

/** Whether a rebuild is one of the release that it names: else it is invalid, or waits for it. */
function belongsTo(
  rebuild: Rebuild,
  candidate: Candidate | undefined,
  { inputDigest }: Cell,
  platform: Platform,
): boolean {
  if (candidate === undefined) return false
  const { published } = rebuild
  const fetched = 'manifestDigest' in published ? published.manifestDigest : candidate.published
  return (
    rebuild.image === candidate.release.image &&
    rebuild.platform === platform &&
    rebuild.commit === candidate.release.source.commit &&
    rebuild.inputDigest === inputDigest &&
    rebuild.publishedDigest === candidate.published &&
    fetched === candidate.published
  )
}

/** A full disk or a failed fetch says nothing about the image. */
function isConclusive({ outcome }: Rebuild): boolean {
  return outcome.kind !== 'failed' || outcome.class === 'recipe'
}

function bySid(a: { readonly sid: Sid }, b: { readonly sid: Sid }): number {
  return a.sid < b.sid ? -1 : a.sid > b.sid ? 1 : 0
}
