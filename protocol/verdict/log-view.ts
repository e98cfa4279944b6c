/**
 * What is known of the operators' logs and heads, as the verdict asks for it. protocol/verdict/README.md.
 *
 * The verdict is pure: whoever keeps logs answers these questions from what is complete at the
 * moment of asking. A view has no clock; it dates things and the verdict compares with `now`.
 */
import type { ListedLog } from '../blind/listed-logs.ts'
import type { ImageName, KeyHex, OperatorId, Sid, UnixSeconds } from '../identifiers.ts'

export interface LogView {
  /** False where there are no logs to look at: then nothing is allowed under `freshness = "required"`. */
  readonly checked: boolean
  /**
   * Whether the sid is a leaf under a verified head of a log of `key`, which signed it, kept in the
   * name of `operator`, whose key it is; below any revocation.
   */
  isCounted(sid: Sid, key: KeyHex, operator: OperatorId): boolean
  /** Whether the leaf of a sid that counts lies below the size of one of `logs`, which has its root. */
  isBelow(sid: Sid, key: KeyHex, operator: OperatorId, logs: readonly ListedLog[]): boolean
  /**
   * The time of the oldest of the heads under which everything that this operator said of `image`
   * is here; undefined where something is missing.
   */
  completeUpTo(operator: OperatorId, image: ImageName): UnixSeconds | undefined
  /** Whether there is proof that heads of one of its logs cannot all be true. */
  isEquivocator(operator: OperatorId): boolean
  /** Heads of two or more of the policy's operators are dated far ahead of `now`. */
  readonly clockSuspect: boolean
}

/** Where no logs are kept: every statement counts as logged, and nobody is known to be fresh. */
export const uncheckedView: LogView = Object.freeze({
  checked: false,
  isCounted: () => true,
  isBelow: () => false,
  completeUpTo: () => undefined,
  isEquivocator: () => false,
  clockSuspect: false,
})
