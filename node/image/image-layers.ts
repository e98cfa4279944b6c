/**
 * The layers of an image, several at once, the largest first.
 *
 * What comes out is what reading them one after the other, lowest first, would give: of several bad
 * layers the lowest is told, whichever is found first. What the layers may take together (the
 * image's budget) depends on their order only where there is too much of it: then all are read
 * again, in order.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import {
  normalizeImage,
  type ImageParts,
  type NormalizedImage,
} from '../../protocol/normalize/image.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import type { Profile } from '../../protocol/normalize/profile.ts'
import {
  addTaken,
  CountingBudget,
  isOverBudget,
  NOTHING_TAKEN,
  type Taken,
} from './counting-budget.ts'
import type { LayerCache } from './layer-cache.ts'
import { lanePool, MAX_LANES } from './lane-pool.ts'
import type { LaneResult } from './layer-lane.ts'
import type { ExpectedLayer } from './blob-pass.ts'
import { readLayer, type ReadLayer } from './layer-pass.ts'
import { openReadLayer, packLayer } from './layer-thread-message.ts'
import { SpaceStore, TreeSpace } from './tree-space.ts'

/** Layers, of one image or a bare one, whose bytes can be had any number of times. */
export interface LayerSet {
  readonly layers: readonly ExpectedLayer[]
  /** Whether errors name the layer by its index. */
  readonly numbered: boolean
  open(index: number, signal: AbortSignal | undefined): AsyncIterable<Uint8Array>
}

export interface ImageLayersComponents {
  readonly crypto: Crypto
  /** Results of earlier runs. */
  readonly cache?: LayerCache | undefined
}

export interface ImageLayersOptions {
  readonly profile: Profile
  /** Path of the program that inflates gzip; undefined for the built-in inflater. */
  readonly inflater?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Told as stored bytes are read, or found to have been read before. */
  readonly onBytes?: ((layer: number, bytes: number) => void) | undefined
}

/** What is smaller is read here: starting threads would take longer. */
const SMALL_LAYER_BYTES = 64 * 1024
const SMALL_UNPACKED_BYTES = 2 * 1024 * 1024
const SMALL_ENTRIES = 2_000

/** A small layer turned out not to be small. */
class NotSmall extends Error {}

type Outcome =
  LaneResult | { readonly kind: 'here'; readonly layer: ReadLayer; readonly taken: Taken }

export class ImageLayers {
  readonly #components: ImageLayersComponents
  readonly #options: ImageLayersOptions
  readonly #space = new TreeSpace()

  constructor(components: ImageLayersComponents, options: ImageLayersOptions) {
    this.#components = components
    this.#options = options
  }

  /** Throws what reading the lowest bad layer throws. */
  async read(set: LayerSet): Promise<ReadLayer[]> {
    const parallel = new Parallel(set, this.#options.signal)
    const lanes = Math.min(MAX_LANES, set.layers.length)
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        for (let next = parallel.next(); next !== undefined; next = parallel.next()) {
          const { index, signal } = next
          try {
            parallel.take(index, await this.#readOne(set, index, NOTHING_TAKEN, signal))
          } catch (error) {
            parallel.fail(index, error)
          }
        }
      }),
    )
    this.#options.signal?.throwIfAborted()
    return parallel.isOverBudget ? this.#readInOrder(set) : parallel.layers(this.#space)
  }

  /** Digests of the image that `parts` and the layers make. Throws NormalizeError. */
  async assemble(parts: ImageParts): Promise<NormalizedImage> {
    const { crypto } = this.#components
    const entries = parts.layers.reduce((sum, { treeEntries }) => sum + treeEntries, 0)
    const space = this.#space
    if (entries <= SMALL_ENTRIES) {
      return normalizeImage({ crypto }, { ...parts, store: new SpaceStore(space) })
    }
    const { profile, manifest, config, layers } = parts
    const packed = layers.map(packLayer)
    const job = { profile: profile.id, manifest, config, layers: packed, space: space.handle }
    return lanePool.use((lane) => lane.assemble(job, layers, space))
  }

  async #readInOrder(set: LayerSet): Promise<ReadLayer[]> {
    let before = NOTHING_TAKEN
    const layers: ReadLayer[] = []
    for (const index of set.layers.keys()) {
      const outcome = await this.#readOne(set, index, before, this.#options.signal)
      layers.push(layerOf(outcome, this.#space))
      if (outcome.kind !== 'unsure') before = addTaken(before, outcome.taken)
    }
    return layers
  }

  async #readOne(
    set: LayerSet,
    index: number,
    before: Taken,
    signal: AbortSignal | undefined,
  ): Promise<Outcome> {
    const expected = set.layers[index] as ExpectedLayer
    const { profile, inflater, onBytes } = this.#options
    const { cache } = this.#components
    const cached = before === NOTHING_TAKEN ? await this.#cached(expected) : undefined
    if (cached !== undefined) {
      onBytes?.(index, expected.size)
      return { kind: 'read', ...cached }
    }
    const small = await this.#readHere(set, index, before, signal)
    if (small !== undefined) return small
    const job = {
      profile: profile.id,
      layer: set.numbered ? index : undefined,
      expected: ownFields(expected),
      before,
      space: this.#space.handle,
    }
    const read = (program: string | undefined): Promise<LaneResult> =>
      lanePool.use((lane) =>
        lane.read({ ...job, inflater: program }, set.open(index, signal), {
          signal,
          onBytes: (bytes) => onBytes?.(index, bytes),
        }),
      )
    // Without a diffID nothing would pin what a program of the system makes of the blob.
    const first = await read(expected.diffID === undefined ? undefined : inflater)
    const outcome = first.kind === 'unsure' ? await read(undefined) : first
    if (outcome.kind === 'read') await cache?.save(profile.id, expected, outcome, this.#space)
    return outcome
  }

  async #cached(expected: ExpectedLayer): ReturnType<LayerCache['load']> {
    const { cache } = this.#components
    return cache?.load(this.#options.profile.id, expected, this.#space)
  }

  /** On this thread, in pieces that do not hold it up; undefined where that is too much. */
  async #readHere(
    set: LayerSet,
    index: number,
    before: Taken,
    signal: AbortSignal | undefined,
  ): Promise<Outcome | undefined> {
    const expected = set.layers[index] as ExpectedLayer
    const { profile, onBytes } = this.#options
    if (expected.size > SMALL_LAYER_BYTES) return undefined
    const budget = new CountingBudget(before)
    try {
      const layer = await readLayer(this.#components, expected, set.open(index, signal), {
        profile,
        ...(set.numbered ? { layer: index } : {}),
        budget,
        store: new SpaceStore(this.#space),
        signal,
        onBytes: (bytes) => onBytes?.(index, bytes),
        onUnpacked: (bytes) => {
          if (bytes > SMALL_UNPACKED_BYTES) throw new NotSmall()
        },
      })
      return { kind: 'here', layer, taken: budget.taken }
    } catch (error) {
      if (error instanceof NotSmall) return undefined
      if (!(error instanceof NormalizeError)) throw error
      return { kind: 'refused', error, taken: budget.taken }
    }
  }
}

