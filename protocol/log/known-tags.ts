/** Tags of the images of which statements come: one image has many of them, and its tag is a hash. */
import type { Crypto } from '../crypto.ts'
import type { ImageName } from '../identifiers.ts'
import type { StatementBody } from '../statement.ts'
import { CARD_TAG, projectTag, type ProjectTag } from './leaf.ts'

/** Whoever signs statements chooses their images: beyond so many all are worked out anew. */
const MAX_KNOWN = 1_024

export class KnownTags {
  readonly #crypto: Crypto
  readonly #known = new Map<ImageName, ProjectTag>()

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** As tagOf(). */
  of(body: StatementBody): ProjectTag {
    if (body.kind === 'operator') return CARD_TAG
    const known = this.#known.get(body.image)
    if (known !== undefined) return known
    const tag = projectTag(body.image, this.#crypto)
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(body.image, tag)
    return tag
  }
}
