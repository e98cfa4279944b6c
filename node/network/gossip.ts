/**
 * Publishing and hearing statements by gossip.
 *
 * gossipsub delivers to whoever is subscribed at that moment and to nobody else: what is said
 * before the first peer is there would be lost. Such statements are kept, and published when one
 * can hear. What is lost otherwise, sync delivers.
 */
import { TopicValidatorResult, type GossipSub } from '@chainsafe/libp2p-gossipsub'
import type { Logger } from '../logger.ts'
import type { PeerMemory } from './peer-memory.ts'
import type { Topic, Topics } from './topics.ts'
import type { GossipOutcome } from './validation/outcome.ts'
import type { Validator } from './validation/validator.ts'

/** Own statements that are kept for the first peer; older ones it gets by sync. */
const MAX_UNSENT = 256

const RESULTS: Readonly<Record<GossipOutcome, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export interface GossipComponents {
  readonly pubsub: GossipSub
  readonly topics: Topics
  readonly validator: Validator
  readonly memory: PeerMemory
  readonly logger: Logger
}

interface Unsent {
  readonly topic: Topic
  readonly data: Uint8Array
}

export class Gossip {
  readonly #components: GossipComponents
  #unsent: Unsent[] = []

  constructor(components: GossipComponents) {
    this.#components = components
  }

  start(): void {
    const { pubsub, topics, validator, memory } = this.#components
    for (const topic of topics.all) {
      pubsub.topicValidators.set(topic.name, async (peer, { data }) => {
        const outcome = await validator.validate({ topic, data, peer: peer.toString() })
        if (outcome === 'reject') memory.sentInvalid(peer.toString())
        return RESULTS[outcome]
      })
      pubsub.subscribe(topic.name)
    }
    pubsub.addEventListener('subscription-change', this.#onChange)
    pubsub.addEventListener('gossipsub:heartbeat', this.#onChange)
  }

  stop(): void {
    const { pubsub } = this.#components
    pubsub.removeEventListener('subscription-change', this.#onChange)
    pubsub.removeEventListener('gossipsub:heartbeat', this.#onChange)
  }

  /** Sends to all subscribers, or keeps it until there is one. */
  async publish(topic: Topic, data: Uint8Array): Promise<void> {
    if (!this.#isReachable(topic)) {
      this.#unsent.push({ topic, data })
      if (this.#unsent.length > MAX_UNSENT) this.#unsent.shift()
      return
    }
    try {
      await this.#components.pubsub.publish(topic.name, data)
    } catch (error) {
      // It is on its way already: this node has sent or heard these very bytes.
      if (error instanceof Error && error.message === 'PublishError.Duplicate') return
      throw error
    }
  }

  /**
   * Whether somebody would get it. A peer subscribes some time before gossipsub has a stream to it;
   * what is published in between goes nowhere, and cannot be published again for an hour.
   */
  #isReachable(topic: Topic): boolean {
    const { pubsub } = this.#components
    const { streamsOutbound } = pubsub as Partial<{ streamsOutbound: ReadonlyMap<string, unknown> }>
    return pubsub
      .getSubscribers(topic.name)
      .some((peer) => streamsOutbound?.has(peer.toString()) ?? true)
  }

  readonly #onChange = (): void => {
    const ready = this.#unsent.filter(({ topic }) => this.#isReachable(topic))
    if (ready.length === 0) return
    this.#unsent = this.#unsent.filter((unsent) => !ready.includes(unsent))
    void this.#publishAll(ready)
  }

  async #publishAll(unsent: readonly Unsent[]): Promise<void> {
    for (const { topic, data } of unsent) {
      try {
        await this.publish(topic, data)
      } catch (error) {
        this.#components.logger.warn({ err: error, topic: topic.name }, 'could not publish')
      }
    }
  }
}
