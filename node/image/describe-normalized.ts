/** The result of `normalize` as JSON: what the command prints and the API answers. */
import type { LevelDigest } from '../../protocol/rebuild.ts'
import type { NormalizedSource, NormalizedSourceLayer } from './normalizer.ts'

export interface NormalizedDescription {
  readonly image: string
  readonly platform: string
  readonly profile: string
  readonly manifestDigest: string | null
  readonly normalizedDigest: string
  /** The error code in its place where the layers cannot be flattened without ambiguity. */
  readonly rootfsDigest: LevelDigest
  readonly layers: readonly NormalizedSourceLayer[]
}

export function describeNormalized(source: NormalizedSource): NormalizedDescription {
  const { image, platform, profile, manifestDigest, layers } = source
  return {
    image,
    platform,
    profile,
    manifestDigest,
    normalizedDigest: source.normalized.normalizedDigest,
    rootfsDigest: rootfsLevel(source),
    layers,
  }
}

/** The rootfs digest, or why there is none. */
export function rootfsLevel({ normalized }: NormalizedSource): LevelDigest {
  if (normalized.rootfsDigest !== undefined) return normalized.rootfsDigest
  if (normalized.rootfsError === undefined)
    throw new Error('an image has neither rootfs digest nor error')
  return { error: normalized.rootfsError.code }
}
