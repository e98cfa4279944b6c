/** Where the topic `head` puts what it has verified, and what that said. */
import type { EquivocationProof } from '../../../protocol/log/equivocation.ts'
import type { Head } from '../../../protocol/log/head.ts'
import type { HeadAnswer } from '../../../protocol/log/log-book.ts'
import type { Origin } from '../../../protocol/log/origin.ts'
import type { Learned, OriginStanding } from '../../../protocol/sync/sync-book.ts'

export interface HeadSink {
  standing(origin: Origin): OriginStanding
  /** Whether a head would change nothing here, so that nobody needs to be charged for it. */
  isOld(head: Head): boolean
  /** Offers it to the book; a gap is filled from `peer`, and a proof that comes of it is published. */
  offerHead(head: Head, peer: string): Promise<Learned<HeadAnswer>>
  /** Keeps it; false where one about its key is here. */
  addProof(proof: EquivocationProof): Promise<boolean>
  /** A head of a log that would be kept if its key were known: its card is asked for. */
  needsCard(head: Head, peer: string): void
}
