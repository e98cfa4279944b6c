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

const NO_SPACE = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/
const DISK_CODES = ['LEVEL_IO_ERROR', 'EACCES', 'EEXIST', 'EIO', 'ENOTDIR', 'EPERM', 'EROFS']

/** What LevelDB or the file system raised, as a StoreError where it is the disk's or the caller's fault. */
export function toStoreError(error: unknown, directory: string): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error
  const { code, message } = rootOf(error)
  const options = { cause: error }
  if (NO_SPACE.test(message)) {
    return new StoreError(
      'disk-full',
      `no space is left on the disk of ${directory}: free some and start again; what was accepted is kept`,
      options,
    )
  }
  if (code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN') {
    return new StoreError('closed', `the store in ${directory} has been closed`, options)
  }
  if (code === 'LEVEL_CORRUPTION') {
    const advice = '"rebuildnet fsck --reindex" saves what can be read'
    return new StoreError('corrupt', `${directory} is damaged (${message}): ${advice}`, options)
  }
  if (DISK_CODES.includes(code)) {
    const advice = 'make it readable and writable, or choose another with --data'
    return new StoreError(
      'io-error',
      `${directory} cannot be used (${message}): ${advice}`,
      options,
    )
  }
  return error
}

/** An entry of an index that is not as it was written. */
export function damagedIndex(table: string, directory: string): StoreError {
  const advice = '"rebuildnet fsck --reindex" makes it anew from the statements'
  return new StoreError('corrupt', `the index ${table} is damaged (${directory}): ${advice}`)
}

/** LevelDB's own error: opening wraps it in one that says only that it did not open. */
export function rootOf(error: Error): { readonly code: string; readonly message: string } {
  let root: Error & { code?: unknown } = error
  while (root.cause instanceof Error) root = root.cause
  return { code: typeof root.code === 'string' ? root.code : '', message: root.message }
}

/** Whether the database cannot be opened for what is in its folder, rather than for rights or room. */
export function isUnreadable(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false
  return (
    error.code === 'corrupt' ||
    (error.code === 'io-error' && error.message.includes('No such file'))
  )
}
