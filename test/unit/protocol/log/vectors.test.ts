/** Every vector of test/vectors/log, by the host's crypto and by the portable one. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import type { Crypto } from '../../../../protocol/crypto.ts'
import { openProof } from '../../../../protocol/log/equivocation.ts'
import { openHead } from '../../../../protocol/log/head.ts'
import { packLeaf, parseLeaf, parseLeafAt, projectTag } from '../../../../protocol/log/leaf.ts'
import { LOG_ERROR_CODES, LogError } from '../../../../protocol/log/log-error.ts'
import { coverOf, hashLeaf, RootBuilder, rootOfLeaves } from '../../../../protocol/log/merkle.ts'
import { LogTree } from '../../../../protocol/log/log-tree.ts'
import { portableCrypto } from '../../../../protocol/portable-crypto.ts'
import {
  headVectors,
  invalidLogVectors,
  leafVectors,
  proofVectors,
} from '../../../support/vectors/logs.ts'

function load(name: string): unknown {
  const url = new URL(`../../../vectors/log/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(url, 'utf8'))
}

interface GoHead extends Pick<(typeof headVectors)[number], 'note' | 'size' | 'root' | 'card'> {
  readonly comment: string
  readonly origin: string
  readonly time: number
}
interface GoTrees {
  readonly leaves: readonly string[]
  readonly roots: readonly string[]
  readonly consistency: readonly { from: number; to: number; proof: string[] }[]
  readonly inclusion: readonly { index: number; size: number; proof: string[] }[]
}

const goHeads = (load('heads-go') as { heads: GoHead[] }).heads
const trees = load('merkle') as GoTrees
const heads = (load('heads') as { heads: typeof headVectors }).heads
const leaves = (load('leaves') as { vectors: typeof leafVectors }).vectors
const proofs = (load('proofs') as { vectors: typeof proofVectors }).vectors
const invalid = (load('invalid') as { vectors: typeof invalidLogVectors }).vectors

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex')
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function errorOf(work: () => unknown): LogError | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    return error
  }
}

describe.each(Object.entries({ nodeCrypto, portableCrypto }))('log vectors by %s', (_, crypto) => {
  it.each(goHeads)('opens a head of size $size $comment', (vector) => {
    const { note, comment: _comment, key: _key, ...fields } = vector as GoHead & { key: string }
    const { bytes, origin, ...head } = openHead(Buffer.from(note), crypto)
    expect({ ...head, origin: origin.text }).toEqual(fields)
    // The lines of others are gone, and what is left opens alike.
    expect(openHead(bytes, crypto)).toEqual({ ...head, origin, bytes })
    expect(Buffer.from(bytes).toString().match(/^— /gmu)).toHaveLength(1)
  })

  it.each(heads)('opens a head, and its leaves give its root: $name', (vector) => {
    const { note, name: _name, leaves: data, key, ...fields } = vector
    const { bytes, origin, ...head } = openHead(Buffer.from(note), crypto)
    expect({ ...head, origin: origin.text }).toEqual(fields)
    expect(origin.key).toBe(key)
    expect(Buffer.from(bytes).toString()).toBe(note)
    expect(rootOfLeaves(data.map(bytesOf), crypto)).toBe(head.root)
  })

  it.each(leaves)('hashes a leaf: $name', ({ slot, hashed, hash, leaf, n, index, ...rest }) => {
    expect(parseLeafAt(bytesOf(slot), n, index)).toEqual(leaf)
    expect(hexOf(packLeaf(leaf))).toBe(slot)
    expect(hexOf(hashLeaf(bytesOf(hashed), crypto))).toBe(hash)
    if ('image' in rest && leaf.kind === 'statement') {
      expect(projectTag(rest.image, crypto)).toBe(leaf.tag)
    }
  })

  it.each(proofs)('opens a proof: $name ($kind)', ({ hex, name: _name, ...fields }) => {
    const { bytes, origin, card, ...proof } = openProof(bytesOf(hex), crypto)
    expect({ ...proof, origin: origin.text }).toEqual(fields)
    // A head in it says so, in these words.
    expect(Buffer.from(bytes).includes(`${card.version} ${card.sid}\n`)).toBe(true)
    expect(hexOf(bytes)).toBe(hex)
  })

  it.each(invalid)('refuses a $as: $name ($code)', (vector) => {
    const error = errorOf(() => open(vector, crypto))
    expect(error?.code).toBe(vector.code)
    expect(error?.disposition).toBe(vector.disposition)
    expect(error?.message).not.toMatch(/\n/)
  })
})

function open({ as, hex, n = 0, index = 0 }: (typeof invalid)[number], crypto: Crypto): unknown {
  if (as === 'head') return openHead(bytesOf(hex), crypto)
  return as === 'proof' ? openProof(bytesOf(hex), crypto) : parseLeafAt(bytesOf(hex), n, index)
}

describe('trees of another implementation', () => {
  const data = trees.leaves.map(bytesOf)
  const tree = new LogTree(nodeCrypto, Buffer.concat(data.map((each) => packLeaf(parseLeaf(each)))))
  /** MTH of leaves [from, to), as RFC 6962 writes D[from:to]. */
  const rootOf = (from: number, to: number): string => {
    const builder = new RootBuilder(nodeCrypto)
    for (const leaf of data.slice(from, to)) builder.push(hashLeaf(leaf, nodeCrypto))
    return hexOf(builder.root())
  }

  it('have the same roots, whole, leaf by leaf, and of every prefix of a larger one', () => {
    expect(trees.roots).toHaveLength(71)
    trees.roots.forEach((root, size) => {
      expect(rootOf(0, size)).toBe(root)
      expect(tree.root(size)).toBe(root)
      expect(tree.hasPrefix(size, root)).toBe(true)
    })
    const builder = new RootBuilder(nodeCrypto)
    data.forEach((leaf, size) => {
      expect(hexOf(builder.root())).toBe(trees.roots[size])
      builder.push(hashLeaf(leaf, nodeCrypto))
    })
  })

  it('have the same proofs of consistency (RFC 6962, section 2.1.2)', () => {
    const subproof = (m: number, from: number, to: number, whole: boolean): string[] => {
      if (m === to - from) return whole ? [] : [rootOf(from, to)]
      const k = splitOf(to - from)
      return m <= k
        ? [...subproof(m, from, from + k, whole), rootOf(from + k, to)]
        : [...subproof(m - k, from + k, to, false), rootOf(from, from + k)]
    }
    expect(trees.consistency).toHaveLength(192)
    for (const { from, to, proof } of trees.consistency) {
      expect(subproof(from, 0, to, true)).toEqual(proof)
      // What a proof of a rewrite holds gives both roots.
      const builder = new RootBuilder(nodeCrypto)
      pushCover(builder, 0, from)
      expect(hexOf(builder.root())).toBe(trees.roots[from])
      pushCover(builder, from, to)
      expect(hexOf(builder.root())).toBe(trees.roots[to])
    }
  })

  it('have the same proofs of inclusion (RFC 6962, section 2.1.1)', () => {
    const path = (index: number, from: number, to: number): string[] => {
      if (to - from === 1) return []
      const k = splitOf(to - from)
      return index < k
        ? [...path(index, from, from + k), rootOf(from + k, to)]
        : [...path(index - k, from + k, to), rootOf(from, from + k)]
    }
    for (const { index, size, proof } of trees.inclusion) {
      expect(path(index, 0, size)).toEqual(proof)
    }
  })

  function pushCover(builder: RootBuilder, from: number, to: number): void {
    tree.hashes(from, to).forEach((hash, i) => {
      builder.push(hash, coverOf(from, to)[i]?.level)
    })
  }
})

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1))
}

describe('the log vectors', () => {
  it('are those that their generator makes', () => {
    expect(heads).toEqual(headVectors)
    expect(leaves).toEqual(leafVectors)
    expect(proofs).toEqual(JSON.parse(JSON.stringify(proofVectors)))
    expect(invalid).toEqual(invalidLogVectors)
  })

  it('have bytes for every error code, and a proof of every kind', () => {
    expect(new Set(invalid.map(({ code }) => code))).toEqual(new Set(LOG_ERROR_CODES))
    expect(new Set(proofs.map(({ kind }) => kind))).toEqual(
      new Set(['fork', 'shrink', 'rewrite', 'misfiled', 'after-seal']),
    )
  })
})
