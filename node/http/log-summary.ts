/** What a node says of logs, proofs and bundles of evidence. Plain JSON. */
import type { KeyHex, OperatorId, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Question } from '../../protocol/verdict/answer.ts'

/** How up to date this node is about one operator of the policy. */
export interface OperatorLogSummary {
  readonly operator: OperatorId
  readonly name: string | null
  /** Of any of its keys; null where none is here. */
  readonly newestHead: UnixSeconds | null
  readonly ageSeconds: number | null
  /** Whether everything under its heads is here. */
  readonly complete: boolean
  /** Whether it counts as fresh under the policy. */
  readonly fresh: boolean
  /** What is not here; empty where it is complete. */
  readonly missing: readonly ('no-card' | 'card' | 'log' | 'seal' | 'statements')[]
  readonly missingStatements: number
  /** A proof that it told two histories. */
  readonly equivocation: {
    readonly id: string
    readonly kind: string
    readonly origin: string
    readonly words: string
  } | null
}

export interface LogStatus {
  /** The log of this node's own key. */
  readonly own: {
    readonly origin: string
    readonly size: number
    readonly head: { readonly size: number; readonly time: UnixSeconds } | null
    /** False until a peer has said what it knows of this log: no head is signed before. */
    readonly signing: boolean
    /** False where it was restored from a backup or damaged, until it has been closed for that. */
    readonly whole: boolean
    /** True where the folder was copied or restored, until a peer has said what it knows of this log. */
    readonly copied: boolean
    /** True once another node was seen, in this run, to sign with this key while this one does. */
    readonly shared: boolean
    /** True once that was seen again: then no head is signed here. */
    readonly halted: boolean
    /** When and why a new log was begun before its time. */
    readonly reopened: {
      readonly n: number
      readonly at: UnixSeconds
      readonly why: string
    } | null
  }
  /** Seconds by which the clock is behind what was written down, where that is too far. */
  readonly clockBehind: number | null
  readonly operators: readonly OperatorLogSummary[]
}

/** A proof that an operator told two histories. */
export interface ProofSummary {
  /** sha256 of its bytes. */
  readonly id: string
  readonly kind: string
  readonly operator: OperatorId
  readonly key: KeyHex
  readonly origin: string
  readonly words: string
  readonly proof: string
}

/** What became of the parts of a bundle. */
export interface BundleReport {
  /** What it was made to answer. */
  readonly questions: readonly Question[]
  /** That are new here. */
  readonly statements: number
  readonly known: number
  readonly heads: number
  readonly proofs: number
  /** What was not taken, and why, one line each. */
  readonly refused: readonly string[]
}
