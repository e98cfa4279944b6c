/**
 * The vectors of whole images, of indexes, and of documents that are no text:
 * test/vectors/normalize/{images,indexes,documents}.json.
 */
import { readFileSync } from 'node:fs'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { parseHex, utf8 } from '../../protocol/bytes.ts'
import { parseConfig } from '../../protocol/normalize/config.ts'
import { normalizeImage, type NormalizedImage } from '../../protocol/normalize/image.ts'
import { indexDigest } from '../../protocol/normalize/index-digest.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import type { NormalizeLimits } from '../../protocol/normalize/limits.ts'
import { parseManifest } from '../../protocol/normalize/manifest.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { vectorTar } from './layer-vectors.ts'
import { readLayer } from './read-layer.ts'

export interface ImageVector {
  readonly name: string
  readonly config: string
  readonly manifest?: string
  readonly layers: readonly (readonly (string | number)[])[]
  readonly limits?: Partial<NormalizeLimits>
  readonly canonical?: string
  readonly normalizedDigest?: string
  readonly rootfsDigest?: string
  readonly rootfsError?: string
  readonly error?: string
}

export interface IndexVector {
  readonly name: string
  readonly images: readonly { readonly platform: string; readonly normalizedDigest: string }[]
  readonly digest?: string
  readonly error?: string
}

export interface DocumentVector {
  readonly name: string
  readonly kind: 'config' | 'manifest'
  readonly hex: string
  readonly error: string
}

function load(name: string): readonly unknown[] {
  const file = new URL(`../vectors/normalize/${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly unknown[] }).vectors
}

export const loadImageVectors = () => load('images') as readonly ImageVector[]
export const loadIndexVectors = () => load('indexes') as readonly IndexVector[]
export const loadDocumentVectors = () => load('documents') as readonly DocumentVector[]

/** Throws NormalizeError where the vector has `error`. */
export function readImageVector(vector: ImageVector): NormalizedImage {
  const limits = { ...DEFAULT_NORMALIZE_LIMITS, ...vector.limits }
  return normalizeImage(
    { crypto: nodeCrypto },
    {
      manifest: vector.manifest === undefined ? undefined : parseManifest(utf8(vector.manifest)),
      config: utf8(vector.config),
      layers: vector.layers.map((tar, layer) =>
        readLayer(vectorTar({ name: vector.name, tar }), { layer }),
      ),
      profile: DEFAULT_PROFILE,
      limits,
    },
  )
}

export function readIndexVector({ images }: IndexVector): string {
  const { id } = DEFAULT_PROFILE
  const indexed = images.map((image) => ({ ...image, profile: id }))
  return indexDigest({ crypto: nodeCrypto }, DEFAULT_PROFILE, indexed)
}

export function readDocumentVector({ name, kind, hex }: DocumentVector): unknown {
  const bytes = parseHex(hex)
  if (bytes === undefined) throw new Error(`${name}: not hex`)
  return kind === 'config' ? parseConfig(bytes, DEFAULT_PROFILE) : parseManifest(bytes)
}
