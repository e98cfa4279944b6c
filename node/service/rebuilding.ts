/** The queue as its user sees it, and what building a release would mean here. */
import type { Platform } from '../../protocol/identifiers.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { ConfigError } from '../config-error.ts'
import type { GateSummary, Priority, QueueItem, RebuildPlan } from '../http/node-service.ts'
import { describeItem } from '../queue-view.ts'
import type { NodeParts } from '../node-parts.ts'
import { refusals } from '../refusals.ts'
import type { StatementQueries } from './statements.ts'

export class Rebuilding {
  readonly #parts: NodeParts
  readonly #statements: StatementQueries

  constructor(parts: NodeParts, statements: StatementQueries) {
    this.#parts = parts
    this.#statements = statements
  }

  async plan(reference: string, platform: string | undefined): Promise<readonly RebuildPlan[]> {
    const release = await this.#statements.findRelease(reference)
    const { workshop } = this.#parts
    return Promise.all(
      this.#platforms(release, platform).map(async (wanted) => {
        const engine = await workshop.engineFor(release.body.recipe.builders)
        return {
          image: release.body.image,
          version: release.body.version,
          platform: wanted,
          builder: engine === undefined ? 'none' : `${engine.name} ${engine.version}`,
          commands: await workshop.plan(release.body, wanted),
          refusals: await refusals(this.#parts, release, wanted),
        }
      }),
    )
  }

  async rebuild(reference: string, platform: string | undefined): Promise<readonly QueueItem[]> {
    const release = await this.#statements.findRelease(reference)
    const items: QueueItem[] = []
    for (const wanted of this.#platforms(release, platform)) {
      const [reason] = await refusals(this.#parts, release, wanted)
      if (reason !== undefined)
        throw new ConfigError('refused', `${wanted} is not built here: ${reason}`)
      const { image, version } = release.body
      const item = await this.#parts.queue.add({
        release: release.sid,
        image,
        version,
        platform: wanted,
        asked: true,
      })
      const finished = ['done', 'failed', 'cancelled'].includes(item.state)
      items.push(finished ? await this.retry(item.id) : describeItem(item, this.#parts.queue))
    }
    return items
  }

  async retry(id: string): Promise<QueueItem> {
    const { queue } = this.#parts
    return describeItem((await queue.retry(this.#id(id))) ?? this.#unknown(id), queue)
  }

  async cancel(id: string): Promise<QueueItem> {
    const { queue } = this.#parts
    return describeItem((await queue.cancel(this.#id(id))) ?? this.#unknown(id), queue)
  }

  async prioritize(id: string, priority: Priority | null): Promise<QueueItem> {
    const { queue } = this.#parts
    const item = await queue.prioritize(this.#id(id), priority ?? undefined)
    return describeItem(item ?? this.#unknown(id), queue)
  }

  list(): readonly QueueItem[] {
    const { queue } = this.#parts
    return queue.list().map((item) => describeItem(item, queue))
  }

  async pause({ stop }: { readonly stop?: boolean }): Promise<GateSummary> {
    await this.#parts.gate.pause()
    if (stop === true) await this.#parts.queue.putBack()
    return this.#parts.gate.state()
  }

  async resume({ voting }: { readonly voting?: boolean }): Promise<GateSummary> {
    const { gate } = this.#parts
    await gate.resume()
    if (voting === true) {
      await this.#parts.machine.resume()
      this.#parts.blind.consider()
    }
    return gate.state()
  }

  /** The item meant by its id or the start of its release, with `:platform` where there are several. */
  #id(reference: string): string {
    const [, prefix = '', platform] = /^([^:]*)(?::(.*))?$/.exec(reference) ?? []
    const matches = this.#parts.queue
      .list()
      .filter((item) => item.release.startsWith(prefix))
      .filter((item) => platform === undefined || item.platform === platform)
    if (matches.length > 1) {
      const ids = matches.map((item) => `${item.release.slice(0, 12)}:${item.platform}`).join(', ')
      throw new ConfigError('ambiguous', `"${reference}" means several items: ${ids}`)
    }
    return matches[0]?.id ?? reference
  }

  #unknown(id: string): never {
    throw new ConfigError('not-found', `nothing in the queue is "${id}": see "rebuildnet queue ls"`)
  }

  /** The platforms meant: the one named, or those of the release that this node builds. */
  #platforms(release: SignedStatement<Release>, platform: string | undefined): readonly Platform[] {
    const offered = release.body.platforms.map((each) => each.platform)
    if (platform !== undefined) {
      if (offered.includes(platform)) return [platform]
      throw new ConfigError(
        'not-found',
        `the release is for ${offered.join(', ')}, not for ${platform}`,
      )
    }
    const native = offered.filter((each) => this.#parts.workshop.isNative(each))
    return this.#parts.config.build.emulate ? offered : native.length > 0 ? native : offered
  }
}
