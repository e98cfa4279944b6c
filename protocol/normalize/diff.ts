/** What differs between two images, path by path: every difference, not the first. */
import type { JsonValue } from '../json.ts'
import type { NormalizedImage } from './image.ts'

export type DifferenceAspect =
  | 'added'
  | 'removed'
  | 'kind'
  | 'content'
  | 'mode'
  | 'owner'
  | 'mtime'
  | 'xattr'
  | 'record'
  | 'link'
  | 'hardlink'
  | 'device'
  | 'explicit'
  | 'opaque'
  | 'config'
  | 'annotation'
  | 'layers'

export interface Difference {
  /** Escaped path without a leading slash, or the key of a config value or annotation. */
  readonly path: string
  /** Index of the layer; null for the flattened tree and for what belongs to the whole image. */
  readonly layer: number | null
  readonly what: readonly DifferenceAspect[]
  /** The values that differ; absent on the side where there is nothing. */
  readonly a?: Readonly<Record<string, JsonValue>>
  readonly b?: Readonly<Record<string, JsonValue>>
  /** A well-known reason for files such as this one to differ. */
  readonly cause?: string
}

export interface ImageDiff {
  /** The strongest level that holds; `exact` is for the caller, who knows the manifest digests. */
  readonly equal: 'normalized' | 'rootfs' | 'none'
  readonly differences: readonly Difference[]
}

export function diffImages(_a: NormalizedImage, _b: NormalizedImage): ImageDiff {
  throw new Error('unfinished')
}
