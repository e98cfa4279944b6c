/**
 * Compares two images of which only the digests are known, asking for what differs and for nothing
 * else: from the images down, one level after the other, both sides at once.
 *
 * Pure: somebody fetches what `wanted` names and gives it to `take`. Whoever sends it cannot lie,
 * since each object must hash to what was asked for, and cannot keep one busy: depth, objects,
 * bytes and the pairs that are compared are bounded.
 */
import type { Crypto } from '../crypto.ts'
import type { ByteString } from './byte-string.ts'
import {
  type ComparableImage,
  type Difference,
  equalLevel,
  type ImageDiff,
  listDifferences,
} from './diff.ts'
import { writeDigest } from './image.ts'
import { DEFAULT_NORMALIZE_LIMITS } from './limits.ts'
import { listedDifference } from './listed-difference.ts'
import { PartialObjects } from './partial-image.ts'
import { malformed } from './preimage-reader.ts'
import type { Profile } from './profile.ts'
import type { ChildEntry } from './tree-node.ts'
import type { ObjectKind, TreeObject } from './tree-object.ts'
import { TreeObjectError } from './tree-object-error.ts'

/** One image by its hashes, as a statement has them; `rootfs` where it has that digest. */
export interface ComparedImage {
  readonly image: ByteString
  readonly rootfs: ByteString | undefined
}

export interface TreeComparisonInit {
  readonly profile: Profile
  readonly a: ComparedImage
  readonly b: ComparedImage
  /** At `rootfs` the layers are not looked at. */
  readonly level: 'normalized' | 'rootfs'
  readonly limits?: Partial<ComparisonLimits>
}

export interface ComparisonLimits {
  /** Objects that are fetched of both images together: 10^6 entries are the most a layer has. */
  readonly maxObjects: number
  readonly maxBytes: number
  /** Directories above one another; the root is one more than the deepest path has components. */
  readonly maxDepth: number
  /** Pairs of names that are looked at: a tree that names one directory often is larger than it seems. */
  readonly maxVisits: number
}

const DEFAULT_COMPARISON_LIMITS: ComparisonLimits = Object.freeze({
  maxObjects: 1_000_000,
  maxBytes: 64 * 1024 * 1024,
  maxDepth: DEFAULT_NORMALIZE_LIMITS.maxPathDepth + 1,
  maxVisits: 500_000,
})

export interface WantedObject {
  readonly kind: ObjectKind
  readonly hash: ByteString
  /** Like it, and here already: what differs between the two is enough. */
  readonly like?: ByteString
}

export interface ComparedTrees {
  readonly equal: ImageDiff['equal']
  /** How many there are; `differences` has the first of them. */
  readonly count: number
  readonly differences: readonly Difference[]
}

interface Pair {
  readonly kind: ObjectKind
  readonly a: ByteString | undefined
  readonly b: ByteString | undefined
  /** Directories above. */
  readonly depth: number
  /** What the directory says that a leaf is. */
  readonly entry?: ChildEntry['kind']
}

export class TreeComparison {
  readonly #init: TreeComparisonInit
  readonly #limits: ComparisonLimits
  readonly #objects: PartialObjects
  readonly #seen = new Set<string>()
  #waiting: Pair[] = []
  #failure: TreeObjectError | undefined
  #count = 0
  #bytes = 0

  constructor(components: { readonly crypto: Crypto }, init: TreeComparisonInit) {
    this.#init = init
    this.#limits = { ...DEFAULT_COMPARISON_LIMITS, ...init.limits }
    this.#objects = new PartialObjects(components, init)
    if (init.level === 'normalized') this.#add('image', init.a.image, init.b.image, 0)
    else this.#addRoots()
  }

  /** Objects that have been taken, and their bytes. */
  get taken(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#count, bytes: this.#bytes }
  }

