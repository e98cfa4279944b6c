/**
 * Arrays that grow to millions of numbers and are then given back at once.
 *
 * Large ones lie in memory that grows where it is. Copies of a megabyte that come and go leave holes
 * which an allocator does not give back: a layer at the limits would take twice what it needs.
 */

/** What is smaller is an array like others, which is made faster. */
const LARGE_BYTES = 256 * 1024
/** Address space alone. Beyond it, larger than any layer within the limits, there is a copy. */
const RESERVED_BYTES = 16 * 1024 * 1024

type Numbers = Uint32Array<ArrayBuffer>

export function grown(array: Numbers, length: number): Numbers {
  const bytes = length * Uint32Array.BYTES_PER_ELEMENT
  return new Uint32Array(grownBuffer(array.buffer, bytes), 0, length)
}

export function grownBytes(
  array: Uint8Array<ArrayBuffer>,
  length: number,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(grownBuffer(array.buffer, length), 0, length)
}

/** All zeros. */
export function cleared(array: Numbers, length: number): Numbers {
  array.fill(0)
  return grown(array, length)
}

/** Nobody uses it any more. */
export function free({ buffer }: Numbers | Uint8Array<ArrayBuffer>): void {
  if (buffer.resizable) buffer.resize(0)
  else buffer.transfer(0)
}

function grownBuffer(buffer: ArrayBuffer, bytes: number): ArrayBuffer {
  if (buffer.resizable && bytes <= buffer.maxByteLength) {
    buffer.resize(bytes)
    return buffer
  }
  if (bytes < LARGE_BYTES) return buffer.transfer(bytes)
  const large = new ArrayBuffer(bytes, { maxByteLength: Math.max(bytes, RESERVED_BYTES) })
  new Uint8Array(large).set(new Uint8Array(buffer))
  if (buffer.resizable) buffer.resize(0)
  else buffer.transfer(0)
  return large
}
