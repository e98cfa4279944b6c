/**
 * What statements here say of a published manifest: for what an image reference asks, read once while
 * nothing more about the image is stored.
 */
import type { Digest, ImageName } from '../../protocol/identifiers.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { NodeParts } from '../node-parts.ts'

type Naming = readonly SignedStatement<Release | Rebuild>[]

const MAX_KEPT = 1_000

export class KnownManifests {
  readonly #parts: Pick<NodeParts, 'store'>
  /** The oldest comes first. */
  readonly #kept = new Map<string, { readonly revision: string; readonly naming: Naming }>()

  constructor(parts: Pick<NodeParts, 'store'>) {
    this.#parts = parts
  }

  /** Releases of this image that published the manifest, and rebuilds that were held against it. */
  async naming(image: ImageName, digest: Digest): Promise<Naming> {
    const { statements } = this.#parts.store
    const name = `${image}@${digest}`
    const revision = statements.revisionOf(image, 'release', 'rebuild')
    const kept = this.#kept.get(name)
    if (kept?.revision === revision) return kept.naming
    const found = await statements.byPublishedDigest(digest)
    const naming = found.filter(({ body }) => body.image === image)
    this.#kept.delete(name)
    this.#kept.set(name, { revision, naming })
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size > MAX_KEPT) this.#kept.delete(oldest)
    return naming
  }
}
