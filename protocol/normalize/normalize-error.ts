/**
 * Why an image has no digest.
 *
 * The codes are part of the profile: rebuilders vote on them ("k operators report the same error
 * for D"), so a code never changes its meaning, and the same bytes give the same code on every
 * node however they arrived. README.md says which rule each code stands for.
 */
import type { JsonErrorCode } from '../json.ts'

/** Raised by the profile-id parser. */
export const PROFILE_ERROR_CODES = ['profile-unknown', 'profile-syntax'] as const

type ProfileErrorCode = (typeof PROFILE_ERROR_CODES)[number]

/** Raised while the uncompressed tar of a layer is read. */
export const LAYER_ERROR_CODES = [
  'header-checksum',
  'header-magic',
  'header-number',
  'header-string',
  'header-padding',
  'type-unknown',
  'type-dialect',
  'sparse',
  'path-empty',
  'path-dotdot',
  'path-nul',
  'path-trailing-slash',
  'path-too-long',
  'component-too-long',
  'path-too-deep',
  'link-empty',
  'link-nul',
  'link-too-long',
  'link-unexpected',
  'size-unexpected',
  'mode-bits',
  'mode-type',
  'owner-range',
  'device-range',
  'content-padding',
  'pax-grammar',
  'pax-duplicate-key',
  'pax-value',
  'pax-size',
  'pax-global',
  'pax-charset',
  'extension-repeated',
  'extension-mixed',
  'extension-dangling',
  'duplicate',
  'parent-not-directory',
  'hardlink-target-later',
  'hardlink-target-directory',
  'hardlink-target-hidden',
  'hardlink-meta',
  'whiteout-name',
  'whiteout-kind',
  'whiteout-size',
  'whiteout-attributes',
  'whiteout-parent',
  'whiteout-target',
  'estargz',
  'zero-block',
  'trailing-data',
  'truncated',
  'limit-layer',
  'limit-image',
  'limit-entries',
  'limit-metadata',
  'limit-pax',
  'limit-xattr',
  'limit-xattrs',
] as const

type LayerErrorCode = (typeof LAYER_ERROR_CODES)[number]

/** Raised by whoever fetches and inflates blobs: the codes are the profile's, the work is not. */
type BlobErrorCode =
  | 'gzip-corrupt'
  | 'gzip-truncated'
  | 'gzip-trailing-bytes'
  | 'zstd-corrupt'
  | 'zstd-truncated'
  | 'zstd-trailing-bytes'
  | 'zstd-window'
  | 'zstd-dictionary'
  | 'zstd-chunked'
  | 'layer-encoding'
  | 'blob-digest-mismatch'
  | 'blob-size-mismatch'
  | 'diffid-mismatch'
  | 'limit-blob'
  | 'limit-ratio'
  | 'limit-zstd-frames'

/** Raised by the parsers of manifests, indexes and configs, and by what is built from them. */
export const IMAGE_ERROR_CODES = [
  'manifest-case-folded-key',
  'manifest-type',
  'manifest-schema-version',
  'manifest-media-type',
  'manifest-layers-and-manifests',
  'manifest-digest',
  'manifest-size',
  'manifest-config-media-type',
  'manifest-layer-media-type',
  'manifest-annotations',
  'foreign-layer',
  'platform',
  'index-duplicate-platform',
  'config-case-folded-key',
  'config-type',
  'config-null-entry',
  'config-rootfs',
  'config-diffid',
  'layer-count',
  'limit-manifest',
  'limit-config',
  'limit-layers',
] as const

type ImageErrorCode =
  `manifest-${JsonErrorCode}` | `config-${JsonErrorCode}` | (typeof IMAGE_ERROR_CODES)[number]

/** The image has a normalized digest and no rootfs digest. */
export const FLATTEN_ERROR_CODES = [
  'flatten-symlink-parent',
  'flatten-parent-not-directory',
  'flatten-hardlink',
  'flatten-device-0-0',
] as const

type FlattenErrorCode = (typeof FLATTEN_ERROR_CODES)[number]

export type NormalizeErrorCode =
  ProfileErrorCode | LayerErrorCode | BlobErrorCode | ImageErrorCode | FlattenErrorCode

/** Where in the image; each part only where it is known. */
export interface NormalizeErrorPlace {
  /** Index of the layer, from 0. */
  readonly layer?: number | undefined
  /** Index of the entry in its layer, from 0; extension headers belong to the entry they precede. */
  readonly entry?: number | undefined
  /** Offset in bytes in the uncompressed layer, of the header or block at fault. */
  readonly offset?: number | undefined
  /** The entry's path, as escapePath writes it. */
  readonly path?: string | undefined
}

/** One line that says what is wrong and where; `code` is what callers match on. */
export class NormalizeError extends Error {
  override readonly name = 'NormalizeError'
  readonly code: NormalizeErrorCode
  readonly layer?: number
  readonly entry?: number
  readonly offset?: number
  readonly path?: string

  constructor(
    code: NormalizeErrorCode,
    message: string,
    place: NormalizeErrorPlace = {},
    options?: ErrorOptions,
  ) {
    super(message + describePlace(place), options)
    this.code = code
    if (place.layer !== undefined) this.layer = place.layer
    if (place.entry !== undefined) this.entry = place.entry
    if (place.offset !== undefined) this.offset = place.offset
    if (place.path !== undefined) this.path = place.path
  }
}

function describePlace(place: NormalizeErrorPlace): string {
  const parts = [
    place.path === undefined ? '' : `"${place.path}"`,
    place.layer === undefined ? '' : `layer ${place.layer}`,
    place.entry === undefined ? '' : `entry ${place.entry}`,
    place.offset === undefined ? '' : `byte ${place.offset}`,
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}
