/** What is wrong with a statement before its predicate is read: bytes, signature, JSON, in-toto. */
import { encodeEnvelope, parseEnvelope } from '../../../protocol/envelope.ts'
import { hexOf, makeOperator, makeWithdrawal, TEST_TIME } from '../statements.ts'
import {
  changePredicate,
  changeStatement,
  changeText,
  payloadOf,
  signPayload,
} from './change-statement.ts'
import { strictVectors } from './ed25519.ts'
import type { InvalidRow } from './invalid-row.ts'
import { blind, good, rebuilt, released } from './valid-statements.ts'

const alice = makeOperator('alice')
const padding = Buffer.alloc(32 * 1024 + 1 - good.bytes.length, 0x20)
const weakKey = strictVectors.find(({ name }) => name === 'key of small order: 1')?.key ?? ''
const subject = (JSON.parse(payloadOf(released)) as { subject: unknown[] }).subject
const TIME = `"announced":${TEST_TIME}`

function withByte(at: number, change: (byte: number) => number): Uint8Array {
  const out = new Uint8Array(good.bytes)
  out[at] = change(out[at] ?? 0)
  return out
}

function withKey(hex: string): Uint8Array {
  const { signature, payload } = parseEnvelope(good.bytes)
  return encodeEnvelope({ publicKey: Buffer.from(hex, 'hex'), signature, payload })
}

/** A signature of the right key over the payload alone, without DSSE's encoding. */
function signBare(): Uint8Array {
  const payload = Buffer.from(payloadOf(good))
  const publicKey = Buffer.from(alice.key.publicKey, 'hex')
  return encodeEnvelope({ publicKey, signature: alice.key.sign(payload), payload })
}

const nested = (depth: number): unknown => (depth === 0 ? 0 : [nested(depth - 1)])
const notUtf8 = Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff), Buffer.from('"}')])

export const invalidEnvelopes: readonly InvalidRow[] = [
  ['one byte over 32 KiB', 'too-large', Buffer.concat([good.bytes, padding])],
  ['no bytes', 'truncated', new Uint8Array()],
  ['header without a payload', 'truncated', good.bytes.slice(0, 97)],
  ['version 0', 'unknown-version', withByte(0, () => 0)],
  ['version 2', 'unknown-version', withByte(0, () => 2)],
  ['key of small order', 'weak-key', withKey(weakKey)],
  ['key not on the curve', 'weak-key', withKey('02'.padEnd(64, '0'))],
  ['altered signature', 'bad-signature', withByte(40, (byte) => byte ^ 1)],
  ['altered payload', 'bad-signature', withByte(120, (byte) => byte ^ 1)],
  ["another operator's key", 'bad-signature', withKey(makeOperator('bob').key.publicKey)],
  ['signature over the bare payload', 'bad-signature', signBare()],

  ['payload that is not JSON', 'json-syntax', signPayload('release')],
  ['text after the JSON value', 'json-syntax', signPayload(`${payloadOf(good)} {}`)],
  ['byte order mark', 'json-syntax', signPayload(`\ufeff${payloadOf(good)}`)],
  ['payload that is not UTF-8', 'json-not-utf8', signPayload(notUtf8)],
  ['lone surrogate', 'json-not-utf8', changeText(good, '"1.0.0"', '"\\ud800"')],
  ['duplicate key', 'json-duplicate-key', changeText(good, TIME, `${TIME},${TIME}`)],
  [
    'duplicate key in an unknown member',
    'json-duplicate-key',
    changeText(good, '"predicate":{', '"predicate":{"unknown":{"a":1,"a":1},'),
  ],
  ['number with a fraction', 'json-number', changeText(good, TIME, '"announced":1.0')],
  ['number with an exponent', 'json-number', changeText(good, TIME, '"announced":1e9')],
  ['minus zero', 'json-number', changeText(good, TIME, '"announced":-0')],
  ['number over 2^53 - 1', 'json-number', changeText(good, TIME, '"announced":9007199254740992')],
  ['17 levels deep', 'json-depth', changePredicate(good, { unknown: nested(15) })],
  [
    'string over 16 KiB',
    'json-string-too-long',
    changePredicate(good, { unknown: 'x'.repeat(16 * 1024 + 1) }),
  ],

  ['payload that is a list', 'wrong-type', signPayload('[]')],
  [
    'in-toto Statement v2',
    'unknown-statement-type',
    changeStatement(good, { _type: 'https://in-toto.io/Statement/v2' }),
  ],
  [
    'release/v2',
    'unknown-predicate-type',
    changeStatement(good, { predicateType: 'https://rebuildnet.dev/release/v2' }),
  ],
  [
    "someone else's predicate",
    'unknown-predicate-type',
    changeStatement(good, { predicateType: 'https://slsa.dev/provenance/v1' }),
  ],
  ['statement without predicate', 'missing-field', changeStatement(good, { predicate: undefined })],
  ['no subject', 'subject-mismatch', changeStatement(good, { subject: [] })],
  [
    'subject with another digest',
    'subject-mismatch',
    changeStatement(good, { 'subject.0.digest.sha256': hexOf('other') }),
  ],
  [
    'subject with another name',
    'subject-mismatch',
    changeStatement(good, { 'subject.0.name': 'registry.example/other' }),
  ],
  ['one subject too many', 'subject-mismatch', changeStatement(good, { subject })],
  [
    'subjects in another order than platforms',
    'subject-mismatch',
    changeStatement(released, { subject: subject.toReversed() }),
  ],
  [
    'blind release that names another commit',
    'subject-mismatch',
    changeStatement(blind, { 'subject.0.digest.gitCommit': '0'.repeat(40) }),
  ],
  [
    'rebuild of a published image with the commit as subject',
    'missing-field',
    changeStatement(rebuilt, { 'subject.0.digest': { gitCommit: '0'.repeat(40) } }),
  ],
  [
    'withdrawal of another statement than its subject',
    'subject-mismatch',
    changeStatement(makeWithdrawal({ withdraws: good }), {
      'subject.0.digest.rebuildnetSid': hexOf('other'),
    }),
  ],
]
