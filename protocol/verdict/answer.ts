/** What a question about an image is answered with. protocol/verdict/README.md and cli/README.md. */
import type { BlindLabel } from '../blind/label.ts'
import type {
  Digest,
  ImageName,
  InputDigest,
  OperatorId,
  Platform,
  Sid,
  UnixSeconds,
} from '../identifiers.ts'
import type { Level } from '../policy.ts'

export interface Question {
  readonly repository: ImageName
  /** Manifest digest of one platform. */
  readonly digest: Digest
  readonly platform: Platform
}

export type VerdictName =
  'contradicted' | 'diverged' | 'reproduced' | 'unreproducible' | 'pending' | 'unknown'

export type Decision = 'allow' | 'deny' | 'undecided'

export type Flag =
  /** Block `allow`. */
  | 'stale'
  | 'clock-suspect'
  | 'insufficient-diversity'
  | 'withdrawn'
  /** Inform. */
  | 'equivocation'
  | 'superseded-release'
  | 'emulated-only'

/** Why an answer is `pending`. */
export type PendingReason =
  /** Too few operators agree so far. */
  | 'votes-missing'
  /** Enough agree, and too few of them say that D is what they agree on. */
  | 'unmapped'
  /** Something was said that is not in its signer's log yet. */
  | 'unlogged'

/** One operator's part in an answer. */
export interface Voice {
  readonly operator: OperatorId
  readonly name?: string
  readonly groups: readonly string[]
  /** The statements that say it. */
  readonly sids: readonly Sid[]
  readonly vote:
    | { readonly kind: 'digest'; readonly digest: string }
    | { readonly kind: 'error'; readonly code: string }
    | { readonly kind: 'self-conflict'; readonly digests: readonly string[] }
    | { readonly kind: 'unstable' }
    | { readonly kind: 'failed'; readonly stage: string }
    | { readonly kind: 'none' }
  /** What this operator says D itself normalizes to: a digest of the level, or an error code. */
  readonly maps?: string | { readonly error: string }
  /** Escaped paths that it found to differ between its own image and the published one. */
  readonly differences?: { readonly count: number; readonly paths: readonly string[] }
  readonly emulated?: boolean
  /** Where it has committed itself: whether its vote is shown to be blind, or why not. */
  readonly blind?: BlindLabel
}

/** A result that is not in its signer's log. */
export interface UnloggedVoice {
  readonly operator: OperatorId
  readonly name?: string
  readonly sid: Sid
  /** Whether it would speak against the best digest, or against the image. */
  readonly against: boolean
}

/** The verdict on one cell: of several, that of the strongest. */
export interface Answer {
  readonly image: ImageName
  readonly digest: Digest
  readonly platform: Platform
  readonly version?: string
  readonly release?: Sid
  readonly inputDigest?: InputDigest
  readonly verdict: VerdictName
  readonly decision: Decision
  readonly level?: Level
  readonly flags: readonly Flag[]
  /** `unchecked` until logs and heads exist; `off` where the policy says so. */
  readonly freshness: 'unchecked' | 'off' | 'fresh' | 'stale'
  /** Operators whose one vote is the best digest, and how many are needed. */
  readonly have: number
  readonly need: number
  /** Where `pending`: the earliest announcement, as its announcer dates it. */
  readonly since?: UnixSeconds
  /** Where `pending`. */
  readonly why?: readonly PendingReason[]
  /** Operators that vote for the best digest; only those that `maps` D to it count for `allow`. */
  readonly supporters: readonly Voice[]
  readonly dissenters: readonly Voice[]
  /** Unstable and failed (recipe) results. */
  readonly unreproduced: readonly Voice[]
  readonly absent: readonly OperatorId[]
  readonly silent: readonly OperatorId[]
  /** Results taken back that would be against the best digest. */
  readonly retracted: readonly Sid[]
  /** Results that are not in their signers' logs, and so do not count. */
  readonly unlogged?: readonly Sid[]
  /** Whose each of these is. */
  readonly unloggedVoices?: readonly UnloggedVoice[]
  /** One sentence each, in words for a person. */
  readonly reasons: readonly string[]
  readonly policyHash: string
  readonly asOf: UnixSeconds
}
