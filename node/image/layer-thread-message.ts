/**
 * What the main thread and the two threads of a lane (blob-thread.ts, tar-thread.ts) say to each
 * other.
 *
 * Pieces of a blob travel in buffers that go back and forth, what they unpack to goes through a
 * ring, trees lie where all threads can read them: nothing large is copied or parsed on the main thread.
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
import { type Space, type SpaceHandle, SpaceStore, type StoredBlocks } from './tree-space.ts'
import { openTree, packedTree } from '../../protocol/normalize/packed-tree.ts'
import type { DirectoryNode } from '../../protocol/normalize/tree.ts'

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
  /** Where the tree is put. */
  readonly space: SpaceHandle
}

export interface AssembleJob {
  readonly profile: string
  readonly manifest: ImageManifest | undefined
  readonly config: Uint8Array
  readonly layers: readonly PackedLayer[]
  /** Where the layers' trees are, and the flattened one is put. */
  readonly space: SpaceHandle
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

/** A tree in the image's space. */
interface StoredTree {
  readonly blocks: StoredBlocks
  readonly root: number
}

export type PackedLayer = Omit<NormalizedLayer, 'root'> & { readonly tree: StoredTree }

export type PackedReadLayer = ReadLayer<PackedLayer>

export type PackedImage = Omit<NormalizedImage, 'layers' | 'root' | 'rootfsError'> & {
  /** Nodes of the layers' trees may be in it. */
  readonly tree: StoredTree | undefined
  readonly rootfsError: ErrorRecord | undefined
}

export interface ErrorRecord {
  readonly code: NormalizeErrorCode
  /** Without the place, which the constructor adds. */
  readonly message: string
  readonly place: NormalizeErrorPlace
}

/** `root`: of a tree in a space. */
function storedTree(root: DirectoryNode): StoredTree {
  const { blocks, root: at } = packedTree(root)
  if (!(blocks instanceof SpaceStore)) throw new Error('a tree that is in no space')
  return { blocks: blocks.stored, root: at }
}

export function packLayer({ root, ...rest }: NormalizedLayer): PackedLayer {
  return { ...rest, tree: storedTree(root) }
}

export function openLayer({ tree, ...rest }: PackedLayer, space: Space): NormalizedLayer {
  const blocks = new SpaceStore(space, tree.blocks)
  return { ...rest, root: openTree({ blocks, root: tree.root }) }
}

export function openReadLayer(layer: PackedReadLayer, space: Space): ReadLayer {
  return { ...layer, normalized: openLayer(layer.normalized, space) }
}

export function packImage({ layers: _, root, rootfsError, ...rest }: NormalizedImage): PackedImage {
  return {
    ...rest,
    tree: root === undefined ? undefined : storedTree(root),
    rootfsError: rootfsError === undefined ? undefined : packError(rootfsError),
  }
}

export function openImage(
  { tree, rootfsError, ...rest }: PackedImage,
  layers: readonly NormalizedLayer[],
  space: Space,
): NormalizedImage {
  const parts = layers.map(({ root }) => packedTree(root))
  return {
    ...rest,
    layers,
    root:
      tree === undefined
        ? undefined
        : openTree({ blocks: new SpaceStore(space, tree.blocks), root: tree.root, parts }),
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
