/**
 * The identity of a statement: what was said and by which key, however it was enveloped.
 *
 *   sid = sha256("rebuildnet/statement/1\0" | public key | PAE(payloadType, payload))
 *
 * protocol/README.md.
 */
import { concat, toHex, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { preAuthHeader } from './dsse.ts'
import type { Envelope } from './envelope.ts'
import type { Sid } from './identifiers.ts'

const DOMAIN = utf8('rebuildnet/statement/1\0')

export function sidOf(envelope: Pick<Envelope, 'publicKey' | 'payload'>, crypto: Crypto): Sid {
  const { publicKey, payload } = envelope
  const header = preAuthHeader(payload.length)
  return toHex(crypto.sha256(concat(DOMAIN, publicKey, header, payload)))
}
