/**
 * What the main thread and a layer thread (layer-thread.ts) say to each other.
 *
 * Pieces of a blob travel in buffers that go back and forth, trees in shared memory, so nothing
 * large is copied and nothing large is parsed on the main thread.
 */
import type { Digest } from '../../protocol/identifiers.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import type { NormalizedLayer } from '../../protocol/normalize/layer-reader.ts'
import type { ImageManifest } from '../../protocol/normalize/manifest.ts'
import {
  NormalizeError,
  type NormalizeErrorCode,
  type NormalizeErrorPlace,
} from '../../protocol/normalize/normalize-error.ts'
import type { Taken } from './counting-budget.ts'
import type { LayerEncoding } from './layer-encoding.ts'
import type { ExpectedLayer, ReadLayer } from './layer-pass.ts'
import { openTree, packTree, type PackedTree } from './packed-tree.ts'

export interface LayerThreadData {
  readonly ring: SharedArrayBuffer
}

export interface LayerJob {
  /** Answers name it: that to a job which was given up must not be taken for another's. */
  readonly id: number
  /** Profile id. */
  readonly profile: string
  readonly layer: number | undefined
  readonly expected: ExpectedLayer
  /** What the layers before it have taken of the image's budget. */
  readonly before: Taken
  /** The program that inflates gzip, where it is not the built-in one. */
  readonly inflater: string | undefined
}

export interface AssembleJob {
  readonly id: number
  readonly profile: string
  readonly manifest: ImageManifest | undefined
  readonly config: Uint8Array
  readonly layers: readonly PackedLayer[]
}

export type ToLayerThread =
  | { readonly kind: 'begin'; readonly job: LayerJob }
  | { readonly kind: 'piece'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'end' }
  /** The layer is given up. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'assemble'; readonly job: AssembleJob }

export type FromLayerThread =
  /** A piece has been read, and its buffer may be used again. */
  { readonly kind: 'free'; readonly buffer: ArrayBuffer } | (LayerAnswer & { readonly id: number })

export type LayerAnswer =
  | { readonly kind: 'read'; readonly layer: PackedReadLayer; readonly taken: Taken }
  | { readonly kind: 'assembled'; readonly image: PackedImage }
  /** The outside inflater cannot be relied upon for this layer: it is to be read without. */
  | { readonly kind: 'unsure' }
  | { readonly kind: 'refused'; readonly error: ErrorRecord; readonly taken: Taken }

export type PackedLayer = Omit<NormalizedLayer, 'root'> & { readonly tree: PackedTree }

export interface PackedReadLayer {
  readonly digest: Digest
  readonly diffID: Digest
  readonly encoding: LayerEncoding
  readonly normalized: PackedLayer
}

export type PackedImage = Omit<NormalizedImage, 'layers' | 'root' | 'rootfsError'> & {
  readonly tree: PackedTree | undefined
  readonly rootfsError: ErrorRecord | undefined
}

interface ErrorRecord {
  readonly code: NormalizeErrorCode
  /** Without the place, which the constructor adds. */
  readonly message: string
  readonly place: NormalizeErrorPlace
}

/** Layers that were opened from a packed form, which still stands. */
const packed = new WeakMap<NormalizedLayer, PackedLayer>()

export function packLayer(layer: NormalizedLayer): PackedLayer {
  const known = packed.get(layer)
  if (known !== undefined) return known
  const { root, ...rest } = layer
  return { ...rest, tree: packTree(root) }
}

export function openLayer(form: PackedLayer): NormalizedLayer {
  const { tree, ...rest } = form
  const layer = { ...rest, root: openTree(tree) }
  packed.set(layer, form)
  return layer
}

export function packReadLayer(layer: ReadLayer): PackedReadLayer {
  return { ...layer, normalized: packLayer(layer.normalized) }
}

export function openReadLayer(layer: PackedReadLayer): ReadLayer {
  return { ...layer, normalized: openLayer(layer.normalized) }
}

export function packImage(image: NormalizedImage): PackedImage {
  const { layers: _, root, rootfsError, ...rest } = image
  return {
    ...rest,
    tree: root === undefined ? undefined : packTree(root),
    rootfsError: rootfsError === undefined ? undefined : packError(rootfsError),
  }
}

export function openImage(
  { tree, rootfsError, ...rest }: PackedImage,
  layers: readonly NormalizedLayer[],
): NormalizedImage {
  return {
    ...rest,
    layers,
    root: tree === undefined ? undefined : openTree(tree),
    rootfsError: rootfsError === undefined ? undefined : openError(rootfsError),
  }
}

export function packError(error: NormalizeError): ErrorRecord {
  const { code, layer, entry, offset, path } = error
  const place = { layer, entry, offset, path }
  const suffix = new NormalizeError(code, '', place).message
  return { code, message: error.message.slice(0, error.message.length - suffix.length), place }
}

export function openError({ code, message, place }: ErrorRecord): NormalizeError {
  return new NormalizeError(code, message, place)
}
