/**
 * Values that tell when they are not what was written.
 *
 * LevelDB runs without checksums here, so each value of an index or a record begins with a CRC-32
 * of its key and itself: every flipped bit is found, and no value stands under another's key.
 * It guards against the disk, not against a person; statements certify themselves.
 */
import { crc32 } from 'node:zlib'
import { pooled } from './pooled.ts'

const CHECK_BYTES = 4

function check(key: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, crc32(key))
}

export function encodeChecked(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const value = pooled(CHECK_BYTES + payload.length)
  value.writeUInt32BE(check(key, payload))
  value.set(payload, CHECK_BYTES)
  return value
}

/** The payload, or undefined where key or value have changed. */
export function parseChecked(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  if (value.length < CHECK_BYTES) return undefined
  const payload = value.subarray(CHECK_BYTES)
  const stored = new DataView(value.buffer, value.byteOffset, CHECK_BYTES).getUint32(0)
  return stored === check(key, payload) ? payload : undefined
}
