/** What a log book answers to heads and leaves, and what it asks for. */
import type { UnixSeconds } from '../identifiers.ts'
import type { EquivocationProof } from './equivocation.ts'
import type { Head } from './head.ts'

export type HeadAnswer =
  | { readonly kind: 'unwanted' }
  /** The very head that is kept. */
  | { readonly kind: 'known' }
  /** Smaller than the one that is kept, or of the same size and not later; it fits. */
  | { readonly kind: 'older' }
  /** Of the same size and later: it is kept now. */
  | { readonly kind: 'newer-time' }
  /** A claim, until leaves [from, to) come: see addLeaves. */
  | { readonly kind: 'needs-leaves'; readonly from: number; readonly to: number }
  /** Dated too far ahead; not looked at before that time (`releaseHeld`). */
  | { readonly kind: 'held'; readonly until: UnixSeconds }
  /** It cannot be true together with another one; it is not kept. */
  | { readonly kind: 'equivocation'; readonly proof: EquivocationProof }
  /** Of a log whose leaves this node cannot read, or of a key with too many logs. */
  | { readonly kind: 'refused'; readonly why: string }

export type LeavesAnswer =
  /** The head is kept now; its statements are waited for, those of leaves [from, to) too. */
  | { readonly kind: 'extended'; readonly from: number; readonly to: number }
  /** Nothing that was not here. */
  | { readonly kind: 'known' }
  /** Behind the leaves that are here they do not give the head's root: ask for [0, size) to learn why. */
  | { readonly kind: 'restart' }
  /** These leaves do not give the root: whoever sent them is wrong. */
  | { readonly kind: 'wrong-leaves' }
  | { readonly kind: 'equivocation'; readonly proof: EquivocationProof }
  | { readonly kind: 'refused'; readonly why: string }

/** Leaves that a claim waits for. */
export interface LogGap {
  readonly head: Head
  readonly from: number
  readonly to: number
}
