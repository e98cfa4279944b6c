/** How alike two images are: the strongest level at which they are equal, and all that differs. */
import { diffImages, type Difference } from '../../protocol/normalize/diff.ts'
import {
  normalizeSource,
  type NormalizedSource,
  type NormalizeOptions,
  type NormalizerComponents,
} from './normalizer.ts'

type EqualLevel = 'exact' | 'normalized' | 'rootfs' | 'none'

interface SourceDiff {
  readonly equal: EqualLevel
  readonly differences: readonly Difference[]
}

export interface ReferenceDiff extends SourceDiff {
  readonly a: NormalizedSource
  readonly b: NormalizedSource
}

/** Both are read whole even where their manifests are equal: that verifies them. */
export async function diffReferences(
  components: NormalizerComponents,
  a: NormalizeOptions['reference'],
  b: NormalizeOptions['reference'],
  options: Omit<NormalizeOptions, 'reference'> = {},
): Promise<ReferenceDiff> {
  const first = await normalizeSource(components, { ...options, reference: a })
  const second = await normalizeSource(components, { ...options, reference: b })
  return { ...compareSources(first, second), a: first, b: second }
}

/** The same for two images that were normalized under one profile. */
function compareSources(a: NormalizedSource, b: NormalizedSource): SourceDiff {
  const { equal, differences } = diffImages(a.normalized, b.normalized)
  const exact = a.manifestDigest !== null && a.manifestDigest === b.manifestDigest
  return { equal: exact ? 'exact' : equal, differences }
}
