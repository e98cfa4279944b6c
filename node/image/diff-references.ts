/** How alike two images are: the strongest level at which they are equal, and all that differs. */
import type { Digest } from '../../protocol/identifiers.ts'
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

export interface DiffOptions extends Omit<NormalizeOptions, 'reference'> {
  /** Makes of what went wrong in reading one of them what is thrown: only here it is known which. */
  readonly failed?: (side: 'a' | 'b') => (error: unknown) => never
}

/** Both are read whole even where their manifests are equal: that verifies them. */
export async function diffReferences(
  components: NormalizerComponents,
  a: NormalizeOptions['reference'],
  b: NormalizeOptions['reference'],
  { failed, ...options }: DiffOptions = {},
): Promise<ReferenceDiff> {
  const read = (side: 'a' | 'b'): Promise<NormalizedSource> => {
    const source = normalizeSource(components, { ...options, reference: side === 'a' ? a : b })
    return failed === undefined ? source : source.catch(failed(side))
  }
  const first = await read('a')
  const second = await read('b')
  return { ...compareSources(first, second), a: first, b: second }
}

/** Digests of what an image is stored as: what the level exact is about. */
export interface StoredImage {
  readonly image: string
  /** Null for a docker-archive. */
  readonly manifestDigest: Digest | null
  readonly configDigest: Digest
  /** Of the stored layers, lowest first. */
  readonly layers: readonly Digest[]
}

export function describeStored(source: NormalizedSource): StoredImage {
  const { image, manifestDigest, configDigest, layers } = source
  return { image, manifestDigest, configDigest, layers: layers.map(({ digest }) => digest) }
}

/** The same for two images that were normalized under one profile. */
function compareSources(a: NormalizedSource, b: NormalizedSource): SourceDiff {
  const { equal, differences } = diffImages(a.normalized, b.normalized)
  const exact = a.manifestDigest !== null && a.manifestDigest === b.manifestDigest
  return { equal: exact ? 'exact' : equal, differences }
}
