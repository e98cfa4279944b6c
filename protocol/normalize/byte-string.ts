/**
 * Bytes as a JavaScript string, one character (U+0000 to U+00FF) a byte.
 *
 * Names, link targets and hashes are kept so: `===` and `<` on two of them compare bytes, they can
 * be keys of a Map, and each takes a third of the memory of a Uint8Array. Never text: `escapePath`
 * makes text of one.
 */
import type { Crypto, Hasher } from '../crypto.ts'

export type ByteString = string

const MAX_ARGUMENTS = 4096

export function toByteString(bytes: Uint8Array): ByteString {
  if (bytes.length <= MAX_ARGUMENTS) return fromCharCodes(bytes)
  let out = ''
  for (let i = 0; i < bytes.length; i += MAX_ARGUMENTS) {
    out += fromCharCodes(bytes.subarray(i, i + MAX_ARGUMENTS))
  }
  return out
}

export function sha256Of(crypto: Crypto, bytes: Uint8Array): ByteString {
  return crypto.sha256String?.(bytes) ?? toByteString(crypto.sha256(bytes))
}

export function digestOf(hasher: Hasher): ByteString {
  return hasher.digestString?.() ?? toByteString(hasher.digest())
}

/** Five times as fast as spreading, which goes through the iterator of the array. */
function fromCharCodes(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, undefined, bytes) as string
}

export function fromByteString(text: ByteString): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i)
  return out
}

/** Bytewise order: negative, zero or positive. */
export function compareByteStrings(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0
}
