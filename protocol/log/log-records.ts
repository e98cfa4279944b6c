/**
 * What of a log book is written down, and how. Names are ASCII:
 *
 *   head <origin>            -> the largest head whose leaves are here
 *   first <origin>           -> the head dated first
 *   leaves <origin> <chunk>  -> slots of 64 leaves, the last chunk as far as it goes
 *   bodies <origin> <chunk>  -> one bit for each of 4096 leaves: its statement is here
 *   proof <operator>/<key>   -> a proof of equivocation
 *
 * Heads, leaves and proofs certify themselves when they are read back; the bits do not, and their
 * keeper must check that what comes back is what was written.
 */
import { decodeUtf8, utf8 } from '../bytes.ts'
import type { FollowedLog } from './followed-log.ts'
import type { Head } from './head.ts'

const LEAVES_PER_CHUNK = 64
export const BITS_PER_CHUNK = 4096

export interface LogRecord {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

export type LogRecordName =
  | { readonly kind: 'proof'; readonly of: string }
  | { readonly kind: 'head' | 'first'; readonly of: string }
  | { readonly kind: 'leaves' | 'bodies'; readonly of: string; readonly chunk: number }

const CHUNK_DIGITS = 4

/** The name as text: ascending chunks sort in their order. */
function recordName(name: LogRecordName): string {
  const chunk = 'chunk' in name ? ` ${String(name.chunk).padStart(CHUNK_DIGITS, '0')}` : ''
  return `${name.kind} ${name.of}${chunk}`
}

/** Undefined for a name that this rebuildnet does not write. */
export function parseRecordName(bytes: Uint8Array): LogRecordName | undefined {
  const text = decodeUtf8(bytes) ?? ''
  const [kind, of = '', chunk, ...others] = text.split(' ')
  if (of === '' || others.length > 0) return undefined
  if (kind === 'head' || kind === 'first' || kind === 'proof') {
    return chunk === undefined ? { kind, of } : undefined
  }
  if (kind !== 'leaves' && kind !== 'bodies') return undefined
  return /^[0-9]{4}$/.test(chunk ?? '') ? { kind, of, chunk: Number(chunk) } : undefined
}

/** Records that wait to be written: the latest value of each name, made when it is asked for. */
export class PendingRecords {
  readonly #pending = new Map<string, () => Uint8Array>()

  setHead(kind: 'head' | 'first', { origin, bytes }: Head): void {
    this.#set({ kind, of: origin.text }, () => bytes)
  }

  setProof(of: string, bytes: Uint8Array): void {
    this.#set({ kind: 'proof', of }, () => bytes)
  }

  /** The leaves of a log from `from` on. */
  setLeaves({ origin, tree }: FollowedLog, from: number): void {
    for (let at = from - (from % LEAVES_PER_CHUNK); at < tree.size; at += LEAVES_PER_CHUNK) {
      this.#set({ kind: 'leaves', of: origin.text, chunk: at / LEAVES_PER_CHUNK }, () =>
        tree.slots(at, Math.min(at + LEAVES_PER_CHUNK, tree.size)),
      )
    }
  }

  /** The bit of one leaf, with those beside it. */
  setBits(log: FollowedLog, index: number): void {
    const from = index - (index % BITS_PER_CHUNK)
    this.#set({ kind: 'bodies', of: log.origin.text, chunk: from / BITS_PER_CHUNK }, () =>
      log.hereBits(from, from + BITS_PER_CHUNK),
    )
  }

  /** All of them; they wait no longer. */
  take(): LogRecord[] {
    const records = [...this.#pending].map(([name, value]) => ({
      name: utf8(name),
      value: value(),
    }))
    this.#pending.clear()
    return records
  }

  /** Records that could not be written wait again, unless newer ones have come. */
  giveBack(records: readonly LogRecord[]): void {
    for (const { name, value } of records) {
      const text = decodeUtf8(name) ?? ''
      if (!this.#pending.has(text)) this.#pending.set(text, () => value)
    }
  }

  #set(name: LogRecordName, value: () => Uint8Array): void {
    this.#pending.set(recordName(name), value)
  }
}
