/** A user's own trust policy. Integers only, no percentages, no weights. design.md section 5. */
import type { OperatorId } from './identifiers.ts'

export type Level = 'exact' | 'normalized' | 'rootfs'

export interface PolicyOperator {
  readonly id: OperatorId
  readonly name?: string
  readonly groups: readonly string[]
  /** sha256 of the one card that is believed, where two cards of a version exist. */
  readonly card?: string
}

/** The rules that an `[[image]]` section may override. */
export interface PolicyRules {
  /** k: distinct operators that must agree. */
  readonly threshold: number
  /** d: distinct operators that may disagree. */
  readonly maxDissent: number
  /** s: operators that may be silent. */
  readonly maxSilent: number
  /** Oldest head that still counts as fresh, in seconds. */
  readonly maxAgeSeconds: number
  readonly minGroups: number
  /** The weakest level that counts. */
  readonly accept: Level
  readonly countUnstable: boolean
  readonly countEmulated: boolean
  readonly minBlind: number
  readonly freshness: 'required' | 'off'
}

export interface Policy extends PolicyRules {
  readonly operators: readonly PolicyOperator[]
  /** First match wins. `repository` maps the asked image to another repository whose releases count. */
  readonly images: readonly {
    readonly match: string
    readonly repository?: string
    readonly rules: Partial<PolicyRules>
  }[]
  /** sha256 of the policy's canonical form, lowercase hex; named in every answer. */
  readonly hash: string
  readonly warnings: readonly string[]
}
