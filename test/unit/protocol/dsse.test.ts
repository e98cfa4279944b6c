import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { utf8 } from '../../../protocol/bytes.ts'
import { encodeDsse, parseDsse, preAuthEncoding } from '../../../protocol/dsse.ts'
import { parseEnvelope } from '../../../protocol/envelope.ts'
import { makeOperator, makeRelease } from '../../support/statements.ts'

const { bytes, statement } = makeRelease()
const json = JSON.parse(encodeDsse(parseEnvelope(bytes))) as {
  payload: string
  payloadType: string
  signatures: { keyid?: string; sig: string }[]
}
const parse = (envelope: unknown, keys: readonly string[] = []): Uint8Array =>
  parseDsse(utf8(JSON.stringify(envelope)), nodeCrypto, keys)

describe('DSSE', () => {
  it('encodes the example of its specification', () => {
    const encoded = preAuthEncoding(utf8('hello world'), 'http://example.com/HelloWorld')
    expect(Buffer.from(encoded).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    )
  })

  it('counts bytes, not characters', () => {
    expect(Buffer.from(preAuthEncoding(utf8('é'), 'ü')).toString()).toBe('DSSEv1 2 ü 2 é')
  })

  it('takes keyid as a hint: a wrong one is passed over for a key that verifies', () => {
    const [signature] = json.signatures
    const hinted = (keyid: string) => ({ ...json, signatures: [{ ...signature, keyid }] })
    const other = makeOperator('bob').key.publicKey
    for (const keyid of [other, 'SHA256:whatever', '']) {
      expect(parse(hinted(keyid), [other, statement.key])).toEqual(bytes)
      expect(() => parse(hinted(keyid))).toThrow(
        expect.objectContaining({ code: 'dsse-unknown-key' }),
      )
    }
  })

  it('ignores members that it does not know', () => {
    const signatures = json.signatures.map((each) => ({ ...each, cert: 'x' }))
    expect(parse({ ...json, signatures, unknown: [1] })).toEqual(bytes)
  })
})
