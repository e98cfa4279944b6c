/**
 * Gossip topics: `/rebuildnet/<network>/1/{release,rebuild/<shards>/<shard>,head,operator}`.
 *
 * The number of shards is part of the name, so that to grow is configuration and not a protocol
 * change; there is one to begin with. `head` carries heads of logs and proofs of forked ones (see
 * validation/head.ts), the others statements.
 *
 * A withdrawal goes where the statement went that it takes back: whoever holds that one hears of
 * its end by the same way. node/network/README.md.
 */
import { concat, utf8 } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import type { ImageName } from '../../protocol/identifiers.ts'
import type { SignedStatement, StatementKind } from '../../protocol/statement.ts'
import { NetworkError } from './network-error.ts'

/** Shards of the `rebuild` topic. */
const REBUILD_SHARDS = 1

const NETWORK_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/
const SHARD_DOMAIN = utf8('rebuildnet/project/1\0')

export type TopicKind = 'release' | 'rebuild' | 'head' | 'operator'

export interface Topic {
  readonly name: string
  readonly kind: TopicKind
  /** 0 for topics that have no shards. */
  readonly shard: number
}

export interface Topics {
  readonly release: Topic
  readonly rebuild: readonly Topic[]
  readonly head: Topic
  readonly operator: Topic
  readonly all: readonly Topic[]
}

export function createTopics(network: string): Topics {
  if (!NETWORK_NAME.test(network)) {
    throw new NetworkError(
      'bad-network-name',
      `"${network}" is no name of a network: use 1 to 32 of a-z, 0-9 and "-"`,
    )
  }
  const prefix = `/rebuildnet/${network}/1`
  const release: Topic = { name: `${prefix}/release`, kind: 'release', shard: 0 }
  const head: Topic = { name: `${prefix}/head`, kind: 'head', shard: 0 }
  const operator: Topic = { name: `${prefix}/operator`, kind: 'operator', shard: 0 }
  const rebuild = Array.from({ length: REBUILD_SHARDS }, (_, shard): Topic => ({
    name: `${prefix}/rebuild/${REBUILD_SHARDS}/${shard}`,
    kind: 'rebuild',
    shard,
  }))
  return { release, rebuild, head, operator, all: [release, ...rebuild, head, operator] }
}

/** The shard of a project: the first 4 bytes of a hash of its image name, modulo the shards. */
export function shardOf(image: ImageName, shards: number, crypto: Crypto): number {
  const hash = crypto.sha256(concat(SHARD_DOMAIN, utf8(image)))
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) % shards
}

/** Where a statement is published. A withdrawal needs the kind of what it takes back. */
export function topicOf(
  statement: SignedStatement,
  withdrawn: StatementKind | undefined,
  topics: Topics,
  crypto: Crypto,
): Topic {
  const { body } = statement
  const kind = body.kind === 'withdrawal' ? withdrawn : body.kind
  if (body.kind === 'operator') return topics.operator
  if (kind !== 'rebuild' && kind !== 'commitment') return topics.release
  return topics.rebuild[shardOf(body.image, topics.rebuild.length, crypto)] ?? topics.release
}

/**
 * The gossip message id: sha256 of topic name, a zero byte and the message.
 *
 * Every byte of the message counts, the signature too, since an id is remembered before the
 * message is validated. The topic counts for the same reason: a peer could otherwise send a good
 * statement on a wrong topic first, and have the true one dropped and its bearer punished.
 */
export function gossipMessageId(topic: string, data: Uint8Array, crypto: Crypto): Uint8Array {
  return crypto.sha256(concat(utf8(topic), Uint8Array.of(0), data))
}
