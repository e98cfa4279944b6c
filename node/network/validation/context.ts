/** What a message is, and what its validation may use. */
import type { Crypto } from '../../../protocol/crypto.ts'
import type { Clock } from '../../clock.ts'
import type { Admission, Prepare } from '../admission.ts'
import type { Topic } from '../topics.ts'
import type { HeadSink } from './head-sink.ts'
import type { ParkingLot } from './parking-lot.ts'
import type { Quotas } from './quotas.ts'

export interface GossipMessage {
  readonly topic: Topic
  readonly data: Uint8Array
  /** Peer id of the sender. */
  readonly peer: string
}

export interface ValidationContext {
  readonly crypto: Crypto
  readonly clock: Clock
  readonly admission: Admission
  readonly prepare: Prepare
  readonly quotas: Quotas
  readonly parking: ParkingLot
  readonly heads: HeadSink
  /** Shards of the `rebuild` topic. */
  readonly shards: number
}
