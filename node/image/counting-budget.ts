/** What a layer takes of its image's budget, beside what the layers before it have taken. */
import { ImageBudget } from '../../protocol/normalize/image-budget.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'

export interface Taken {
  readonly bytes: number
  readonly entries: number
  readonly metadataBytes: number
}

export const NOTHING_TAKEN: Taken = Object.freeze({ bytes: 0, entries: 0, metadataBytes: 0 })

export function addTaken(a: Taken, b: Taken): Taken {
  return {
    bytes: a.bytes + b.bytes,
    entries: a.entries + b.entries,
    metadataBytes: a.metadataBytes + b.metadataBytes,
  }
}

export function isOverBudget({ bytes, entries, metadataBytes }: Taken): boolean {
  const { maxImageBytes, maxImageEntries, maxImageMetadataBytes } = DEFAULT_NORMALIZE_LIMITS
  return bytes > maxImageBytes || entries > maxImageEntries || metadataBytes > maxImageMetadataBytes
}

export class CountingBudget extends ImageBudget {
  #taken = NOTHING_TAKEN

  /** `before`: what other layers have taken. */
  constructor(before: Taken = NOTHING_TAKEN) {
    super()
    super.takeBytes(before.bytes)
    super.takeEntries(before.entries, before.metadataBytes)
  }

  /** By this layer alone, up to its end or its error. */
  get taken(): Taken {
    return this.#taken
  }

  override takeBytes(count: number): void {
    this.#taken = addTaken(this.#taken, { ...NOTHING_TAKEN, bytes: count })
    super.takeBytes(count)
  }

  override takeEntries(count: number, metadataBytes: number): void {
    this.#taken = addTaken(this.#taken, { ...NOTHING_TAKEN, entries: count, metadataBytes })
    super.takeEntries(count, metadataBytes)
  }
}
