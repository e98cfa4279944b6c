/**
 * Heads and proofs that come by gossip, on their way into the book; and what follows from them: a gap
 * is filled by sync, a proof is told to everybody.
 */
import type { EquivocationProof } from '../../../protocol/log/equivocation.ts'
import type { Head } from '../../../protocol/log/head.ts'
import type { HeadAnswer } from '../../../protocol/log/log-book.ts'
import type { Origin } from '../../../protocol/log/origin.ts'
import { SyncBook, type Learned, type OriginStanding } from '../../../protocol/sync/sync-book.ts'
import { unixSeconds, type Clock } from '../../clock.ts'
import type { HeadSink } from '../validation/head-sink.ts'
import type { SyncStore } from './sync-store.ts'

export interface HeadHandlers {
  /** A head whose leaves, or whose card, are not here; `peer` has brought it. */
  readonly gap: (head: Head, peer: string) => void
  /** A proof that nobody has told this node of. */
  readonly proven: (proof: EquivocationProof) => void
}

const NOBODY: HeadHandlers = { gap: () => undefined, proven: () => undefined }

export class Heads implements HeadSink {
  readonly book: SyncBook
  readonly #store: SyncStore
  readonly #clock: Clock
  #handlers = NOBODY

  constructor(store: SyncStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.book = new SyncBook(store.book)
  }

  /** Who is told, while the network runs. */
  connect(handlers: HeadHandlers): void {
    this.#handlers = handlers
  }

  standing(origin: Origin): OriginStanding {
    return this.#store.standing(origin)
  }

  isOld({ origin, size, root, time }: Head): boolean {
    const row = this.book.row(origin)
    if (row === undefined || size > row.size || time > row.time) return false
    return this.book.hasPrefix(origin, size, root)
  }

  async offerHead(head: Head, peer: string): Promise<Learned<HeadAnswer>> {
    const learned = this.book.offerHead(head, unixSeconds(this.#clock))
    if (learned.answer.kind === 'needs-leaves') this.#handlers.gap(head, peer)
    if (learned.proof !== undefined) this.#handlers.proven(learned.proof)
    await this.#store.commit()
    return learned
  }

  async addProof(proof: EquivocationProof): Promise<boolean> {
    const added = this.book.book.addProof(proof)
    if (added) await this.#store.commit()
    return added
  }

  needsCard(head: Head, peer: string): void {
    this.#handlers.gap(head, peer)
  }
}
