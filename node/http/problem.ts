/**
 * Errors as RFC 9457 problem documents.
 *
 * A family error keeps its `code` and its metadata, so that a client can match on them. What the
 * operating system said no to says `system`; all else is our fault, and says `internal`. The tables are exhaustive: a new code does
 * not compile until somebody has decided its status.
 */
import type { ConfigErrorCode } from '../config-error.ts'
import { isSystemError, systemErrorLine } from '../system-error.ts'
import type { HttpErrorCode } from './http-error.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'
const PROBLEM_TYPE_BASE = 'https://rebuildnet.dev/problem/'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  /** One line that says what is wrong, where, and what to do. */
  readonly detail: string
  /** Code of the family error; `internal` where it was none. */
  readonly code: string
  /** Name of the error family, such as `ImageError`. */
  readonly family: string
  /** Further fields of the error: layer, entry, offset, path… */
  readonly [metadata: string]: unknown
}

const HTTP_STATUS: Readonly<Record<HttpErrorCode, number>> = {
  'bad-request': 400,
  'not-found': 404,
  'forbidden-host': 421,
  'forbidden-origin': 403,
  'token-required': 401,
  'unsupported-media-type': 415,
  'body-too-large': 413,
  timeout: 504,
  'too-many-streams': 503,
  'needs-running-node': 503,
  stopping: 503,
  'port-in-use': 500,
  'bad-address': 500,
  'socket-in-use': 500,
  'socket-path-too-long': 500,
}

const CONFIG_STATUS: Readonly<Record<ConfigErrorCode, number>> = {
  syntax: 400,
  'unknown-key': 400,
  'bad-value': 400,
  'newer-format': 400,
  'no-data-folder': 500,
  'data-folder-exists': 409,
  'not-followed': 404,
  'not-found': 404,
  ambiguous: 409,
  refused: 403,
}

/** Families whose statuses do not depend on the code. */
const FAMILY_STATUS: Readonly<Record<string, number>> = {
  StatementError: 422,
  PolicyError: 422,
  NormalizeError: 422,
  ImageError: 422,
  BuildError: 422,
  JsonError: 400,
  ProjectError: 422,
  QuestionError: 422,
  KeyError: 500,
  MissingToolsError: 500,
  StoreError: 503,
  NetworkError: 503,
  TreeObjectError: 422,
  LogError: 422,
  BundleError: 422,
  SyncError: 503,
}

const TITLE: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Token required',
  403: 'Refused',
  404: 'Not found',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  421: 'Wrong host',
  422: 'Cannot be done with this input',
  500: 'Internal error',
  503: 'Not available',
  504: 'Took too long',
}

export interface FamilyError extends Error {
  readonly code: string
}

/** Whether `error` belongs to one of the project's error families. */
export function isFamilyError(error: unknown): error is FamilyError {
  if (!(error instanceof Error) || typeof (error as { code?: unknown }).code !== 'string') {
    return false
  }
  return error.name === 'HttpError' || error.name === 'ConfigError' || error.name in FAMILY_STATUS
}

function statusOf(error: FamilyError): number {
  if (error.name === 'HttpError') return HTTP_STATUS[error.code as HttpErrorCode]
  if (error.name === 'ConfigError') return CONFIG_STATUS[error.code as ConfigErrorCode]
  return FAMILY_STATUS[error.name] ?? 500
}

/** Own fields of a family error that are plain values; never its cause or its stack. */
export function errorMetadata(error: FamilyError): Record<string, unknown> {
  const metadata: Record<string, unknown> = {}
  // fastify writes fields of its own on the errors of its validator.
  if (error.name === 'HttpError') return metadata
  for (const [key, value] of Object.entries(error)) {
    if (key === 'name' || key === 'code' || key === 'cause' || value === undefined) continue
    if (typeof value === 'bigint') metadata[key] = String(value)
    else if (typeof value !== 'function') metadata[key] = value
  }
  return metadata
}

export function createProblem(error: unknown): Problem {
  if (isSystemError(error)) {
    const { code: errno, path } = error
    const metadata = { errno, path: path ?? null }
    return problem(500, 'system', 'SystemError', systemErrorLine(error), metadata)
  }
  if (!isFamilyError(error)) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    return problem(500, 'internal', 'Error', `internal error: ${detail}`, {})
  }
  return problem(statusOf(error), error.code, error.name, error.message, errorMetadata(error))
}

function problem(
  status: number,
  code: string,
  family: string,
  detail: string,
  metadata: Record<string, unknown>,
): Problem {
  return {
    ...metadata,
    type: `${PROBLEM_TYPE_BASE}${code}`,
    title: TITLE[status] ?? 'Error',
    status,
    detail,
    code,
    family,
  }
}
