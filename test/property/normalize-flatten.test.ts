/** Flattening that opens only what it must, beside flattening that holds everything. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { flattenLayers } from '../../protocol/normalize/flatten.ts'
import { FLATTEN_ERROR_CODES, NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { openTree, packedTree } from '../../protocol/normalize/packed-tree.ts'
import { DEFAULT_PROFILE, parseProfile, type Profile } from '../../protocol/normalize/profile.ts'
import { TaggedHash } from '../../protocol/normalize/tagged-hash.ts'
import type { DirectoryNode, TreeNode } from '../../protocol/normalize/tree.ts'
import { plainFlatten } from '../support/plain-flatten.ts'
import { randomLayers } from '../support/random-layers.ts'
import { readLayer } from '../support/read-layer.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { makeTar, type TarMember } from '../support/tar-writer.ts'

const SEEDS = 200
/** Chance makes few of these. */
const RARE: readonly TarMember[] = [
  { path: 'a/', type: 'directory' },
  { path: 'a/one', content: 'x' },
  { path: 'a/two', type: 'hardlink', linkname: 'a/one' },
  { path: 'etc/hosts', content: '' },
  { path: 'etc/hostname', content: 'host' },
  { path: 'run/', type: 'directory' },
  { path: 'run/.containerenv', content: '' },
  { path: 'dev/.wh.gone' },
]
const REFUSED: readonly (readonly TarMember[])[] = [
  [{ path: 'b/c', type: 'hardlink', linkname: 'lower' }],
  [{ path: 'c/d', type: 'char', major: 0, minor: 0 }],
]
const DROPPING = parseProfile('rebuildnet/1;drop=a/one')

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

interface Fault {
  readonly code: string
  readonly layer: number | undefined
  readonly path: string | undefined
}

type Outcome = DirectoryNode | Fault

function outcome(
  flatten: typeof plainFlatten,
  layers: readonly DirectoryNode[],
  profile: Profile,
): Outcome {
  try {
    const hasher = new TaggedHash({ crypto: nodeCrypto }, { profile })
    return flatten(layers, profile, hasher)
  } catch (error) {
    if (!(error instanceof NormalizeError)) throw error
    const { code, layer, path } = error
    return { code, layer, path }
  }
}

describe('a flattened tree', () => {
  it('is what the definition says, with the fault that the lowest layer has first', () => {
    let unopened = 0
    const faults = new Set<string>()
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = new SeededRandom(seed)
      const profile = random.chance(0.2) ? DROPPING : DEFAULT_PROFILE
      const others = randomLayers(random, 1 + random.integer(4))
      const added = [
        ...(random.chance(0.2) ? [RARE] : []),
        ...(random.chance(0.2) ? [random.pick(REFUSED)] : []),
      ]
      const first = random.integer(others.length + 1)
      const members = [...others.slice(0, first), ...added, ...others.slice(first)]
      const tars = members.map((each) => makeTar(each))
      // A layer that is there twice is laid over itself.
      const layers = [...tars, ...tars.slice(0, 1)].map(
        (tar) => readLayer(tar, { profile: profile.id }).root,
      )
      const result = outcome(flattenLayers, layers, profile)
      const wanted = outcome(plainFlatten, layers, profile)
      if ('code' in result || 'code' in wanted) {
        expect(result, `seed ${seed}`).toEqual(wanted)
        faults.add('code' in result ? result.code : '')
        continue
      }
      expect(values(result), `seed ${seed}`).toEqual(values(wanted))
      expect(values(openTree(packedTree(result))), `seed ${seed}`).toEqual(values(result))
      unopened += countPlain(result)
    }
    expect(unopened).toBeGreaterThan(SEEDS / 10)
    expect([...faults].sort()).toEqual([...FLATTEN_ERROR_CODES].sort())
  })
})
