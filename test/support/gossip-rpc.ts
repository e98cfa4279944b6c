/** Gossip RPCs as bytes, also such as no honest router sends (gossipsub's rpc.proto). */
import { concat, utf8 } from '../../protocol/bytes.ts'

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return [...bytes, value]
}

/** A length-delimited field. */
function field(number: number, value: Uint8Array): Uint8Array {
  return concat(Uint8Array.from([(number << 3) | 2, ...varint(value.length)]), value)
}

export function subscriptionsRpc(topics: readonly string[]): Uint8Array {
  const subscribe = Uint8Array.of(0x08, 1)
  return concat(...topics.map((topic) => field(1, concat(subscribe, field(2, utf8(topic))))))
}

export function messagesRpc(topic: string, messages: readonly Uint8Array[]): Uint8Array {
  return concat(...messages.map((data) => field(2, concat(field(2, data), field(4, utf8(topic))))))
}

export function ihaveRpc(topic: string, ids: readonly Uint8Array[]): Uint8Array {
  return field(3, field(1, concat(field(1, utf8(topic)), ...ids.map((id) => field(2, id)))))
}

export function iwantRpc(ids: readonly Uint8Array[]): Uint8Array {
  return field(3, field(2, concat(...ids.map((id) => field(1, id)))))
}

export function graftsRpc(topics: readonly string[]): Uint8Array {
  return field(3, concat(...topics.map((topic) => field(3, field(1, utf8(topic))))))
}
