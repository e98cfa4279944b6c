/**
 * A directory as another one that both sides have, and what is not in it: of a directory with
 * thousands of names of which one changed, some hundred bytes move instead of all of them.
 *
 * (00 | length u32 | bytes) or (01 | offset u32 | length u32) of the base, one after another. What
 * comes out is checked by its hash, as if it had come whole.
 */
import { concat } from '../../../protocol/bytes.ts'
import { toByteString } from '../../../protocol/normalize/byte-string.ts'
import { MAX_OBJECT_BYTES } from './limits.ts'

const LITERAL = 0
const COPY = 1
/** Kind and hash after the name of a child. */
const CHILD_TAIL_BYTES = 33

/** Undefined where either is no directory. */
export function createPatch(base: Uint8Array, target: Uint8Array): Uint8Array | undefined {
  const [inBase, inTarget] = [childRanges(base), childRanges(target)]
  if (inBase === undefined || inTarget === undefined) return undefined
  const known = new Map(inBase.map(([from, to]) => [toByteString(base.subarray(from, to)), from]))
  const parts: Uint8Array[] = []
  let literal = 0
  let copied: { offset: number; length: number } | undefined
  const endCopy = (): void => {
    if (copied !== undefined)
      parts.push(Uint8Array.of(COPY), u32(copied.offset), u32(copied.length))
    copied = undefined
  }
  const endLiteral = (to: number): void => {
    if (to > literal)
      parts.push(Uint8Array.of(LITERAL), u32(to - literal), target.subarray(literal, to))
  }
  for (const [from, to] of inTarget) {
    const offset = known.get(toByteString(target.subarray(from, to)))
    if (offset === undefined) {
      if (copied !== undefined) literal = from
      endCopy()
      continue
    }
    if (copied !== undefined && copied.offset + copied.length === offset) {
      copied.length += to - from
    } else {
      if (copied === undefined) endLiteral(from)
      endCopy()
      copied = { offset, length: to - from }
    }
    literal = to
  }
  endCopy()
  endLiteral(target.length)
  return concat(...parts)
}

/** Undefined where it is no patch of this base, or gives more than an object may have. */
export function applyPatch(base: Uint8Array, patch: Uint8Array): Uint8Array | undefined {
  const view = new DataView(patch.buffer, patch.byteOffset, patch.length)
  const parts: Uint8Array[] = []
  let length = 0
  for (let at = 0; at < patch.length;) {
    const head = patch[at] === COPY ? 9 : 5
    if ((patch[at] ?? 2) > COPY || at + head > patch.length) return undefined
    const [source, from, count] =
      head === 9
        ? ([base, view.getUint32(at + 1), view.getUint32(at + 5)] as const)
        : ([patch, at + head, view.getUint32(at + 1)] as const)
    if (from + count > source.length || (length += count) > MAX_OBJECT_BYTES) return undefined
    parts.push(source.subarray(from, from + count))
    at += head === 9 ? head : head + count
  }
  return concat(...parts)
}

/** Where each child of a directory stands in its preimage. */
function childRanges(preimage: Uint8Array): [from: number, to: number][] | undefined {
  const view = new DataView(preimage.buffer, preimage.byteOffset, preimage.length)
  const ranges: [number, number][] = []
  if (preimage.length < 4) return undefined
  let at = 4 + view.getUint32(0) + 4
  while (at < preimage.length) {
    if (at + 2 > preimage.length) return undefined
    const to = at + 2 + view.getUint16(at) + CHILD_TAIL_BYTES
    if (to > preimage.length) return undefined
    ranges.push([at, to])
    at = to
  }
  return at === preimage.length ? ranges : undefined
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
