/**
 * What this node may lack of what it once had, until a peer has given all that it has: as long as it
 * lasts nothing is allowed, and the own log is not closed.
 */
import type { NodeParts } from './node-parts.ts'
import { clearUnsynced, isUnsynced, markUnsynced } from './unsynced.ts'

export class CatchUp {
  readonly #parts: NodeParts
  #unsynced = false
  /** Whether the own log was closed before its time, in this run. */
  #reopened = false

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  /** After a stop that was not in order something may be missing. */
  get incomplete(): boolean {
    return this.#unsynced
  }

  async load(): Promise<void> {
    const { store } = this.#parts
    if (store.uncleanStop) await markUnsynced(store)
    this.#unsynced = await isUnsynced(store)
  }

  /**
   * A peer has given all that it has: what an unclean stop may have lost is here again, and what
   * others know of our own log is known here.
   */
  async caughtUp(): Promise<void> {
    const { alerts, identity, logs, network, store } = this.#parts
    const { own, keeper } = logs
    await keeper.idle()
    // To close a log is for good: what more peers know of it must be known before.
    const heads = keeper.headsUnder(identity.card.body.operator, identity.key.publicKey)
    if (own.mustReopen(heads)) await network?.sync()
    await logs.confirm()
    // What a start before this one had to say is over.
    if (!this.#reopened) await alerts.observeOperators('log-reopened', [], logs.time.seconds())
    if (!own.state().shared) await alerts.observeOperators('shared-key', [], logs.time.seconds())
    if (!this.#unsynced) return
    await clearUnsynced(store)
    this.#unsynced = false
    const images = this.#parts.projects.all().map(({ project }) => project.image)
    this.#parts.tally.touchImages(images)
  }

  /** The own log was closed, and the `n`-th begun. */
  async reopened({ n, why }: { readonly n: number; readonly why: string }): Promise<void> {
    const { alerts, identity, logs } = this.#parts
    this.#reopened = true
    const reasons = [`The log of this node was closed and log ${n} begun: ${why}.`]
    const { operator } = identity.card.body
    await alerts.observeOperators('log-reopened', [{ operator, reasons }], logs.time.seconds())
  }

  /** Another node signs with the key of this one. */
  async shared(): Promise<void> {
    const { alerts, identity, logger, logs } = this.#parts
    const { operator } = identity.card.body
    const reasons = [
      'Another node signs with the signing key of this one: two nodes on one key tell two histories, which is proven against their operator. Stop one of them for good; each node needs a signing key of its own.',
    ]
    logger.error({ origin: logs.own.state().origin }, reasons.join(' '))
    await alerts.observeOperators('shared-key', [{ operator, reasons }], logs.time.seconds())
  }
}
