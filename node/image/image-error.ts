/**
 * What can go wrong before the bytes of an image are in hand: the reference, the place it names,
 * the platform, the registry. What is wrong with the bytes themselves is a NormalizeError, which is
 * a fact about the image that anyone would find; an ImageError may be gone at the next attempt.
 */

export type ImageErrorCode =
  /** The reference is not of a form that node/image/README.md lists. */
  | 'reference-syntax'
  | 'reference-transport'
  /** The file or folder is not there, cannot be read, or is not what the transport says. */
  | 'source-not-found'
  | 'source-unreadable'
  | 'layout-invalid'
  | 'archive-invalid'
  | 'blob-missing'
  /** Several images, and the reference does not say which; or it names one that is not there. */
  | 'tag-required'
  | 'tag-not-found'
  | 'tag-ambiguous'
  | 'platform-syntax'
  | 'platform-required'
  | 'platform-unavailable'
  | 'platform-mismatch'
  | 'platform-duplicate'
  | 'platform-missing'
  | 'nested-index'
  | 'media-type-unsupported'
  /** The address may not be spoken to (node/README.md T20). */
  | 'address-refused'
  | 'redirect-refused'
  | 'registry-unreachable'
  | 'registry-timeout'
  | 'registry-unauthorized'
  | 'registry-not-found'
  | 'registry-rate-limited'
  | 'registry-server'
  | 'registry-protocol'
  /** What came is not what its digest names. */
  | 'registry-digest'
  | 'credentials-invalid'
  /** The program that was asked for is not installed, or is none that we know. */
  | 'inflater-missing'
  | 'inflater-unknown'
  /** Of this machine: there is no room for the trees of the image (tree-space.ts). */
  | 'temporary-disk-full'

export interface ImageErrorDetails {
  /** What there is to choose from: platforms or tags. */
  readonly available?: readonly string[]
  readonly status?: number
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

/** Codes after which the same request may succeed without anybody having changed anything. */
const TRANSIENT: ReadonlySet<ImageErrorCode> = new Set<ImageErrorCode>([
  'registry-unreachable',
  'registry-timeout',
  'registry-rate-limited',
  'registry-server',
  'registry-digest',
])

export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly code: ImageErrorCode
  readonly available: readonly string[] | undefined
  /** The HTTP status, where a registry answered. */
  readonly status: number | undefined
  /** How long the registry asked to be left alone. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: ImageErrorCode, message: string, details: ImageErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.available = details.available
    this.status = details.status
    this.retryAfterSeconds = details.retryAfterSeconds
  }

  get transient(): boolean {
    return TRANSIENT.has(this.code)
  }
}
