/** The log book, with somebody who is told at once of what has changed in it. */
import {
  LogBook,
  type HeadAnswer,
  type LeavesAnswer,
  type LogBookComponents,
} from '../../protocol/log/log-book.ts'
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Head } from '../../protocol/log/head.ts'
import type { Sid, UnixSeconds } from '../../protocol/identifiers.ts'

export interface BookListener {
  /** A head came whose log is followed, whatever became of it. */
  heard(head: Head): void
  /** The head of a log is another: leaves [from, to) are new, none where only its time is. */
  moved(head: Head, from: number, to: number): void
  proven(proof: EquivocationProof): void
  /** A statement that a log lists is not here any more. */
  lost(): void
}

export class WatchedBook extends LogBook {
  readonly #listener: BookListener

  constructor(components: LogBookComponents, listener: BookListener) {
    super(components)
    this.#listener = listener
  }

  override offerHead(head: Head, now: UnixSeconds): HeadAnswer {
    const answer = super.offerHead(head, now)
    if (answer.kind === 'unwanted' || answer.kind === 'known') return answer
    this.#listener.heard(head)
    if (answer.kind === 'newer-time') this.#listener.moved(head, head.size, head.size)
    if (answer.kind === 'equivocation') this.#listener.proven(answer.proof)
    return answer
  }

  override addLeaves(from: number, slots: Uint8Array, head: Head): LeavesAnswer {
    const before = this.head(head.origin.text)?.size ?? 0
    const answer = super.addLeaves(from, slots, head)
    const after = this.head(head.origin.text)?.size ?? 0
    // A log may grow and be found to contradict another one by that.
    if (after > before) this.#listener.moved(head, before, after)
    if (answer.kind === 'equivocation') this.#listener.proven(answer.proof)
    return answer
  }

  override addProof(proof: EquivocationProof): boolean {
    const isNew = super.addProof(proof)
    if (isNew) this.#listener.proven(proof)
    return isNew
  }

  override bodyArrived(
    ...statement: Parameters<LogBook['bodyArrived']>
  ): EquivocationProof | undefined {
    const proof = super.bodyArrived(...statement)
    if (proof !== undefined) this.#listener.proven(proof)
    return proof
  }

  override bodyLost(sid: Sid): void {
    super.bodyLost(sid)
    this.#listener.lost()
  }
}
