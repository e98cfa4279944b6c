/** One question with all that it is judged by: what decide() prepares and the other parts read. */
import type { Crypto } from '../crypto.ts'
import type { ImageName, OperatorId, Sid, UnixSeconds } from '../identifiers.ts'
import { rulesFor, type Policy, type PolicyRules } from '../policy.ts'
import type { Project } from '../project.ts'
import type { SignedOutline } from '../release.ts'
import type { SignedStatement } from '../statement.ts'
import type { Question } from './answer.ts'
import { sortEvidence, type Evidence } from './evidence.ts'
import type { LogView } from './log-view.ts'
import { Roster } from './roster.ts'

export interface DecideInput {
  readonly question: Question
  /** Opened statements of whatever may matter: releases, rebuilds, withdrawals, cards. */
  readonly statements: Iterable<SignedStatement>
  /**
   * Releases that are not among them: whoever leaves some out of the statements gives their outlines
   * here, and none that has a commit of one that published the asked digest.
   */
  readonly outlines?: Iterable<SignedOutline>
  /** Those that this user follows. */
  readonly projects: readonly Project[]
  readonly policy: Policy
  readonly now: UnixSeconds
  readonly view: LogView
  readonly crypto: Crypto
}

export interface Setting {
  readonly question: Question
  readonly policy: Policy
  /** The policy's, with the overrides for the asked image. */
  readonly rules: PolicyRules
  /** In the policy's order. */
  readonly operators: readonly OperatorId[]
  /** The asked repository, and the one that the policy maps it to. */
  readonly images: ReadonlySet<ImageName>
  /** The followed projects of these images. */
  readonly projects: readonly Project[]
  readonly now: UnixSeconds
  readonly view: LogView
  readonly crypto: Crypto
  readonly evidence: Evidence
  readonly roster: Roster
  /** Whether `operator` has withdrawn the statement `sid`. */
  readonly isWithdrawn: (operator: OperatorId, sid: Sid) => boolean
  /** Whether it can neither support nor map, and everything that it ever said is dissent. */
  readonly isMuted: (operator: OperatorId) => boolean
}

export function prepareSetting(input: DecideInput): Setting {
  const { question, policy, now, view, crypto } = input
  const { rules, repository } = rulesFor(policy, question.repository)
  const images = new Set([question.repository, repository ?? question.repository])
  const evidence = sortEvidence(input.statements, images, input.outlines)
  const roster = new Roster(evidence.cards, policy, input.projects)

  const withdrawn = new Set<string>()
  for (const { sid, key, body } of evidence.withdrawals) {
    const operator = roster.operatorOf(key)
    if (operator === undefined || !view.isCounted(sid, key, operator)) continue
    withdrawn.add(`${operator} ${body.withdraws}`)
  }
  return {
    question,
    policy,
    rules,
    operators: policy.operators.map(({ id }) => id),
    images,
    projects: input.projects.filter(({ image }) => images.has(image)),
    now,
    view,
    crypto,
    evidence,
    roster,
    isWithdrawn: (operator, sid) => withdrawn.has(`${operator} ${sid}`),
    isMuted: (operator) => {
      const trouble = roster.troubleOf(operator)
      return view.isEquivocator(operator) || trouble === 'two-cards' || trouble === 'pin-missing'
    },
  }
}
