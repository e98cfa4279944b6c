/**
 * What was written down of a log book, read back: only what certifies itself.
 *
 * The signature of each head is verified, and its leaves must give its root: a flipped bit shows.
 */
import { concat, decodeUtf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { openProof, type EquivocationProof } from './equivocation.ts'
import { openHead, type Head } from './head.ts'
import { LEAF_SLOT_BYTES, checkLeafAt } from './leaf.ts'
import { LogError } from './log-error.ts'
import { BITS_PER_CHUNK, parseRecordName, type LogRecord } from './log-records.ts'
import { rootOfSlots } from './log-tree.ts'

/** A log, or a proof, whose records are not whole. */
export interface DamagedLog {
  /** Origin of the log, or operator and key. */
  readonly of: string
  readonly why: string
}

interface RestoredLog {
  readonly head: Head
  readonly first: Head
  readonly slots: Uint8Array
  /** Whether the statement of a leaf was here. */
  readonly here: (index: number) => boolean
}

export interface RestoredRecords {
  readonly logs: readonly RestoredLog[]
  /** Heads of logs that are damaged, or of which no leaf was here. */
  readonly claims: readonly Head[]
  readonly proofs: readonly EquivocationProof[]
  readonly damaged: readonly DamagedLog[]
}

interface RawLog {
  head?: Uint8Array
  first?: Uint8Array
  readonly leaves: Uint8Array[]
  readonly bodies: Uint8Array[]
}

export function readRecords(records: Iterable<LogRecord>, crypto: Crypto): RestoredRecords {
  const raw = new Map<string, RawLog>()
  const logs: RestoredLog[] = []
  const claims: Head[] = []
  const proofs: EquivocationProof[] = []
  const damaged: DamagedLog[] = []
  const attempt = (of: string, read: () => void): void => {
    try {
      read()
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      damaged.push({ of, why: error.message })
    }
  }
  for (const { name, value } of records) {
    const parsed = parseRecordName(name)
    if (parsed === undefined) {
      damaged.push({ of: decodeUtf8(name) ?? '', why: 'a record with a name that is not known' })
      continue
    }
    if (parsed.kind === 'proof') {
      attempt(parsed.of, () => proofs.push(openProof(value, crypto)))
      continue
    }
    const log = raw.get(parsed.of) ?? { leaves: [], bodies: [] }
    raw.set(parsed.of, log)
    if ('chunk' in parsed) log[parsed.kind][parsed.chunk] = value
    else log[parsed.kind] = value
  }
  for (const [of, log] of raw) {
    attempt(of, () => {
      if (log.head === undefined) {
        // Of this log only claims were seen.
        if (log.first !== undefined) claims.push(openHeadOf(of, log.first, crypto))
        return
      }
      const head = openHeadOf(of, log.head, crypto)
      try {
        logs.push(readLog(head, log, crypto))
      } catch (error) {
        claims.push(head)
        throw error
      }
    })
  }
  return { logs, claims, proofs, damaged }
}

function openHeadOf(of: string, bytes: Uint8Array, crypto: Crypto): Head {
  const head = openHead(bytes, crypto)
  if (head.origin.text === of) return head
  throw new LogError('origin-malformed', 'a head that stands under the name of another log')
}

function readLog(head: Head, raw: RawLog, crypto: Crypto): RestoredLog {
  const first = raw.first === undefined ? head : openHeadOf(head.origin.text, raw.first, crypto)
  const chunks = Array.from(
    raw.leaves,
    (chunk: Uint8Array | undefined) => chunk ?? new Uint8Array(0),
  )
  const slots = concat(...chunks).subarray(0, head.size * LEAF_SLOT_BYTES)
  if (slots.length !== head.size * LEAF_SLOT_BYTES || rootOfSlots(slots, crypto) !== head.root) {
    throw new LogError('leaf-malformed', 'the leaves do not give the root of the head')
  }
  for (let index = 0; index < head.size; index++) {
    const at = index * LEAF_SLOT_BYTES
    checkLeafAt(slots.subarray(at, at + LEAF_SLOT_BYTES), head.origin.n, index)
  }
  const here = (index: number): boolean => {
    const chunk: Uint8Array | undefined = raw.bodies[Math.floor(index / BITS_PER_CHUNK)]
    const bit = index % BITS_PER_CHUNK
    return (((chunk?.[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1
  }
  return { head, first, slots, here }
}
