/**
 * Paths for people and for JSON.
 *
 * A path in an image is bytes, not text. Valid UTF-8 stands as it is; every other byte, `%`, and
 * what could forge a line of a report (control characters, line separators, bidirectional
 * controls) is written %XX, so that each path has one spelling and each spelling one path.
 */
import { utf8 } from './bytes.ts'

/** Ends a path that was cut: no path ends so, since `%` is always followed by two digits. */
export const CUT_MARK = '%…'

export interface EscapePathOptions {
  /** The longest result, in bytes of UTF-8, its cut mark included. Absent: never cut. */
  readonly maxBytes?: number
}

export function escapePath(path: Uint8Array, options: EscapePathOptions = {}): string {
  const units = escapeUnits(path)
  const { maxBytes } = options
  if (maxBytes === undefined) return units.join('')
  const sizes = units.map((unit) => utf8(unit).length)
  if (sizes.reduce((sum, size) => sum + size, 0) <= maxBytes) return units.join('')
  let room = maxBytes - utf8(CUT_MARK).length
  let kept = 0
  for (const size of sizes) {
    room -= size
    if (room < 0) break
    kept++
  }
  return units.slice(0, kept).join('') + CUT_MARK
}

/** The bytes of a whole escaped path; undefined where escapePath would not have written it so. */
export function parseEscapedPath(text: string): Uint8Array<ArrayBuffer> | undefined {
  const out: number[] = []
  for (const [unit] of text.matchAll(/%[0-9A-F]{2}|[^]/gu)) {
    if (unit.length === 3 && unit.startsWith('%')) out.push(parseInt(unit.slice(1), 16))
    else out.push(...utf8(unit))
  }
  const bytes = Uint8Array.from(out)
  return escapePath(bytes) === text ? bytes : undefined
}

/** The path as the pieces that may not be cut apart: a character, or the %XX of one byte. */
function escapeUnits(path: Uint8Array): string[] {
  const units: string[] = []
  for (let i = 0; i < path.length;) {
    const length = characterLength(path, i)
    const code = length === 0 ? -1 : codePoint(path, i, length)
    if (code === -1 || !isPlain(code)) {
      for (const byte of path.subarray(i, i + Math.max(length, 1))) units.push(escapeByte(byte))
    } else {
      units.push(String.fromCodePoint(code))
    }
    i += Math.max(length, 1)
  }
  return units
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

function isPlain(code: number): boolean {
  if (code < 0x20 || code === 0x25 || (code >= 0x7f && code < 0xa0)) return false
  // Marks, embeddings, overrides and isolates of bidirectional text; line and paragraph separators.
  if (code === 0x200e || code === 0x200f || code === 0x061c) return false
  return !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069)
}

/** Bytes of the well-formed UTF-8 character at `start` (RFC 3629), or 0 where there is none. */
function characterLength(bytes: Uint8Array, start: number): number {
  const first = bytes[start] ?? 0
  if (first < 0x80) return 1
  const length = first >= 0xc2 && first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (first < 0xc2 || length === 0) return 0
  for (let i = 1; i < length; i++) if (((bytes[start + i] ?? 0) & 0xc0) !== 0x80) return 0
  const code = codePoint(bytes, start, length)
  if (length === 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return 0
  return length === 4 && (code < 0x10000 || code > 0x10ffff) ? 0 : length
}

function codePoint(bytes: Uint8Array, start: number, length: number): number {
  const first = bytes[start] ?? 0
  let code = length === 1 ? first : first & (0x7f >> length)
  for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[start + i] ?? 0) & 0x3f)
  return code
}
