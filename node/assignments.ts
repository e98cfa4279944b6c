/**
 * Which releases this node puts on its queue without being asked: those of projects that it builds,
 * where nothing speaks against it and it has not said its result.
 */
import type { Platform, Sid } from '../protocol/identifiers.ts'
import type { Release } from '../protocol/release.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { Logger } from './logger.ts'
import type { NodeParts } from './node-parts.ts'
import { queueItemId } from './rebuild/queue-item.ts'
import { refusals } from './refusals.ts'

export class Assignments {
  readonly #parts: NodeParts
  readonly #logger: Logger

  constructor(parts: NodeParts, logger: Logger) {
    this.#parts = parts
    this.#logger = logger
  }

  /** Every release that is here. */
  async considerAll(): Promise<void> {
    for (const { project, build } of this.#parts.projects.all()) {
      if (!build) continue
      for (const release of await this.#parts.store.statements.ofImage(project.image, 'release')) {
        await this.consider(release)
      }
    }
  }

  /** The platforms of one release. */
  async consider(release: SignedStatement<Release>): Promise<void> {
    const { sid, body } = release
    const { image, version } = body
    for (const { platform } of body.platforms) {
      const [reason] = await refusals(this.#parts, release, platform)
      if (reason !== undefined)
        this.#logger.debug({ sid, platform, reason }, 'a release is not built here')
      else if (!(await this.#hasSaid(sid, platform)))
        await this.#parts.queue.add({ release: sid, image, version, platform })
    }
  }

  /** Whether this node has built it: its queue may have let go of that long ago. */
  async #hasSaid(release: Sid, platform: Platform): Promise<boolean> {
    const { queue, identity, store } = this.#parts
    const known = queue.list().some(({ id }) => id === queueItemId(release, platform))
    if (known) return false
    const { publicKey } = identity.key
    const said = await store.statements.rebuildsOf(release)
    return said.some(({ key, body }) => key === publicKey && body.platform === platform)
  }
}
