/**
 * What the main thread and the two threads of a lane (blob-thread.ts, tar-thread.ts) say to each
 * other.
 *
 * Pieces of a blob travel in buffers that go back and forth, what they unpack to goes through a
 * ring, trees lie in shared memory: nothing large is copied or parsed on the main thread.
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
import type { ExpectedLayer } from './blob-pass.ts'
import type { ReadLayer } from './layer-pass.ts'
import { SharedStore } from './shared-store.ts'
import {
  joinTrees,
  openTree,
  packTree,
  type JoinedTree,
  type PackedTree,
} from '../../protocol/normalize/packed-tree.ts'

export interface LaneThreadData {
  readonly ring: SharedArrayBuffer
}

export interface BlobJob {
  readonly layer: number | undefined
  readonly expected: ExpectedLayer
  /** The program that inflates gzip, where it is not the built-in one. */
  readonly inflater: string | undefined
}

export interface TarJob {
  /** Profile id. */
  readonly profile: string
  readonly layer: number | undefined
  readonly storedSize: number
  /** What the layers before it have taken of the image's budget. */
  readonly before: Taken
}

export interface AssembleJob {
  readonly profile: string
  readonly manifest: ImageManifest | undefined
  readonly config: Uint8Array
  readonly layers: readonly PackedLayer[]
}

export type ToBlobThread =
  | { readonly kind: 'begin'; readonly job: BlobJob }
  | { readonly kind: 'piece'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly kind: 'end' }
  /** The layer is given up. */
  | { readonly kind: 'drop' }

/** Each job is answered once, whether it ends, fails or is dropped. */
export type BlobAnswer =
  | {
      readonly kind: 'passed'
      readonly digest: Digest
      readonly encoding: LayerEncoding
      /** Undefined as well where the other half refused more: it knows why. */
      readonly decodeError: ErrorRecord | undefined
      /** A program inflated it. */
      readonly outside: boolean
    }
  | { readonly kind: 'refused'; readonly error: ErrorRecord; readonly outside: boolean }
  /** The outside inflater cannot be relied upon for this layer: it is to be read without. */
  | { readonly kind: 'unsure' }
  | { readonly kind: 'dropped' }

export type FromBlobThread =
  /** A piece has been read, and its buffer may be used again. */
  | { readonly kind: 'free'; readonly buffer: ArrayBuffer }
  /** A program inflates the layer: until the answer the other thread may be waiting for it. */
  | { readonly kind: 'program'; readonly pid: number | undefined }
  | BlobAnswer

export type ToTarThread =
  | { readonly kind: 'read'; readonly job: TarJob }
  | { readonly kind: 'assemble'; readonly job: AssembleJob }

export type TarAnswer =
  | {
      readonly kind: 'passed'
      readonly diffID: Digest | undefined
      readonly limitError: ErrorRecord | undefined
      readonly normalized: PackedLayer | undefined
      readonly error: ErrorRecord | undefined
      readonly taken: Taken
    }
  | { readonly kind: 'given-up' }
  | { readonly kind: 'assembled'; readonly image: PackedImage }
  | { readonly kind: 'refused'; readonly error: ErrorRecord }

export type PackedLayer = Omit<NormalizedLayer, 'root'> & { readonly tree: PackedTree }

export type PackedReadLayer = ReadLayer<PackedLayer>

export type PackedImage = Omit<NormalizedImage, 'layers' | 'root' | 'rootfsError'> & {
  readonly tree: JoinedTree | undefined
  readonly rootfsError: ErrorRecord | undefined
}

export interface ErrorRecord {
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

export function openReadLayer(layer: PackedReadLayer): ReadLayer {
  return { ...layer, normalized: openLayer(layer.normalized) }
}

export function packImage(image: NormalizedImage): PackedImage {
  const { layers, root, rootfsError, ...rest } = image
  const parts = layers.map((layer) => ({ ...packLayer(layer).tree, opened: layer.root }))
  return {
    ...rest,
    tree: root === undefined ? undefined : joinTrees(root, parts, new SharedStore()),
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
