/** The proofs that are kept, one for each key: the first one, for ever. */
import type { KeyHex, OperatorId } from '../identifiers.ts'
import type { EquivocationProof } from './equivocation.ts'
import type { PendingRecords } from './log-records.ts'

/** Of whom a proof speaks, and whose logs belong together. */
interface KeyOfOperator {
  readonly operator: OperatorId
  readonly key: KeyHex
}

export function chainKey({ operator, key }: KeyOfOperator): string {
  return `${operator}/${key}`
}

export class ProofShelf {
  readonly #proofs = new Map<string, EquivocationProof>()
  readonly #pending: PendingRecords

  constructor(pending: PendingRecords) {
    this.#pending = pending
  }

  all(): readonly EquivocationProof[] {
    return [...this.#proofs.values()]
  }

  about(key: KeyOfOperator): EquivocationProof | undefined {
    return this.#proofs.get(chainKey(key))
  }

  /** Returns the one about its key that is kept, which is this one where there was none. */
  keep(proof: EquivocationProof): EquivocationProof {
    return this.keepMade(proof, () => proof)
  }

  /** As above, of one that is only made where there is none. */
  keepMade(key: KeyOfOperator, prove: () => EquivocationProof): EquivocationProof {
    const known = this.about(key)
    if (known !== undefined) return known
    const proof = prove()
    this.restore(proof)
    this.#pending.setProof(chainKey(proof), proof.bytes)
    return proof
  }

  /** One that was written down. */
  restore(proof: EquivocationProof): void {
    this.#proofs.set(chainKey(proof), proof)
  }
}
