/**
 * Room for what is written once, handed to LevelDB and forgotten: keys and values, ten for each
 * statement. A piece of Node's pool costs a fraction of an array with memory of its own. It is a
 * Buffer: its slice() is no copy, and what it held before is in it until it is written over.
 */
export function pooled(bytes: number): Buffer {
  return Buffer.allocUnsafe(bytes)
}

/** These one after the other, in such a piece. */
export function pooledConcat(...parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const whole = pooled(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
