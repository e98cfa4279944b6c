/**
 * An error as a person sees it, one line that says what, where and what to do, and as JSON.
 * A stack trace is shown only for our own faults, and only to who asks for it.
 */
import { errorMetadata, isFamilyError } from '../node/http/problem.ts'
import { ApiError } from './api/api-error.ts'
import { CliError } from './cli-error.ts'
import { isSystemError, systemErrorLine } from '../node/system-error.ts'

export interface Failure {
  readonly code: string
  readonly message: string
  readonly [metadata: string]: unknown
}

/** Metadata of an error about bytes in an image; always there, so that a script need not ask. */
const PLACE = { layer: null, entry: null, offset: null, path: null }

export function toFailure(error: unknown): Failure {
  if (error instanceof CliError) return { code: error.code, message: error.message }
  if (error instanceof ApiError) {
    const place = error.family === 'NormalizeError' ? PLACE : {}
    return { ...place, ...error.metadata, code: error.code, message: error.message }
  }
  if (isFamilyError(error)) {
    const place = error.name === 'NormalizeError' || error.name === 'ImageError' ? PLACE : {}
    return { ...place, ...errorMetadata(error), code: error.code, message: error.message }
  }
  if (isSystemError(error)) {
    const { code: errno, path } = error
    return { code: 'system', message: systemErrorLine(error), errno, path: path ?? null }
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return { code: 'interrupted', message: 'interrupted' }
  }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'internal',
    message: `internal error: ${message.split('\n')[0] ?? ''} (REBUILDNET_DEBUG=1 shows where)`,
  }
}

/** Where our own fault is, for REBUILDNET_DEBUG=1; undefined for an error that is nobody's fault. */
export function stackOf(error: unknown): string | undefined {
  if (error instanceof CliError || error instanceof ApiError || isFamilyError(error)) {
    return undefined
  }
  // A system error keeps its stack for who asks: where we met it may matter.
  return error instanceof Error ? error.stack : undefined
}
