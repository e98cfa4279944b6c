import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import type { Crypto } from '../../../protocol/crypto.ts'
import { isStrictKey, verifyStrict } from '../../../protocol/ed25519.ts'
import { portableCrypto } from '../../../protocol/portable-crypto.ts'
import { strictVectors, type SignatureVector } from '../../support/vectors/ed25519.ts'
import { answersOfEachNode } from '../../support/each-node.ts'

const { vectors } = JSON.parse(
  readFileSync(new URL('../../vectors/ed25519/strict.json', import.meta.url), 'utf8'),
) as { vectors: SignatureVector[] }

function verify(vector: SignatureVector, crypto: Crypto) {
  return verifyStrict(
    Buffer.from(vector.key, 'hex'),
    Buffer.from(vector.message, 'hex'),
    Buffer.from(vector.signature, 'hex'),
    crypto,
  )
}

describe('the strict Ed25519 profile', () => {
  for (const [name, crypto] of Object.entries({ nodeCrypto, portableCrypto })) {
    it.each(vectors)(`answers by ${name}: $name`, (vector) => {
      expect(verify(vector, crypto)).toBe(vector.answer)
    })
  }

  it('has vectors that are what their generator makes', () => {
    expect(vectors).toEqual(strictVectors)
  })

  it('has vectors that the bare equation of each host accepts and the profile refuses', () => {
    // Without such vectors the checks around the equation could be removed unseen.
    const accepted = vectors.filter(
      (each) =>
        each.answer !== 'ok' &&
        each.signature.length === 128 &&
        portableCrypto.verifyEd25519(
          Buffer.from(each.key, 'hex'),
          Buffer.from(each.message, 'hex'),
          Buffer.from(each.signature, 'hex'),
        ),
    )
    expect(accepted.map((each) => each.name)).toEqual([
      'key of small order: 0',
      'key of small order: 1',
      'key of small order: 2',
      'key of small order: 3',
      'key of small order: 4',
      'key of small order: 5',
      'key of small order: 6',
      'key of small order: 7',
      'key with torsion: order 8',
      'key with torsion: order 4',
      'key with torsion: order 2',
      'R of small order: identity',
    ])
  })

  it('leaves to the host only what it must compute: one that says yes to all changes no other answer', () => {
    const gullible = { ...nodeCrypto, verifyEd25519: () => true }
    const taken = vectors.filter((each) => verify(each, gullible) === 'ok')
    const equationFails = /^(valid|altered: |R with torsion|R not on the curve)/
    expect(taken.map((each) => each.name)).toEqual(
      vectors.map((each) => each.name).filter((name) => equationFails.test(name)),
    )
  })

  it('gives the same answers on Node 22, 24 and 26, by the host and by the portable crypto', async () => {
    const expected = vectors.map((each) => (each.answer === 'ok' ? '1' : '0')).join('')
    const answers = await answersOfEachNode()
    expect(answers.map((each) => each.node.split('.')[0])).toEqual(['22', '24', '26'])
    for (const each of answers) expect(each.own).toEqual({ host: expected, portable: expected })
  })

  it('leaves a Buffer as it was: its slices are views, not copies', () => {
    const [valid] = vectors
    const signature = Buffer.from(valid?.signature ?? '', 'hex')
    const before = signature.toString('hex')
    verifyStrict(Buffer.from(valid?.key ?? '', 'hex'), Buffer.alloc(0), signature, nodeCrypto)
    expect(signature.toString('hex')).toBe(before)
  })

  it('answers the same for a key that it has seen before', () => {
    const crypto = { ...nodeCrypto }
    const weak = vectors.find((each) => each.name === 'key with torsion: order 8')
    const strong = vectors[0]
    for (const _ of [1, 2]) {
      expect(isStrictKey(Buffer.from(weak?.key ?? '', 'hex'), crypto)).toBe(false)
      expect(isStrictKey(Buffer.from(strong?.key ?? '', 'hex'), crypto)).toBe(true)
    }
  })
})