/** Which layers are still to be read, and what has become of the others. */
class Parallel {
  readonly #signal: AbortSignal | undefined
  readonly #waiting: number[]
  readonly #outcomes: (Outcome | undefined)[]
  readonly #running = new Map<number, AbortController>()
  #taken = NOTHING_TAKEN
  #failure: { readonly index: number; readonly error: unknown } | undefined

  constructor({ layers }: LayerSet, signal: AbortSignal | undefined) {
    this.#signal = signal
    this.#outcomes = layers.map(() => undefined)
    const size = (index: number) => layers[index]?.size ?? 0
    this.#waiting = [...layers.keys()].sort((a, b) => size(b) - size(a) || a - b)
  }

  get isOverBudget(): boolean {
    return isOverBudget(this.#taken)
  }

  next(): { readonly index: number; readonly signal: AbortSignal } | undefined {
    const index = this.isOverBudget ? undefined : this.#waiting.shift()
    if (index === undefined || this.#signal?.aborted === true) return undefined
    const controller = new AbortController()
    this.#running.set(index, controller)
    const signals = [controller.signal, ...(this.#signal === undefined ? [] : [this.#signal])]
    return { index, signal: AbortSignal.any(signals) }
  }

  take(index: number, outcome: Outcome): void {
    this.#running.delete(index)
    if (outcome.kind !== 'unsure') this.#taken = addTaken(this.#taken, outcome.taken)
    if (outcome.kind === 'refused') this.fail(index, outcome.error)
    else this.#outcomes[index] = outcome
    if (this.isOverBudget) for (const controller of this.#running.values()) controller.abort()
  }

  /** Only a layer below it can change what is told: those above are given up. */
  fail(index: number, error: unknown): void {
    this.#running.delete(index)
    if (this.#failure !== undefined && this.#failure.index < index) return
    this.#failure = { index, error }
    for (const [other, controller] of this.#running) if (other > index) controller.abort()
    const below = this.#waiting.filter((other) => other < index)
    this.#waiting.splice(0, Infinity, ...below)
  }

  layers(space: TreeSpace): ReadLayer[] {
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#outcomes.map((outcome) => layerOf(outcome, space))
  }
}

function layerOf(outcome: Outcome | undefined, space: TreeSpace): ReadLayer {
  if (outcome?.kind === 'here') return outcome.layer
  if (outcome?.kind === 'read') return openReadLayer(outcome.layer, space)
  if (outcome?.kind === 'refused') throw outcome.error
  throw new Error('a layer was not read')
}

/** What a thread needs to know; the rest of a LayerBlob stays here. */
function ownFields({ size, digest, diffID, mediaType }: ExpectedLayer): ExpectedLayer {
  return { size, digest, diffID, mediaType }
}
