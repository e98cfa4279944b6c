/**
 * DSSE v1: what the signature is over, and the JSON envelope other tools read and write.
 *
 * JSON envelopes are for import and export only, since one statement has many of them. `keyid` is
 * an unauthenticated hint: a key counts when the signature verifies under it.
 * https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
 */
import { concat, parseBase64, parseHex, toBase64, toHex, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'
import { verifyStrict } from './ed25519.ts'
import { encodeEnvelope, MAX_STATEMENT_BYTES, type Envelope } from './envelope.ts'
import { Field, parseJsonField } from './field.ts'
import type { KeyHex } from './identifiers.ts'
import { StatementError } from './statement-error.ts'

const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

const USUAL_START = headerStart(PAYLOAD_TYPE)

/** Base64 grows a payload by a third; the rest is room for white space and keys. */
const MAX_JSON_ENVELOPE_BYTES = 2 * MAX_STATEMENT_BYTES
const JSON_LIMITS = { maxDepth: 16, maxStringLength: MAX_JSON_ENVELOPE_BYTES }

/** PAE(payloadType, payload): the bytes that are signed. */
export function preAuthEncoding(
  payload: Uint8Array,
  payloadType: string = PAYLOAD_TYPE,
): Uint8Array<ArrayBuffer> {
  return concat(preAuthHeader(payload.length, payloadType), payload)
}

/** What stands before a payload of so many bytes. */
export function preAuthHeader(
  bytes: number,
  payloadType: string = PAYLOAD_TYPE,
): Uint8Array<ArrayBuffer> {
  const start = payloadType === PAYLOAD_TYPE ? USUAL_START : headerStart(payloadType)
  // Digits are ASCII, and of each statement a header is made several times.
  const length = `${bytes} `
  const header = new Uint8Array(start.length + length.length)
  header.set(start)
  for (let i = 0; i < length.length; i++) header[start.length + i] = length.charCodeAt(i)
  return header
}

function headerStart(payloadType: string): Uint8Array<ArrayBuffer> {
  return utf8(`DSSEv1 ${utf8(payloadType).length} ${payloadType} `)
}

/** The JSON envelope of a statement, on one line. */
export function encodeDsse(envelope: Envelope): string {
  return JSON.stringify({
    payloadType: PAYLOAD_TYPE,
    payload: toBase64(envelope.payload),
    signatures: [{ keyid: toHex(envelope.publicKey), sig: toBase64(envelope.signature) }],
  })
}

/**
 * The binary form of a JSON envelope. Its `keyid` is tried as a key, then each of `keys`; the
 * first under which the signature verifies is the signer.
 */
export function parseDsse(
  json: Uint8Array,
  crypto: Crypto,
  keys: readonly KeyHex[] = [],
): Uint8Array<ArrayBuffer> {
  if (json.length > MAX_JSON_ENVELOPE_BYTES) {
    throw new StatementError('too-large', '', `the envelope has ${json.length} bytes`)
  }
  const field = parseJsonField(json, JSON_LIMITS)
  const type = field.at('payloadType').string(256)
  if (type !== PAYLOAD_TYPE) {
    throw new StatementError('dsse-payload-type', 'payloadType', `is not ${PAYLOAD_TYPE}`)
  }
  const payload = base64(field.at('payload'))
  const signatures = field.at('signatures').list(Infinity)
  const [only, ...others] = signatures
  if (only === undefined || others.length > 0) {
    throw new StatementError(
      'dsse-signature-count',
      'signatures',
      `has ${signatures.length} signatures, exactly one is needed`,
    )
  }
  const signature = base64(only.at('sig'))
  const hint = only.optional('keyid', (keyid) => keyid.string(1024, { empty: true }))
  const message = preAuthEncoding(payload)
  for (const candidate of [...(hint === undefined ? [] : [hint]), ...keys]) {
    const publicKey = parseHex(candidate)
    if (publicKey?.length !== 32) continue
    if (verifyStrict(publicKey, message, signature, crypto) !== 'ok') continue
    return encodeEnvelope({ publicKey, signature, payload })
  }
  throw new StatementError(
    'dsse-unknown-key',
    'signatures[0]',
    'the signature verifies under no key that is known here',
  )
}

function base64(field: Field): Uint8Array<ArrayBuffer> {
  const bytes = parseBase64(field.string(MAX_JSON_ENVELOPE_BYTES, { empty: true }))
  if (bytes === undefined) {
    throw new StatementError('dsse-malformed', field.path, 'is not canonical base64 with padding')
  }
  return bytes
}
