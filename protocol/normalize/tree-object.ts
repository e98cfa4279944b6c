/**
 * The objects of which an image's digests are made, each with its preimage: whoever has a digest
 * can check them one by one, from the image down to the leaf, whoever sends them.
 *
 * README.md, "Hashing": hash = T(kind, preimage).
 */
import { concat, utf8 } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { encodeAnnotations, type Annotations } from './annotations.ts'
import { type ByteString, fromByteString } from './byte-string.ts'
import { ByteWriter } from './byte-writer.ts'
import type { NormalizedImage } from './image.ts'
import { encodeDirectory, encodeLeaf } from './node-encoding.ts'
import { parseProfile } from './profile.ts'
import { TaggedHash } from './tagged-hash.ts'
import type { DirectoryNode, TreeNode } from './tree.ts'

/** In the order of their numbers on the wire and on the disk, from 1; only ever added to. */
export const OBJECT_KINDS = [
  'leaf',
  'dir',
  'layer',
  'ann',
  'config',
  'image',
  'rootfs',
  'rootfs-image',
] as const

export type ObjectKind = (typeof OBJECT_KINDS)[number]

export interface TreeObject {
  /** T(kind, preimage), 32 bytes. */
  readonly hash: ByteString
  readonly kind: ObjectKind
  readonly preimage: Uint8Array
}

/**
 * Every object of an image, each once, what an object names before the object itself: where the
 * last one is kept, all are.
 */
export function* imageObjects(
  components: { readonly crypto: Crypto },
  image: Omit<NormalizedImage, 'dropped'>,
): Generator<TreeObject> {
  const hasher = new TaggedHash(components, { profile: parseProfile(image.profile) })
  const seen = new Set<ByteString>()
  for (const { root } of image.layers) yield* treeObjects(root, seen)
  if (image.root !== undefined) yield* treeObjects(image.root, seen)

  const make = (kind: ObjectKind, preimage: Uint8Array): TreeObject => ({
    hash: hasher.hash(kind, (writer) => writer.raw(preimage)),
    kind,
    preimage,
  })
  const ann = (annotations: Annotations): TreeObject =>
    make(
      'ann',
      written((writer) => encodeAnnotations(writer, annotations)),
    )
  const config = make('config', utf8(image.config))
  const annotations = ann(image.annotations)
  const layers = image.layers.map(({ root }, i) => ({
    layer: make('layer', fromByteString(root.hash)),
    annotations: ann(image.layerAnnotations[i] ?? new Map()),
  }))
  yield* [config, annotations, ...layers.flatMap((each) => [each.layer, each.annotations])]
  if (image.root !== undefined) {
    const rootfs = make('rootfs', fromByteString(image.root.hash))
    yield rootfs
    yield make('rootfs-image', fromByteString(config.hash + rootfs.hash))
  }
  const hashes = layers.map((each) => fromByteString(each.layer.hash + each.annotations.hash))
  const head = written((writer) =>
    writer.rawString(config.hash).rawString(annotations.hash).u32(layers.length),
  )
  yield make('image', concat(head, ...hashes))
}

function* treeObjects(node: TreeNode, seen: Set<ByteString>): Generator<TreeObject> {
  if (seen.has(node.hash)) return
  seen.add(node.hash)
  if (node.kind === 'directory') yield* directoryObjects(node, seen)
  else
    yield { hash: node.hash, kind: 'leaf', preimage: written((writer) => encodeLeaf(writer, node)) }
}

function* directoryObjects(node: DirectoryNode, seen: Set<ByteString>): Generator<TreeObject> {
  for (const child of node.children.values()) yield* treeObjects(child, seen)
  const preimage = written((writer) => encodeDirectory(writer, node))
  yield { hash: node.hash, kind: 'dir', preimage }
}

function written(encode: (writer: ByteWriter) => unknown): Uint8Array {
  const writer = new ByteWriter()
  encode(writer)
  return writer.bytes.slice()
}
