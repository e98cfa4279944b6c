/** Byte strings: the few operations that everything else is written in. */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** The text of `bytes`, or undefined where they are not UTF-8. A byte order mark is kept as text. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Bytewise order: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** ASCII of the sixteen digits. */
const DIGITS = encoder.encode('0123456789abcdef')
/** Text on its way out; nothing of it is read again. */
let hexText = new Uint8Array(128)

/** Lowercase hex. */
export function toHex(bytes: Uint8Array): string {
  // In one piece: a string that is put together digit by digit takes four times as long, and memory
  // for each of its pieces for as long as it is held.
  const length = 2 * bytes.length
  if (length > hexText.length) hexText = new Uint8Array(2 * length)
  let at = 0
  for (const byte of bytes) {
    hexText[at++] = DIGITS[byte >> 4] as number
    hexText[at++] = DIGITS[byte & 15] as number
  }
  return decoder.decode(hexText.subarray(0, length))
}

/** The value of each ASCII character as a lowercase hex digit, or -1. */
const NIBBLES = Int8Array.from({ length: 128 }, (_, code) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(code)),
)

/** The bytes of lowercase hex, or undefined where `text` is anything else. */
export function parseHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0) return undefined
  const out = new Uint8Array(text.length / 2)
  for (let i = 0; i < out.length; i++) {
    const high = NIBBLES[text.charCodeAt(i * 2)] ?? -1
    const low = NIBBLES[text.charCodeAt(i * 2 + 1)] ?? -1
    if (high < 0 || low < 0) return undefined
    out[i] = (high << 4) | low
  }
  return out
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  let out = ''
  for (let i = 0; i < bytes.length; i += 3) {
    // A view of each three bytes would cost more than the rest.
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]]
    const word = (a << 16) | ((b ?? 0) << 8) | (c ?? 0)
    out += BASE64.charAt(word >> 18) + BASE64.charAt((word >> 12) & 63)
    out += b === undefined ? '=' : BASE64.charAt((word >> 6) & 63)
    out += c === undefined ? '=' : BASE64.charAt(word & 63)
  }
  return out
}

/** The bytes of canonical, padded, standard base64, or undefined: one byte string has one encoding. */
export function parseBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const out = new Uint8Array((text.length / 4) * 3 - padding)
  let offset = 0
  for (let i = 0; i < text.length; i += 4) {
    let word = 0
    for (let j = 0; j < 4; j++) {
      const sextet = BASE64.indexOf(text.charAt(i + j))
      word = (word << 6) | (sextet < 0 ? 0 : sextet)
    }
    for (let shift = 16; shift >= 0 && offset < out.length; shift -= 8) {
      out[offset++] = (word >> shift) & 255
    }
  }
  return toBase64(out) === text ? out : undefined
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 base32, lowercase and unpadded. */
export function toBase32(bytes: Uint8Array): string {
  let out = ''
  let bits = 0
  let word = 0
  for (const byte of bytes) {
    word = ((word << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      out += BASE32.charAt((word >> bits) & 31)
    }
  }
  if (bits > 0) out += BASE32.charAt((word << (5 - bits)) & 31)
  return out
}
