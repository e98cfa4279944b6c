/** What is wrong with a JSON envelope. */
import { encodeDsse } from '../../../protocol/dsse.ts'
import { parseEnvelope } from '../../../protocol/envelope.ts'
import type { StatementErrorCode } from '../../../protocol/statement-error.ts'
import { payloadOf } from './change-statement.ts'
import { blind, good } from './valid-statements.ts'

const text = encodeDsse(parseEnvelope(good.bytes))
const value = JSON.parse(text) as {
  payload: string
  payloadType: string
  signatures: [{ keyid: string; sig: string }]
}
const { payload, signatures } = value
const [{ keyid, sig }] = signatures

const envelope = (changes: Record<string, unknown>): string =>
  JSON.stringify({ ...value, ...changes })
const signature = (changed: string): string => envelope({ signatures: [{ keyid, sig: changed }] })
const otherPayload = Buffer.from(payloadOf(blind)).toString('base64')

export const invalidDsse: readonly (readonly [string, StatementErrorCode, string])[] = [
  ['cut off', 'json-syntax', text.slice(0, -1)],
  ['no payload', 'missing-field', envelope({ payload: undefined })],
  ['another payload type', 'dsse-payload-type', envelope({ payloadType: 'application/json' })],
  ['no signature', 'dsse-signature-count', envelope({ signatures: [] })],
  [
    'two signatures',
    'dsse-signature-count',
    envelope({ signatures: [...signatures, ...signatures] }),
  ],
  ['base64 without padding', 'dsse-malformed', signature(sig.replace(/=+$/, ''))],
  ['base64 for URLs', 'dsse-malformed', signature(`-_${sig.slice(2)}`)],
  ['base64 with stray bits', 'dsse-malformed', signature(sig.replace(/.==$/, 'B=='))],
  ['base64 with a line break', 'dsse-malformed', envelope({ payload: `${payload}\n` })],
  ['altered payload', 'dsse-unknown-key', envelope({ payload: otherPayload })],
  ['no hint and no key', 'dsse-unknown-key', envelope({ signatures: [{ sig }] })],
  ['over its limit', 'too-large', envelope({ unknown: 'x'.repeat(64 * 1024) })],
]
