/**
 * SHA-256 on another thread, of bytes that pass through a ring in shared memory.
 *
 * One thread writes (RingHasher), one hashes (serveHashRing); each waits for the other with
 * Atomics, so both must be threads that may block: never the main thread. One hash at a time, any
 * number of them one after the other.
 */
import type { Crypto, Hasher } from '../../protocol/crypto.ts'

/** A power of two. */
const RING_BYTES = 4 * 1024 * 1024
/** The hashing thread takes no more at once, so that the writer finds room again soon. */
const STEP_BYTES = 256 * 1024
const DIGEST_BYTES = 32
const CONTROL_WORDS = 4
const CONTROL_BYTES = CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT

/** Positions count bytes modulo 2^32; `SIGNAL` changes with every message to the hashing thread. */
const WRITTEN = 0
const HASHED = 1
const SIGNAL = 2
const ENDING = 3

export function createHashRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + DIGEST_BYTES + RING_BYTES)
}

function viewsOf(ring: SharedArrayBuffer) {
  return {
    control: new Int32Array(ring, 0, CONTROL_WORDS),
    digest: new Uint8Array(ring, CONTROL_BYTES, DIGEST_BYTES),
    bytes: new Uint8Array(ring, CONTROL_BYTES + DIGEST_BYTES, RING_BYTES),
  }
}

/** The writing end, for one hash after the other. */
export class RingHasher implements Hasher {
  readonly #views: ReturnType<typeof viewsOf>
  #begun = false

  constructor(ring: SharedArrayBuffer) {
    this.#views = viewsOf(ring)
  }

  /** Forgets what has been hashed since the last digest. */
  reset(): void {
    if (this.#begun) this.digest()
  }

  update(data: Uint8Array): void {
    this.#begun = true
    const { control, bytes } = this.#views
    for (let at = 0; at < data.length;) {
      const written = Atomics.load(control, WRITTEN)
      const hashed = Atomics.load(control, HASHED)
      const room = RING_BYTES - ((written - hashed) >>> 0)
      if (room === 0) {
        Atomics.wait(control, HASHED, hashed)
        continue
      }
      const start = (written >>> 0) % RING_BYTES
      const count = Math.min(room, RING_BYTES - start, data.length - at)
      bytes.set(data.subarray(at, at + count), start)
      at += count
      Atomics.store(control, WRITTEN, (written + count) | 0)
      this.#signal()
    }
  }

  digest(): Uint8Array {
    const { control, digest } = this.#views
    Atomics.store(control, ENDING, 1)
    this.#signal()
    this.#begun = false
    while (Atomics.load(control, ENDING) === 1) Atomics.wait(control, ENDING, 1)
    return digest.slice()
  }

  #signal(): void {
    const { control } = this.#views
    Atomics.add(control, SIGNAL, 1)
    Atomics.notify(control, SIGNAL)
  }
}

/** The hashing end: never returns, its thread is terminated from outside. */
export function serveHashRing(crypto: Crypto, ring: SharedArrayBuffer): never {
  const { control, digest, bytes } = viewsOf(ring)
  let hasher = crypto.createSha256()
  for (;;) {
    const signal = Atomics.load(control, SIGNAL)
    const ending = Atomics.load(control, ENDING) === 1
    const hashed = Atomics.load(control, HASHED)
    const waiting = (Atomics.load(control, WRITTEN) - hashed) >>> 0
    if (waiting > 0) {
      const start = (hashed >>> 0) % RING_BYTES
      const count = Math.min(waiting, RING_BYTES - start, STEP_BYTES)
      hasher.update(bytes.subarray(start, start + count))
      Atomics.store(control, HASHED, (hashed + count) | 0)
      Atomics.notify(control, HASHED)
    } else if (ending) {
      digest.set(hasher.digest())
      hasher = crypto.createSha256()
      Atomics.store(control, ENDING, 0)
      Atomics.notify(control, ENDING)
    } else {
      Atomics.wait(control, SIGNAL, signal)
    }
  }
}
