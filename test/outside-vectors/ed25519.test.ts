/** Ed25519 vectors of others, in the folder that REBUILDNET_VECTORS names. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { portableCrypto } from '../../protocol/portable-crypto.ts'
import { answer, outsideCases } from '../support/ed25519-answers.ts'
import { answersOfEachNode } from '../support/each-node.ts'

const folder = process.env.REBUILDNET_VECTORS ?? ''
const cases = outsideCases(folder)

describe('Ed25519 vectors from elsewhere', () => {
  it('agrees with Wycheproof about every vector', () => {
    for (const crypto of [nodeCrypto, portableCrypto]) {
      const wrong = cases.wycheproof.filter((each) => answer(each, crypto) !== each.valid)
      expect(wrong).toEqual([])
    }
  })

  it('takes of speccheck and CCTV no vector with a small-order or mixed point', () => {
    const taken = [...cases.speccheck, ...cases.cctv].filter((each) => answer(each, nodeCrypto))
    const mixed = taken.filter((each) => each.flags.length > 0)
    expect(mixed).toEqual([])
  })

  it('gives one string of answers on Node 22, 24 and 26, by the host and by the portable crypto', async () => {
    const answers = await answersOfEachNode()
    const [first] = answers
    expect(first?.outside?.host).toHaveLength(1077)
    expect(first?.outside?.host).toContain('1')
    for (const each of answers) {
      expect(each.outside).toEqual({
        host: first?.outside?.host,
        portable: first?.outside?.host,
      })
    }
  })
})
