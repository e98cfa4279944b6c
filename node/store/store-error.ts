/** What goes wrong in the store. One line each: what, where, and what to do. */
import type { Sid } from '../../protocol/identifiers.ts'

export type StoreErrorCode =
  /** Another process holds the folder. */
  | 'locked'
  /** What is stored is not what was written. */
  | 'corrupt'
  /** A write failed for want of space; nothing more is written until the store is opened again. */
  | 'disk-full'
  /** The disk failed in another way; likewise. */
  | 'io-error'
  /** Not written, and the store still answers: too little space, or an earlier write failed. */
  | 'read-only'
  /** Written by a newer rebuildnet. */
  | 'newer-format'
  /** Asked after close(). */
  | 'closed'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** The statement that is damaged, where it is one. */
  readonly sid: Sid | undefined

  constructor(code: StoreErrorCode, message: string, options: { cause?: unknown; sid?: Sid } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.sid = options.sid
  }
}

/** What LevelDB raised, as a StoreError where it is the disk's or the caller's fault. */
export function fromLevelError(error: unknown, directory: string): unknown {
  if (!(error instanceof Error)) return error
  const { code, message } = rootOf(error)
  if (code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN') {
    return new StoreError('closed', `the store in ${directory} has been closed`, { cause: error })
  }
  if (/No space left on device|Disk quota exceeded/.test(message)) {
    return new StoreError(
      'disk-full',
      `no space is left on the disk of ${directory}: free some and start again; what was accepted is kept`,
      { cause: error },
    )
  }
  if (code === 'LEVEL_CORRUPTION') {
    return new StoreError('corrupt', `the files in ${directory} are damaged: ${message}`, {
      cause: error,
    })
  }
  if (code === 'LEVEL_IO_ERROR') {
    return new StoreError('io-error', `the disk of ${directory} fails: ${message}`, {
      cause: error,
    })
  }
  return error
}

/** LevelDB's own error: opening wraps it in one that says only that it did not open. */
export function rootOf(error: Error): { readonly code: string; readonly message: string } {
  let root: Error & { code?: unknown } = error
  while (root.cause instanceof Error) root = root.cause
  return { code: typeof root.code === 'string' ? root.code : '', message: root.message }
}
