/** Bytes that threads share: a tree that one thread has read is handed to the others as it lies. */
import type { ByteStore } from '../../protocol/normalize/tree-bytes.ts'

const INITIAL_BYTES = 64 * 1024
const STEP_BYTES = 1024 * 1024
/** Address space alone: memory is taken as it is used. No layer within its limits needs more. */
const MAX_BYTES = 4 * 1024 * 1024 * 1024 - STEP_BYTES

export class SharedStore implements ByteStore {
  readonly buffer = new SharedArrayBuffer(INITIAL_BYTES, { maxByteLength: MAX_BYTES })

  grow(bytes: number): void {
    this.buffer.grow(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES)
  }
}
