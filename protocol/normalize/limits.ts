/**
 * How large an image may be that has a digest. The figures are part of the profile: beyond one of
 * them there is an error, the same on every node, and never a truncation.
 */

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

export interface NormalizeLimits {
  /** A stored (compressed) blob, in bytes. */
  readonly maxBlobBytes: number
  /** An uncompressed layer, in bytes. */
  readonly maxLayerBytes: number
  /** All uncompressed layers of an image together, in bytes. */
  readonly maxImageBytes: number
  /** Inflating stops where the output is past this *and* past `maxInflationRatio` × the input. */
  readonly inflationAllowanceBytes: number
  readonly maxInflationRatio: number
  readonly maxLayers: number
  /** Entries of one layer, together with the parents that they only imply. */
  readonly maxLayerEntries: number
  readonly maxImageEntries: number
  /** Names, link targets, attributes and PAX records of one layer, in bytes: what is kept of it. */
  readonly maxLayerMetadataBytes: number
  readonly maxImageMetadataBytes: number
  /** The data of one extension header (x, g, L, K), in bytes. */
  readonly maxPaxBytes: number
  /** The value of one extended attribute, in bytes. */
  readonly maxXattrBytes: number
  /** Extended attributes of one entry; and, apart, its other PAX records. */
  readonly maxXattrs: number
  readonly maxManifestBytes: number
  readonly maxConfigBytes: number
  readonly maxConfigDepth: number
  /** Values in a config, and in a manifest: a thousand layers have some ten thousand. */
  readonly maxJsonValues: number
  readonly maxPathBytes: number
  readonly maxComponentBytes: number
  readonly maxPathDepth: number
  readonly maxZstdWindowBytes: number
}

export const DEFAULT_NORMALIZE_LIMITS: NormalizeLimits = Object.freeze({
  maxBlobBytes: 4 * GIB,
  maxLayerBytes: 32 * GIB,
  maxImageBytes: 64 * GIB,
  inflationAllowanceBytes: 64 * MIB,
  maxInflationRatio: 200,
  maxLayers: 1_000,
  maxLayerEntries: 1_000_000,
  maxImageEntries: 4_000_000,
  maxLayerMetadataBytes: 256 * MIB,
  maxImageMetadataBytes: 512 * MIB,
  maxPaxBytes: MIB,
  maxXattrBytes: 64 * KIB,
  maxXattrs: 256,
  maxManifestBytes: MIB,
  maxConfigBytes: 8 * MIB,
  maxConfigDepth: 32,
  maxJsonValues: 100_000,
  maxPathBytes: 4096,
  maxComponentBytes: 255,
  maxPathDepth: 128,
  maxZstdWindowBytes: 128 * MIB,
})
