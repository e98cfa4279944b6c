/**
 * An image of which only some objects are here, as far as they are: what a comparison opens of two
 * images that are mostly alike. Everything in it has been hashed and parsed.
 */
import { decodeUtf8, parseHex } from '../bytes.ts'
import { isJsonObject, parseJson } from '../json.ts'
import type { Crypto } from '../crypto.ts'
import type { Annotations } from './annotations.ts'
import { type ByteString, fromByteString, toByteString } from './byte-string.ts'
import { DEFAULT_NORMALIZE_LIMITS } from './limits.ts'
import { malformed, PreimageReader } from './preimage-reader.ts'
import type { Profile } from './profile.ts'
import { TaggedHash } from './tagged-hash.ts'
import { type DirectoryEntry, parseDirectory, parseLeaf } from './tree-node.ts'
import type { ObjectKind, TreeObject } from './tree-object.ts'
import { TreeObjectError } from './tree-object-error.ts'
import type { DirectoryNode, LeafNode, NodeKind, TreeNode } from './tree.ts'

const { maxLayers, maxConfigDepth, maxConfigBytes, maxManifestBytes } = DEFAULT_NORMALIZE_LIMITS
const HASH_BYTES = 32

export interface ImageObject {
  readonly config: ByteString
  readonly annotations: ByteString
  readonly layers: readonly { readonly layer: ByteString; readonly annotations: ByteString }[]
}

export class PartialObjects {
  readonly #hasher: TaggedHash
  readonly #profile: Profile
  readonly #images = new Map<ByteString, ImageObject>()
  readonly #roots = new Map<
    ByteString,
    { readonly config: ByteString; readonly rootfs: ByteString }
  >()
  /** Of layers and flattened trees: the directory that they are. */
  readonly #trees = new Map<ByteString, ByteString>()
  readonly #configs = new Map<ByteString, string>()
  readonly #annotations = new Map<ByteString, Annotations>()
  readonly #directories = new Map<ByteString, DirectoryEntry>()
  readonly #leaves = new Map<ByteString, LeafNode>()

  constructor(components: { readonly crypto: Crypto }, init: { readonly profile: Profile }) {
    this.#profile = init.profile
    this.#hasher = new TaggedHash(components, init)
  }

  has(kind: ObjectKind, hash: ByteString): boolean {
    return this.#tableOf(kind).has(hash)
  }

  /** Checks the object against its hash and takes it. Throws TreeObjectError `hash`, `malformed`. */
  add({ kind, hash, preimage }: TreeObject): void {
    if (this.#hasher.hash(kind, (writer) => writer.raw(preimage)) !== hash) {
      throw new TreeObjectError('hash', 'an object of a tree does not hash to what was asked for')
    }
    switch (kind) {
      case 'image':
        this.#images.set(hash, parseImage(preimage))
        return
      case 'rootfs-image': {
        const reader = new PreimageReader(preimage)
        this.#roots.set(hash, { config: reader.hash(), rootfs: reader.hash() })
        reader.end()
        return
      }
      case 'layer':
      case 'rootfs': {
        const reader = new PreimageReader(preimage)
        this.#trees.set(hash, reader.hash())
        reader.end()
        return
      }
      case 'config':
        this.#configs.set(hash, parseConfigText(preimage))
        return
      case 'ann':
        this.#annotations.set(hash, parseAnnotationsObject(preimage))
        return
      case 'dir':
        this.#directories.set(hash, parseDirectory(preimage, this.#profile))
        return
      case 'leaf':
        // Not a literal: the compiler would want each kind of leaf by itself.
        this.#leaves.set(hash, Object.assign(parseLeaf(preimage, this.#profile), { hash }))
    }
  }

  image(hash: ByteString): ImageObject | undefined {
    return this.#images.get(hash)
  }

  rootfsImage(hash: ByteString): { config: ByteString; rootfs: ByteString } | undefined {
    return this.#roots.get(hash)
  }

  /** The root directory of a layer or of a flattened tree. */
  rootOf(hash: ByteString): ByteString | undefined {
    return this.#trees.get(hash)
  }

  /** Undefined where it was not needed, since both images have the same. */
  config(hash: ByteString): string | undefined {
    return this.#configs.get(hash)
  }

  annotations(hash: ByteString): Annotations | undefined {
    return this.#annotations.get(hash)
  }

  directory(hash: ByteString): DirectoryEntry | undefined {
    return this.#directories.get(hash)
  }

  leaf(hash: ByteString): LeafNode | undefined {
    return this.#leaves.get(hash)
  }

