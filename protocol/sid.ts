/**
 * The identity of a statement: what was said and by which key, however it was enveloped.
 *
 *   sid = sha256("rebuildnet/statement/1\0" | public key | PAE(payloadType, payload))
 *
 * protocol/README.md.
 */
import { toHex, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { preAuthHeader } from './dsse.ts'
import type { Envelope } from './envelope.ts'
import type { Sid } from './identifiers.ts'

const DOMAIN = utf8('rebuildnet/statement/1\0')

/** What is hashed, written anew each time: a statement that comes has its sid worked out several times. */
let scratch = new Uint8Array(4096)

export function sidOf(envelope: Pick<Envelope, 'publicKey' | 'payload'>, crypto: Crypto): Sid {
  const { publicKey, payload } = envelope
  const header = preAuthHeader(payload.length)
  const length = DOMAIN.length + publicKey.length + header.length + payload.length
  if (length > scratch.length) scratch = new Uint8Array(2 * length)
  let at = 0
  for (const part of [DOMAIN, publicKey, header, payload]) {
    scratch.set(part, at)
    at += part.length
  }
  return toHex(crypto.sha256(scratch.subarray(0, length)))
}
