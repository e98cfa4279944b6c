/**
 * Keeps answers to IWANT within what the other side reads in one RPC.
 *
 * gossipsub answers with all the messages that were asked for in one RPC, while one over
 * maxInboundDataLength, or of more messages than its decoder allows, drops its sender from gossip:
 * a peer that comes back during a burst would cut itself off from whoever helps it. What is left
 * out here is asked for again, or comes by sync.
 */
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import { RPC_LIMITS } from './limits.ts'

/** What the answer is gathered from: the router's cache of recent messages. */
interface RecentMessages {
  getWithIWantCount(
    id: string,
    peer: string,
  ): { readonly msg: { readonly data?: Uint8Array }; readonly count: number } | null
}

export function boundIwantAnswers(router: GossipSub, maxBytes: number): GossipSub {
  const cache = (router as Partial<{ mcache: RecentMessages }>).mcache
  if (cache === undefined) throw new Error('this gossipsub has no message cache to bound')
  const find = cache.getWithIWantCount.bind(cache)
  let peer = ''
  let bytes = 0
  let messages = 0
  cache.getWithIWantCount = (id, asker) => {
    // One answer is gathered without a pause, so what is asked in another turn is another answer.
    if (peer !== asker || messages === 0) {
      peer = asker
      bytes = 0
      messages = 0
      queueMicrotask(() => {
        messages = 0
      })
    }
    const found = find(id, asker)
    if (found === null) return null
    bytes += found.msg.data?.length ?? 0
    messages++
    return bytes > maxBytes || messages > RPC_LIMITS.maxMessages ? null : found
  }
  return router
}
