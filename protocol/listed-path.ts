/**
 * The few paths that a statement lists out of all that differ: escaped, each cut at 256 bytes, at
 * most 20 of them and 4 KiB in all. protocol/README.md.
 */
import { utf8 } from './bytes.ts'
import { CUT_MARK, escapePath, parseEscapedPath } from './escape-path.ts'

export const MAX_PATH_BYTES = 256
export const MAX_LISTED_PATHS = 20
export const MAX_LISTED_PATH_BYTES = 4096

/** Whether `text` is a path in its one escaped spelling, whole or cut. */
export function isListedPath(text: string): boolean {
  if (text === '' || utf8(text).length > MAX_PATH_BYTES) return false
  const kept = text.endsWith(CUT_MARK) ? text.slice(0, -CUT_MARK.length) : text
  return parseEscapedPath(kept) !== undefined
}

/** What a statement lists of whole escaped paths, in the order in which they come. */
export function listPaths(escaped: Iterable<string>): string[] {
  const out: string[] = []
  let bytes = 0
  for (const path of escaped) {
    const whole = parseEscapedPath(path)
    if (whole === undefined) throw new Error(`not an escaped path: ${path}`)
    const cut = escapePath(whole, { maxBytes: MAX_PATH_BYTES })
    // Two long paths may look alike once they are cut; the count tells of both.
    if (out.includes(cut)) continue
    bytes += utf8(cut).length
    if (out.length === MAX_LISTED_PATHS || bytes > MAX_LISTED_PATH_BYTES) break
    out.push(cut)
  }
  return out
}
