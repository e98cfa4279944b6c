/** How alike two images are: the strongest level at which they are equal, and all that differs. */
import type { Difference } from '../../protocol/normalize/diff.ts'
import {
  diffNormalized,
  normalizeSource,
  type EqualLevel,
  type NormalizedSource,
  type NormalizeOptions,
  type NormalizerComponents,
} from './normalizer.ts'

export interface ReferenceDiff {
  readonly equal: EqualLevel
  readonly differences: readonly Difference[]
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
  return { ...diffNormalized(first, second), a: first, b: second }
}
