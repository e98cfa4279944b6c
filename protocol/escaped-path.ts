/**
 * Paths of files inside images, written as JSON strings. A path is bytes: what is UTF-8 stands as
 * it is, every other byte and `%` as %XX with upper-case digits. A path over its limit is cut and
 * ends in `%…`, which no whole path can end in. design.md section 4.
 */
import { decodeUtf8, utf8 } from './bytes.ts'

export const MAX_PATH_BYTES = 256
export const MAX_LISTED_PATHS = 20
export const MAX_LISTED_PATH_BYTES = 4096
const CUT = '%…'

export function escapePath(path: Uint8Array): string {
  const whole = decodeUtf8(path)
  if (whole !== undefined) return whole.replaceAll('%', '%25')
  let out = ''
  for (let i = 0; i < path.length;) {
    const length = characterLength(path, i)
    if (length === 0) {
      out += `%${(path[i] ?? 0).toString(16).toUpperCase().padStart(2, '0')}`
      i++
    } else {
      const character = decodeUtf8(path.subarray(i, i + length)) ?? ''
      out += character === '%' ? '%25' : character
      i += length
    }
  }
  return out
}

/** How many bytes the UTF-8 character at `start` has, or 0 where there is none. */
function characterLength(bytes: Uint8Array, start: number): number {
  for (let length = 1; length <= 4 && start + length <= bytes.length; length++) {
    if (decodeUtf8(bytes.subarray(start, start + length)) !== undefined) return length
  }
  return 0
}

/** Whether `text` is written as escapePath and cutPath write. */
export function isEscapedPath(text: string): boolean {
  const body = text.endsWith(CUT) ? text.slice(0, -CUT.length) : text
  return utf8(text).length <= MAX_PATH_BYTES && !/%(?![0-9A-F]{2})/.test(body)
}

/** An escaped path, cut between characters where it is over its limit. */
export function cutPath(escaped: string): string {
  if (utf8(escaped).length <= MAX_PATH_BYTES) return escaped
  let room = MAX_PATH_BYTES - utf8(CUT).length
  let out = ''
  for (const [unit] of escaped.matchAll(/%[0-9A-F]{2}|[^]/gu)) {
    room -= utf8(unit).length
    if (room < 0) break
    out += unit
  }
  return out + CUT
}

/** What a statement lists of `escaped` paths: the first ones, each cut, within the limits of a statement. */
export function listPaths(escaped: Iterable<string>): string[] {
  const out: string[] = []
  let bytes = 0
  for (const path of escaped) {
    const cut = cutPath(path)
    // Two long paths may be the same once they are cut; the count tells of both.
    if (out.includes(cut)) continue
    bytes += utf8(cut).length
    if (out.length === MAX_LISTED_PATHS || bytes > MAX_LISTED_PATH_BYTES) break
    out.push(cut)
  }
  return out
}
