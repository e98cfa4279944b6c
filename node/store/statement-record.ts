/**
 * One stored statement: what it is, when it came, and the bytes as they were received.
 *
 *   check (4) | arrival (8) | sha256 of the message (32) | message
 *
 * On each read the hash of the whole message is compared and the sid computed again from the
 * bytes; the signature was verified when it was stored, and the hash pins it.
 */
import { equalBytes } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import type { Sid } from '../../protocol/identifiers.ts'
import { sidOf } from '../../protocol/sid.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import { lastSid, statementKey } from './keys.ts'
import { pooledConcat } from './pooled.ts'

const ARRIVAL_BYTES = 8
const HASH_BYTES = 32
const CHECK_BYTES = 4
const HEADER_BYTES = CHECK_BYTES + ARRIVAL_BYTES + HASH_BYTES

export interface StatementRecord {
  readonly arrival: number
  readonly bytes: Uint8Array
}

const hashes = new WeakMap<Uint8Array, Uint8Array>()

/** sha256 of a message, worked out once for the same array, which nobody may change. */
export function messageHash(message: Uint8Array, crypto: Crypto): Uint8Array {
  const hash = hashes.get(message) ?? crypto.sha256(message)
  hashes.set(message, hash)
  return hash
}

export function encodeStatementRecord(
  sid: Sid,
  record: StatementRecord,
  crypto: Crypto,
): Uint8Array {
  const head = new Uint8Array(ARRIVAL_BYTES + HASH_BYTES)
  new DataView(head.buffer).setBigUint64(0, BigInt(record.arrival))
  head.set(messageHash(record.bytes, crypto), ARRIVAL_BYTES)
  return pooledConcat(encodeChecked(statementKey(sid), head), record.bytes)
}

function parseHead(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  const head = parseChecked(key, value.subarray(0, HEADER_BYTES))
  return head?.length === ARRIVAL_BYTES + HASH_BYTES ? head : undefined
}

/** When it came, without a look at the message. */
export function arrivalOf(key: Uint8Array, value: Uint8Array): number | undefined {
  const head = parseHead(key, value)
  if (head === undefined) return undefined
  return Number(new DataView(head.buffer, head.byteOffset, ARRIVAL_BYTES).getBigUint64(0))
}

/** The record under `key`, or undefined where anything of it is not as it was written. */
export function parseStatementRecord(
  key: Uint8Array,
  value: Uint8Array,
  crypto: Crypto,
): StatementRecord | undefined {
  const head = parseHead(key, value)
  const arrival = arrivalOf(key, value)
  if (head === undefined || arrival === undefined) return undefined
  // LevelDB gives Buffers, whose slice() is no copy: callers get what they expect of the type.
  const message = value.subarray(HEADER_BYTES)
  const bytes = new Uint8Array(message.buffer, message.byteOffset, message.length)
  if (!equalBytes(crypto.sha256(bytes), head.subarray(ARRIVAL_BYTES))) return undefined
  try {
    if (sidOf(parseEnvelope(bytes), crypto) !== lastSid(key)) return undefined
  } catch {
    return undefined
  }
  return { arrival, bytes }
}
