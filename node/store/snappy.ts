/**
 * Snappy, decompression of one block: LevelDB compresses its index blocks too.
 * https://github.com/google/snappy/blob/main/format_description.txt
 */

const MAX_BYTES = 64 * 1024 * 1024

/** Throws RangeError where `bytes` are no Snappy block. */
export function snappyDecompress(bytes: Uint8Array): Uint8Array {
  let at = 0
  const next = (count: number): number => {
    let value = 0
    for (let i = 0; i < count; i++) {
      const byte = bytes[at++]
      if (byte === undefined) throw new RangeError('the block ends early')
      value += byte * 2 ** (8 * i)
    }
    return value
  }
  const out = new Uint8Array(decompressedBytes(next))
  let filled = 0
  const need = (length: number): void => {
    if (filled + length > out.length) throw new RangeError('more than was announced')
  }
  while (at < bytes.length) {
    const tag = next(1)
    const kind = tag & 3
    if (kind === 0) {
      const short = tag >> 2
      const length = 1 + (short < 60 ? short : next(short - 59))
      need(length)
      if (at + length > bytes.length) throw new RangeError('the block ends early')
      out.set(bytes.subarray(at, at + length), filled)
      at += length
      filled += length
      continue
    }
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2)
    const offset = kind === 1 ? ((tag >> 5) << 8) + next(1) : next(kind === 2 ? 2 : 4)
    if (offset === 0 || offset > filled) throw new RangeError('a copy from before the beginning')
    need(length)
    // Copies may overlap what they write: byte by byte.
    for (let i = 0; i < length; i++, filled++) out[filled] = out[filled - offset] as number
  }
  if (filled !== out.length) throw new RangeError('less than was announced')
  return out
}

function decompressedBytes(next: (count: number) => number): number {
  let [length, shift] = [0, 0]
  for (;;) {
    const byte = next(1)
    length += (byte & 127) * 2 ** shift
    shift += 7
    if (byte < 128) break
    if (shift > 28) throw new RangeError('a length that does not end')
  }
  if (length > MAX_BYTES) throw new RangeError('too long')
  return length
}
