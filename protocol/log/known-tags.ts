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
    return body.kind === 'operator' ? CARD_TAG : this.ofImage(body.image)
  }

  /** As projectTag(). */
  ofImage(image: ImageName): ProjectTag {
    const known = this.#known.get(image)
    if (known !== undefined) return known
    const tag = projectTag(image, this.#crypto)
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(image, tag)
    return tag
  }
}
