/** The vectors of layers, test/vectors/normalize/layers.json. */
import { readFileSync } from 'node:fs'
import { concat, parseHex } from '../../protocol/bytes.ts'
import { ImageBudget } from '../../protocol/normalize/image-budget.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import type { NormalizeLimits } from '../../protocol/normalize/limits.ts'
import type { ReadLayerOptions } from './read-layer.ts'

export interface LayerVector {
  readonly name: string
  readonly profile?: string
  readonly limits?: Partial<NormalizeLimits>
  readonly imageLimits?: Partial<NormalizeLimits>
  /** Bytes in hex, or a number of zeros. */
  readonly tar: readonly (string | number)[]
  readonly digest?: string
  readonly error?: string
}

const FILE = new URL('../vectors/normalize/layers.json', import.meta.url)

export function loadLayerVectors(): readonly LayerVector[] {
  const document = JSON.parse(readFileSync(FILE, 'utf8')) as { vectors: readonly LayerVector[] }
  return document.vectors
}

export function vectorTar(vector: LayerVector): Uint8Array {
  return concat(
    ...vector.tar.map((part) => {
      const bytes = typeof part === 'number' ? new Uint8Array(part) : parseHex(part)
      if (bytes === undefined) throw new Error(`${vector.name}: not hex`)
      return bytes
    }),
  )
}

/** What reads the vector as it asks; a budget is used up, so this is called for each reading. */
export function vectorOptions({ profile, limits, imageLimits }: LayerVector): ReadLayerOptions {
  const defaults = DEFAULT_NORMALIZE_LIMITS
  return {
    ...(profile === undefined ? {} : { profile }),
    ...(limits === undefined ? {} : { limits: { ...defaults, ...limits } }),
    ...(imageLimits === undefined
      ? {}
      : { budget: new ImageBudget({ ...defaults, ...imageLimits }) }),
  }
}
