/** Flattening that leaves plain trees alone, beside flattening that opens every directory. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { joinTrees, openTree, packTree } from '../../protocol/normalize/packed-tree.ts'
import { flattenLayers } from '../../protocol/normalize/flatten.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { TaggedHash } from '../../protocol/normalize/tagged-hash.ts'
import type { DirectoryNode, TreeNode } from '../../protocol/normalize/tree.ts'
import { randomLayers } from '../support/random-layers.ts'
import { readLayer } from '../support/read-layer.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { makeTar, type TarMember } from '../support/tar-writer.ts'

const SEEDS = 400
/** Chance makes few of these. */
const LINKS: readonly TarMember[] = [
  { path: 'a/', type: 'directory' },
  { path: 'a/one', content: 'x' },
  { path: 'a/two', type: 'hardlink', linkname: 'a/one' },
]
const hasher = new TaggedHash({ crypto: nodeCrypto }, { profile: DEFAULT_PROFILE })

function withoutPlain(node: DirectoryNode): DirectoryNode {
  const children = new Map<string, TreeNode>()
  for (const [name, child] of node.children) {
    children.set(name, child.kind === 'directory' ? withoutPlain(child) : child)
  }
  return { ...node, plain: false, children }
}

const countPlain = (node: DirectoryNode): number =>
  [...node.children.values()].reduce(
    (sum, child) => sum + (child.kind === 'directory' ? countPlain(child) : 0),
    node.plain ? 1 : 0,
  )

/** Everything that is hashed of a tree, as plain values. */
function values(node: TreeNode): unknown {
  if (node.kind !== 'directory') return { ...node }
  const children = [...node.children].map(([name, child]) => [name, values(child)])
  return { hash: node.hash, meta: node.meta, opaque: node.opaque, children }
}

function flatten(layers: readonly DirectoryNode[]): DirectoryNode | string {
  try {
    return flattenLayers(layers, DEFAULT_PROFILE, hasher)
  } catch (error) {
    if (error instanceof NormalizeError) return error.message
    throw error
  }
}

const valuesOf = (result: DirectoryNode | string): unknown =>
  typeof result === 'string' ? result : values(result)

describe('a flattened tree', () => {
  it('is the same whether plain directories are opened or left as they are', () => {
    let left = 0
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new SeededRandom(seed)
      const others = randomLayers(random, 1 + random.integer(4))
      const tars = [...(random.chance(0.2) ? [LINKS] : []), ...others].map((members) =>
        makeTar(members),
      )
      // A layer that is there twice is laid over itself.
      const packed = [...tars, ...tars.slice(0, 1)].map((tar) => packTree(readLayer(tar).root))
      const layers = packed.map((tree) => openTree(tree))
      const result = flatten(layers)
      expect(valuesOf(result), `seed ${seed}`).toEqual(valuesOf(flatten(layers.map(withoutPlain))))
      if (typeof result === 'string') continue
      left += countPlain(result)
      const parts = packed.map((tree, i) => ({ ...tree, opened: layers[i] as DirectoryNode }))
      expect(values(openTree(joinTrees(result, parts))), `seed ${seed}`).toEqual(values(result))
    }
    expect(left).toBeGreaterThan(SEEDS / 10)
  })
})
