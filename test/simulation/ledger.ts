/**
 * What really was said, whoever has heard of it: the referee's book.
 *
 * It shares no code with the log book: a log is a list of leaves, and a head stands for a beginning
 * of it.
 */
import { toHex } from '../../protocol/bytes.ts'
import type { KeyHex, OperatorId, Sid } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import { Violation } from './violation.ts'

export const SLOT_BYTES = 49

interface Covered {
  readonly sid: Sid
  /** Of the first head over it that anybody was given. */
  readonly time: number
}

interface HonestLog {
  n: number
  /** Hex of the leaves of log `n`. */
  leaves: string[]
  time: number
}

export class Ledger {
  /** Origin, size and root -> hex of the leaves. */
  readonly #heads = new Map<string, readonly string[]>()
  readonly #honest = new Map<KeyHex, HonestLog>()
  readonly #covered = new Map<OperatorId, Covered[]>()
  /** Operators that signed what cannot all be true. */
  readonly forgers = new Set<OperatorId>()

  /** A head was signed over these leaves. */
  record(head: Head, slots: Uint8Array): readonly string[] {
    const leaves = splitSlots(slots)
    this.#heads.set(nameOf(head), leaves)
    return leaves
  }

  /** An honest owner gives a head to others, for the first time or again. */
  publish(head: Head, slots: Uint8Array): void {
    const { origin, size, time } = head
    const leaves = this.record(head, slots)
    const law = 'an honest owner never forks its log'
    const known = this.#honest.get(origin.key) ?? { n: origin.n, leaves: [], time: 0 }
    this.#honest.set(origin.key, known)
    if (time < known.time) throw new Violation(law, `${origin.text} is dated back`)
    if (origin.n < known.n) throw new Violation(law, `${origin.text} goes on after its end`)
    if (origin.n > known.n) {
      known.n = origin.n
      known.leaves = []
    }
    if (size < known.leaves.length) throw new Violation(law, `${origin.text} has shrunk`)
    if (known.leaves.some((leaf, i) => leaves[i] !== leaf)) {
      throw new Violation(law, `${origin.text} has another beginning`)
    }
    const covered = this.#covered.get(origin.operator) ?? []
    this.#covered.set(origin.operator, covered)
    for (const leaf of leaves.slice(known.leaves.length)) {
      if (leaf.startsWith('01')) covered.push({ sid: leaf.slice(2, 66), time })
    }
    known.leaves = [...leaves]
    known.time = time
  }

  /** Hex of the leaves under a head; undefined where its owner has not signed it. */
  leavesOf(head: Head): readonly string[] | undefined {
    return this.#heads.get(nameOf(head))
  }

  /** What an honest operator has said, and since when others can know. */
  saidBy(operator: OperatorId): readonly Covered[] {
    return this.#covered.get(operator) ?? []
  }

  /** The last size that an honest key has given to anybody. */
  lastOf(key: KeyHex): { readonly n: number; readonly size: number } | undefined {
    const known = this.#honest.get(key)
    return known && { n: known.n, size: known.leaves.length }
  }

  /** Whether both heads can be of one log. */
  agree(a: Head, b: Head): boolean {
    const [short, long] = a.size <= b.size ? [a, b] : [b, a]
    const leaves = this.leavesOf(long) ?? []
    return (this.leavesOf(short) ?? []).every((leaf, i) => leaves[i] === leaf)
  }
}

export function splitSlots(slots: Uint8Array): string[] {
  const leaves: string[] = []
  for (let at = 0; at < slots.length; at += SLOT_BYTES) {
    leaves.push(toHex(slots.subarray(at, at + SLOT_BYTES)))
  }
  return leaves
}

function nameOf({ origin, size, root }: Head): string {
  return `${origin.text} ${size} ${root}`
}
