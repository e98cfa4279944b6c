/**
 * Why an exchange ends before its end. What `malformed` and `lie` name, no honest node does,
 * whatever it holds and whatever the time; the others are nobody's fault.
 */
export type SyncErrorCode =
  // Not the format, or more than the limits
  | 'malformed'
  // In the format, and untrue
  | 'lie'
  | 'busy'
  | 'refused'
  | 'ended'

export class SyncError extends Error {
  override readonly name = 'SyncError'
  readonly code: SyncErrorCode

  constructor(code: SyncErrorCode, message: string, cause?: unknown) {
    super(`sync: ${message}`, cause === undefined ? {} : { cause })
    this.code = code
  }
}

export function malformed(what: string): SyncError {
  return new SyncError('malformed', `the peer sent ${what}`)
}

export function lie(what: string, cause?: unknown): SyncError {
  return new SyncError('lie', `the peer sent ${what}`, cause)
}