  /** The tree below a directory. What is not here stands for itself by its hash and kind alone. */
  tree(hash: ByteString): DirectoryNode {
    return new PartialDirectory(hash, this)
  }

  #tableOf(kind: ObjectKind): ReadonlyMap<ByteString, unknown> {
    switch (kind) {
      case 'image':
        return this.#images
      case 'rootfs-image':
        return this.#roots
      case 'layer':
      case 'rootfs':
        return this.#trees
      case 'config':
        return this.#configs
      case 'ann':
        return this.#annotations
      case 'dir':
        return this.#directories
      case 'leaf':
        return this.#leaves
    }
  }
}

class PartialDirectory implements DirectoryNode {
  readonly kind = 'directory'
  readonly late = false
  readonly plain = false
  readonly hash: ByteString
  readonly #objects: PartialObjects
  #children: ReadonlyMap<ByteString, TreeNode> | undefined

  constructor(hash: ByteString, objects: PartialObjects) {
    this.hash = hash
    this.#objects = objects
  }

  get meta(): DirectoryNode['meta'] {
    return this.#objects.directory(this.hash)?.meta
  }

  get opaque(): boolean {
    return this.#objects.directory(this.hash)?.opaque ?? false
  }

  get children(): ReadonlyMap<ByteString, TreeNode> {
    this.#children ??= new Map(
      this.#objects
        .directory(this.hash)
        ?.children.map(({ name, kind, hash }) => [name, this.#open(kind, hash)] as const),
    )
    return this.#children
  }

  #open(kind: NodeKind, hash: ByteString): TreeNode {
    if (kind === 'directory') return new PartialDirectory(hash, this.#objects)
    return this.#objects.leaf(hash) ?? placeholder(kind, hash)
  }
}

const NO_META = { mode: 0, uid: 0, gid: 0, mtime: undefined, xattrs: [], records: [] }

/** A leaf that both trees have: only its kind and hash are looked at. */
function placeholder(kind: LeafNode['kind'], hash: ByteString): LeafNode {
  const inode = { hash, meta: NO_META, group: undefined }
  switch (kind) {
    case 'whiteout':
      return { kind, hash }
    case 'file':
      return { kind, ...inode, size: 0, content: '', dropped: false }
    case 'symlink':
    case 'xlink':
      return { kind, ...inode, target: '' }
    case 'char':
    case 'block':
      return { kind, ...inode, major: 0, minor: 0 }
    case 'fifo':
      return { kind, ...inode }
  }
}

function parseImage(preimage: Uint8Array): ImageObject {
  const reader = new PreimageReader(preimage)
  const config = reader.hash()
  const annotations = reader.hash()
  const count = reader.count(2 * HASH_BYTES)
  if (count > maxLayers) malformed(`is an image of ${count} layers`)
  const layers = Array.from({ length: count }, () => ({
    layer: reader.hash(),
    annotations: reader.hash(),
  }))
  reader.end()
  return { config, annotations, layers }
}

function parseConfigText(preimage: Uint8Array): string {
  const text = preimage.length > maxConfigBytes ? undefined : decodeUtf8(preimage)
  if (text === undefined) malformed('is no config')
  try {
    const value = parseJson(preimage, { maxDepth: maxConfigDepth, maxStringLength: maxConfigBytes })
    if (isJsonObject(value)) return text
  } catch {
    // Whatever is wrong with it, no image has such a config.
  }
  malformed('is no config')
}

function parseAnnotationsObject(preimage: Uint8Array): Annotations {
  const reader = new PreimageReader(preimage)
  const annotations = new Map<string, string>()
  let previous: ByteString | undefined
  for (let left = reader.count(6); left > 0; left--) {
    const key = reader.lp16()
    if (previous !== undefined && previous >= key) malformed('has annotations that do not ascend')
    previous = key
    annotations.set(text(key), text(reader.lp32(maxManifestBytes)))
  }
  reader.end()
  return annotations
}

function text(bytes: ByteString): string {
  return decodeUtf8(fromByteString(bytes)) ?? malformed('has an annotation that is no text')
}

/** `<profile>:sha256:<hex>` to the hash in it. */
export function parseTreeDigest(digest: string, profile: Profile): ByteString | undefined {
  const prefix = `${profile.id}:sha256:`
  if (!digest.startsWith(prefix)) return undefined
  const hash = parseHex(digest.slice(prefix.length))
  return hash?.length === HASH_BYTES ? toByteString(hash) : undefined
}
