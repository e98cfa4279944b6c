/**
 * What differs between two images, path by path: every difference, not the first.
 *
 * Trees are compared from their roots and only where hashes differ. Layers are compared one with
 * one; where their numbers differ, the flattened trees are compared in their place.
 */
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { utf8 } from '../bytes.ts'
import type { Annotations } from './annotations.ts'
import type { NormalizedImage } from './image.ts'
import { DEFAULT_NORMALIZE_LIMITS } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'
import { type Difference, diffTrees } from './tree-diff.ts'
import type { DirectoryNode } from './tree.ts'

export type { Difference } from './tree-diff.ts'

export interface ImageDiff {
  /** The strongest level that holds; `exact` is for the caller, who knows the manifest digests. */
  readonly equal: 'normalized' | 'rootfs' | 'none'
  readonly differences: readonly Difference[]
}

export interface DiffOptions {
  /** At `rootfs` only what differs in the config and the flattened trees is listed. */
  readonly level?: 'normalized' | 'rootfs'
  /** Called for each pair of nodes that is looked at; may throw to give up. */
  readonly visit?: (() => void) | undefined
}

/** What of an image a comparison needs: of its trees, what differs. */
export interface ComparableImage extends Pick<
  NormalizedImage,
  | 'profile'
  | 'normalizedDigest'
  | 'rootfsDigest'
  | 'rootfsError'
  | 'root'
  | 'config'
  | 'annotations'
  | 'layerAnnotations'
> {
  readonly layers: readonly { readonly root: DirectoryNode }[]
}

/** Throws NormalizeError `profile-unknown` where the two are not under one profile. */
export function diffImages(
  a: ComparableImage,
  b: ComparableImage,
  options: DiffOptions = {},
): ImageDiff {
  return { equal: equalLevel(a, b), differences: [...listDifferences(a, b, options)] }
}

/** The strongest level that holds. Throws as `diffImages` does. */
export function equalLevel(a: ComparableImage, b: ComparableImage): ImageDiff['equal'] {
  if (a.profile !== b.profile) {
    throw new NormalizeError(
      'profile-unknown',
      `digests under ${a.profile} and under ${b.profile} cannot be compared`,
    )
  }
  const sameRootfs = a.rootfsDigest !== undefined && a.rootfsDigest === b.rootfsDigest
  if (a.normalizedDigest === b.normalizedDigest) return 'normalized'
  return sameRootfs ? 'rootfs' : 'none'
}

/** Every difference, one after the other. */
export function* listDifferences(
  a: ComparableImage,
  b: ComparableImage,
  options: DiffOptions = {},
): Generator<Difference> {
  const { visit } = options
  yield* diffConfigs(a.config, b.config)
  if (options.level === 'rootfs') {
    yield* diffFlattened(a, b, visit)
  } else {
    yield* diffAnnotations(a.annotations, b.annotations, null)
    yield* diffLayers(a, b, visit)
  }
}

function* diffLayers(
  a: ComparableImage,
  b: ComparableImage,
  visit: DiffOptions['visit'],
): Generator<Difference> {
  if (a.layers.length !== b.layers.length) {
    yield {
      path: '',
      layer: null,
      what: ['layers'],
      a: { layers: a.layers.length },
      b: { layers: b.layers.length },
    }
    yield* diffFlattened(a, b, visit)
    return
  }
  for (const [i, layer] of a.layers.entries()) {
    const annotations = [a.layerAnnotations[i], b.layerAnnotations[i]] as const
    yield* diffAnnotations(annotations[0], annotations[1], i)
    yield* diffTrees(layer.root, b.layers[i]?.root, i, visit)
  }
}

/** The flattened trees; where an image has none, the reason. */
function* diffFlattened(
  a: ComparableImage,
  b: ComparableImage,
  visit: DiffOptions['visit'],
): Generator<Difference> {
  if (a.root !== undefined && b.root !== undefined) {
    yield* diffTrees(a.root, b.root, null, visit)
    return
  }
  yield {
    path: '',
    layer: null,
    what: ['rootfs'],
    a: { rootfs: a.rootfsDigest ?? a.rootfsError?.code ?? null },
    b: { rootfs: b.rootfsDigest ?? b.rootfsError?.code ?? null },
  }
}

/** One difference a key of the config, of its `config` object, or of the labels. */
function* diffConfigs(a: string, b: string): Generator<Difference> {
  if (a === b) return
  const flatA = flattenConfig(a)
  const flatB = flattenConfig(b)
  for (const key of [...new Set([...flatA.keys(), ...flatB.keys()])].sort()) {
    const [inA, inB] = [flatA.get(key), flatB.get(key)]
    if (inA?.text === inB?.text) continue
    yield {
      path: key,
      layer: null,
      what: ['config'],
      ...(inA === undefined ? {} : { a: { value: inA.value } }),
      ...(inB === undefined ? {} : { b: { value: inB.value } }),
    }
  }
}

interface ConfigValue {
  readonly value: JsonValue
  readonly text: string
}

function flattenConfig(canonical: string): Map<string, ConfigValue> {
  const { maxConfigDepth: maxDepth, maxConfigBytes: maxStringLength } = DEFAULT_NORMALIZE_LIMITS
  const out = new Map<string, ConfigValue>()
  const add = (object: JsonObject, prefix: string): void => {
    for (const [key, value] of Object.entries(object)) {
      const path = prefix + key
      const open = path === 'config' || path === 'config.Labels'
      if (open && isJsonObject(value)) add(value, `${path}.`)
      else out.set(path, { value, text: JSON.stringify(value) })
    }
  }
  const config = parseJson(utf8(canonical), { maxDepth, maxStringLength })
  if (isJsonObject(config)) add(config, '')
  return out
}

function* diffAnnotations(
  a: Annotations | undefined,
  b: Annotations | undefined,
  layer: number | null,
): Generator<Difference> {
  const keys = new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])
  for (const key of [...keys].sort()) {
    const [inA, inB] = [a?.get(key), b?.get(key)]
    if (inA === inB) continue
    yield {
      path: key,
      layer,
      what: ['annotation'],
      ...(inA === undefined ? {} : { a: { value: inA } }),
      ...(inB === undefined ? {} : { b: { value: inB } }),
    }
  }
}
