/**
 * What the layers of one image may take together.
 *
 * Shared by the readers of an image's layers, so that a thousand layers, each within its own
 * limits, are refused while they are read and not when memory is full.
 */
import { DEFAULT_NORMALIZE_LIMITS, type NormalizeLimits } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'

export class ImageBudget {
  readonly #limits: NormalizeLimits
  #bytes = 0
  #entries = 0
  #metadataBytes = 0

  constructor(limits: NormalizeLimits = DEFAULT_NORMALIZE_LIMITS) {
    this.#limits = limits
  }

  /** Throws NormalizeError `limit-image`. */
  takeBytes(count: number): void {
    this.#bytes += count
    if (this.#bytes > this.#limits.maxImageBytes) {
      throw new NormalizeError('limit-image', 'an image that unpacks to too many bytes')
    }
  }

  /** Throws NormalizeError `limit-entries` or `limit-metadata`. */
  takeEntries(count: number, metadataBytes: number): void {
    this.#entries += count
    this.#metadataBytes += metadataBytes
    if (this.#entries > this.#limits.maxImageEntries) {
      throw new NormalizeError('limit-entries', 'an image with too many entries')
    }
    if (this.#metadataBytes > this.#limits.maxImageMetadataBytes) {
      throw new NormalizeError('limit-metadata', 'an image with too many bytes of metadata')
    }
  }
}