  /**
   * What is needed to go on, each once; empty where all is here. Throws TreeObjectError
   * `malformed`, `too-deep` or `too-much`.
   */
  wanted(): readonly WantedObject[] {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return this.#advance()
    } catch (error) {
      // What was not looked at any more must not pass for equal.
      if (error instanceof TreeObjectError) this.#failure = error
      throw error
    }
  }

  #advance(): readonly WantedObject[] {
    const wanted = new Map<ByteString, WantedObject>()
    let open = this.#waiting
    while (open.length > 0) {
      this.#waiting = []
      const blocked: Pair[] = []
      for (const pair of open) {
        const missing = this.#missing(pair)
        for (const each of missing) wanted.set(each.hash, each)
        if (missing.length > 0) blocked.push(pair)
        else this.#expand(pair)
      }
      open = this.#waiting
      if (open.length === 0 || wanted.size > 0) {
        this.#waiting = [...blocked, ...open]
        if (wanted.size > 0) return this.#withNew(wanted, open)
        return []
      }
    }
    return []
  }

  /** Takes an object that was wanted. Throws TreeObjectError. */
  take(object: TreeObject): void {
    if (this.#objects.has(object.kind, object.hash)) return
    if (this.#count + 1 > this.#limits.maxObjects) tooMuch()
    if (this.#bytes + object.preimage.length > this.#limits.maxBytes) tooMuch()
    this.#objects.add(object)
    this.#count++
    this.#bytes += object.preimage.length
  }

  /**
   * Once nothing is wanted. At most `maxListed` differences are listed; all are counted. Rests
   * after each, since there may be many.
   */
  *finish(maxListed: number): Generator<undefined, ComparedTrees> {
    if (this.wanted().length > 0) throw new Error('a comparison is finished before all is here')
    const [a, b] = [this.#image(this.#init.a), this.#image(this.#init.b)]
    let visits = 0
    const visit = (): void => {
      if (++visits > this.#limits.maxVisits) tooMuch()
    }
    const differences: Difference[] = []
    let count = 0
    for (const difference of listDifferences(a, b, { level: this.#init.level, visit })) {
      if (count++ < maxListed) differences.push(listedDifference(difference))
      yield undefined
    }
    return { equal: equalLevel(a, b), count, differences }
  }

  /** Pairs that have just been found belong to the same batch as far as they can be asked for. */
  #withNew(wanted: Map<ByteString, WantedObject>, found: readonly Pair[]): WantedObject[] {
    for (const pair of found) for (const each of this.#missing(pair)) wanted.set(each.hash, each)
    return [...wanted.values()]
  }

  #missing({ kind, a, b }: Pair): WantedObject[] {
    const has = (hash: ByteString | undefined): boolean =>
      hash === undefined || this.#objects.has(kind, hash)
    const out: WantedObject[] = []
    if (a !== undefined && !has(a)) out.push({ kind, hash: a })
    if (b !== undefined && !has(b)) {
      out.push({ kind, hash: b, ...(kind === 'dir' && a !== undefined ? { like: a } : {}) })
    }
    return out
  }

  #add(
    kind: ObjectKind,
    a: ByteString | undefined,
    b: ByteString | undefined,
    depth: number,
    entry?: ChildEntry['kind'],
  ): void {
    if (a === b) return
    const key = `${kind} ${entry ?? ''} ${a ?? ''} ${b ?? ''}`
    if (this.#seen.has(key)) return
    if (this.#seen.size >= this.#limits.maxObjects) tooMuch()
    if (depth > this.#limits.maxDepth) {
      throw new TreeObjectError('too-deep', 'a tree is deeper than any that has a digest')
    }
    this.#seen.add(key)
    this.#waiting.push({ kind, a, b, depth, ...(entry === undefined ? {} : { entry }) })
  }

  #addRoots(): void {
    const { a, b } = this.#init
    if (a.rootfs === undefined || b.rootfs === undefined) return
    this.#add('rootfs-image', a.rootfs, b.rootfs, 0)
  }

  #expand({ kind, a, b, depth, entry }: Pair): void {
    switch (kind) {
      case 'image':
        this.#expandImages(a, b)
        return
      case 'rootfs-image': {
        const [inA, inB] = [a, b].map((hash) => this.#objects.rootfsImage(hash ?? ''))
        this.#add('config', inA?.config, inB?.config, 0)
        this.#add('rootfs', inA?.rootfs, inB?.rootfs, 0)
        return
      }
      case 'layer':
      case 'rootfs':
        this.#add('dir', this.#objects.rootOf(a ?? ''), this.#objects.rootOf(b ?? ''), 1)
        return
      case 'dir':
        this.#expandDirectories(a, b, depth)
        return
      case 'leaf':
        for (const hash of [a, b]) {
          if (hash !== undefined && this.#objects.leaf(hash)?.kind !== entry) {
            malformed('is another kind of file than its directory says')
          }
        }
        return
      case 'config':
      case 'ann':
    }
  }

  #expandImages(a: ByteString | undefined, b: ByteString | undefined): void {
    const [inA, inB] = [this.#objects.image(a ?? ''), this.#objects.image(b ?? '')]
    this.#add('config', inA?.config, inB?.config, 0)
    this.#add('ann', inA?.annotations, inB?.annotations, 0)
    if (inA?.layers.length !== inB?.layers.length) {
      this.#addRoots()
      return
    }
    for (const [i, layer] of (inA?.layers ?? []).entries()) {
      const other = inB?.layers[i]
      this.#add('ann', layer.annotations, other?.annotations, 0)
      this.#add('layer', layer.layer, other?.layer, 0)
    }
  }

  #expandDirectories(a: ByteString | undefined, b: ByteString | undefined, depth: number): void {
    const [inA, inB] = [a, b].map(
      (hash) => new Map(this.#objects.directory(hash ?? '')?.children.map((c) => [c.name, c])),
    ) as [Map<ByteString, ChildEntry>, Map<ByteString, ChildEntry>]
    for (const [name, child] of inA) this.#addChildren(child, inB.get(name), depth + 1)
    for (const [name, child] of inB)
      if (!inA.has(name)) this.#addChildren(undefined, child, depth + 1)
  }

  #addChildren(a: ChildEntry | undefined, b: ChildEntry | undefined, depth: number): void {
    if (a?.kind === b?.kind) {
      if (a !== undefined) this.#add(objectKind(a), a.hash, b?.hash, depth, a.kind)
      return
    }
    if (a !== undefined) this.#add(objectKind(a), a.hash, undefined, depth, a.kind)
    if (b !== undefined) this.#add(objectKind(b), undefined, b.hash, depth, b.kind)
  }

  #image({ image, rootfs }: ComparedImage): ComparableImage {
    const { profile, level } = this.#init
    const found = this.#objects.image(image)
    const flattened = this.#objects.rootfsImage(rootfs ?? '')
    // Where both have the same, it is not here: its hash stands for it.
    const root =
      rootfs === undefined
        ? undefined
        : (this.#objects.rootOf(flattened?.rootfs ?? '') ?? flattened?.rootfs ?? rootfs)
    const config = this.#objects.config(found?.config ?? flattened?.config ?? '')
    const layers = (found?.layers ?? []).map(({ layer }) => layer)
    return {
      profile: profile.id,
      normalizedDigest: writeDigest(profile, image),
      rootfsDigest: rootfs === undefined ? undefined : writeDigest(profile, rootfs),
      rootfsError: undefined,
      root: root === undefined ? undefined : this.#objects.tree(root),
      config: config ?? '{}',
      annotations: this.#objects.annotations(found?.annotations ?? '') ?? new Map(),
      layerAnnotations: (found?.layers ?? []).map(
        ({ annotations }) => this.#objects.annotations(annotations) ?? new Map(),
      ),
      // A layer that both have is not here, and is the same.
      layers:
        level === 'rootfs'
          ? []
          : layers.map((layer) => ({
              root: this.#objects.tree(this.#objects.rootOf(layer) ?? layer),
            })),
    }
  }
}

function objectKind({ kind }: ChildEntry): ObjectKind {
  return kind === 'directory' ? 'dir' : 'leaf'
}

function tooMuch(): never {
  throw new TreeObjectError(
    'too-much',
    'more differs between the two trees than is fetched: compare the images whole, with "rebuildnet diff A B"',
  )
}
