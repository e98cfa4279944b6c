/** Trees over real TCP: what is fetched, what it costs, and what a hostile peer can do with it. */
import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { Network } from '../../node/network/network.ts'
import type { TreeWalkSummary } from '../../node/network/tree-sync.ts'
import {
  encodeGet,
  encodeObject,
  encodeObjects,
  MORE,
  parseGet,
  parseTreeAnswer,
} from '../../node/network/trees/frames.ts'
import { MAX_OBJECT_BYTES } from '../../node/network/trees/limits.ts'
import { StoredWalk } from '../../node/tree/stored-walk.ts'
import type { TreeStore } from '../../node/tree/tree-store.ts'
import { concat } from '../../protocol/bytes.ts'
import { diffImages } from '../../protocol/normalize/diff.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { TreeComparison } from '../../protocol/normalize/tree-comparison.ts'
import type { TreeObject } from '../../protocol/normalize/tree-object.ts'
import { debianLikeMembers, SCATTERED } from '../support/debian-like-tree.ts'
import {
  answerFrames,
  prefixed,
  readFrames,
  startHostilePeer,
  TREE_PROTOCOL,
  type HostilePeer,
} from '../support/hostile-peer.ts'
import { makeImage } from '../support/make-image.ts'
import { keepImage, startTreeNode, temporaryTrees, type TreeNode } from '../support/tree-node.ts'
import {
  comparedImage,
  makeDirectory,
  makeFile,
  makeTreeImage,
  objectMap,
} from '../support/tree-objects.ts'
import { waitFor } from '../support/wait-for.ts'

type Side = ReturnType<typeof comparedImage>

function walkOf(trees: TreeStore, a: Side, b: Side): StoredWalk {
  const comparison = new TreeComparison(
    { crypto: nodeCrypto },
    { profile: DEFAULT_PROFILE, a, b, level: 'normalized' },
  )
  return new StoredWalk({ trees }, comparison)
}

/** As soon as there is somebody to ask: what a peer speaks is known a moment after it has connected. */
function walkOver(network: Network, walk: StoredWalk): Promise<TreeWalkSummary> {
  return waitFor('somebody is asked', async () => {
    const summary = await network.walkTrees(walk, new AbortController().signal)
    return summary.peers > 0 && summary
  })
}

const PLAIN = makeImage([debianLikeMembers()])
const CHANGED = makeImage([debianLikeMembers(new Set(SCATTERED))])

test('ten scattered files of 30,000 cost under 300 KB, though neither image is here', async () => {
  expect(PLAIN.layers[0]!.treeEntries).toBeGreaterThan(30_000)
  const holder = await startTreeNode()
  await keepImage(holder.trees, PLAIN)
  await keepImage(holder.trees, CHANGED)
  const asker = await startTreeNode([holder.address()])
  const walk = walkOf(asker.trees, comparedImage(PLAIN), comparedImage(CHANGED))
  const { complete, sent, received } = await walkOver(asker.network, walk)
  expect(complete).toBe(true)
  const { differences } = await walk.finish(100)
  expect(differences.map(({ path }) => path).sort()).toEqual([...SCATTERED].sort())
  expect(differences).toEqual(diffImages(PLAIN, CHANGED).differences)

  expect(sent + received).toBeLessThan(300_000)
})

test('costs no more where one of the two is here and the peer does not have it', async () => {
  const holder = await startTreeNode()
  await keepImage(holder.trees, CHANGED)
  const asker = await startTreeNode([holder.address()])
  await keepImage(asker.trees, PLAIN)
  const walk = walkOf(asker.trees, comparedImage(PLAIN), comparedImage(CHANGED))
  const { complete, sent, received } = await walkOver(asker.network, walk)
  expect(complete).toBe(true)

  expect((await walk.finish(100)).count).toBe(10)
  expect(sent + received).toBeLessThan(300_000)
})

test('a comparison that was cut short goes on where it was', async () => {
  const first = await startTreeNode()
  const both = objectMap(PLAIN, CHANGED)
  const small = [...both.values()].filter(({ preimage }) => preimage.length < 20_000)
  // It has all but the large directories, and so not the way to what lies beneath them.
  await first.trees.keep(small)
  const asker = await startTreeNode([first.address()])
  const sides = [comparedImage(PLAIN), comparedImage(CHANGED)] as const
  const cut = await walkOver(asker.network, walkOf(asker.trees, ...sides))
  expect(cut).toMatchObject({ complete: false, peers: 1 })
  await keepImage(first.trees, PLAIN)
  await keepImage(first.trees, CHANGED)
  const walk = walkOf(asker.trees, ...sides)
  const rest = await walkOver(asker.network, walk)
  expect(rest.complete).toBe(true)
  expect((await walk.finish(100)).count).toBe(10)
  const again = walkOf(asker.trees, ...sides)
  // All of it is kept now.
  expect(await again.wanted()).toEqual([])
})

test('a store of trees forgets the oldest, and never what a later tree has too', async () => {
  const images = ['a', 'b', 'c'].map((content) =>
    makeImage([
      [
        { path: 'same', content: 's' },
        { path: 'other', content },
      ],
    ]),
  )
  const bytes = async (count: number): Promise<number> => {
    const trees = await temporaryTrees()
    for (const image of images.slice(0, count)) await keepImage(trees, image)
    return trees.bytes()
  }
  const trees = await temporaryTrees(await bytes(2))
  for (const image of images) await keepImage(trees, image)
  const has = async (image: NormalizedImage): Promise<number> => {
    const found = await Promise.all([...objectMap(image).keys()].map((hash) => trees.read(hash)))
    return found.filter((each) => each === undefined).length
  }
  expect(await has(images[2]!)).toBe(0)
  expect(await has(images[1]!)).toBe(0)
  expect(await trees.read(comparedImage(images[0]!).image)).toBeUndefined()
  expect(await trees.bytes()).toBeLessThanOrEqual(await bytes(2))
})

// Hostile peers.

const EMPTY = makeTreeImage(makeDirectory([]))
const sideOf = (objects: readonly TreeObject[]): Side => ({
  image: objects.at(-1)!.hash,
  rootfs: undefined,
})

async function hostileServer(answer: (stream: Stream) => void): Promise<{
  asker: TreeNode
  hostile: HostilePeer
}> {
  const asker = await startTreeNode([], 500)
  const hostile = await startHostilePeer()
  await hostile.serveSync(answer, TREE_PROTOCOL)
  await hostile.dial(asker.address())
  return { asker, hostile }
}

/** Answers each request with these objects where they are asked for, changed by `spoil`. */
function servesObjects(
  objects: readonly TreeObject[],
  spoil: (object: TreeObject) => TreeObject = (object) => object,
): (stream: Stream) => void {
  const known = new Map(objects.map((object) => [object.hash, object]))
  return (stream) =>
    void answerFrames(stream, (frame) => {
      const answer = parseGet(frame).map(({ hash }) => {
        const object = known.get(hash)
        return encodeObject(object === undefined ? undefined : spoil(object))
      })
      return encodeObjects(MORE.none, concat(...answer))
    })
}

async function expectDropped({
  asker,
  hostile,
}: {
  asker: TreeNode
  hostile: HostilePeer
}): Promise<void> {
  await waitFor('it is disconnected', () => hostile.connections() === 0)
  expect(asker.network.peers()).toEqual([])
}

const FILE = makeFile(1)
const WIDE = makeTreeImage(makeDirectory([['f', FILE]]))

test.each<[string, (object: TreeObject) => TreeObject]>([
  [
    'preimages that are not those asked for',
    (object) => ({ ...object, preimage: object.preimage.map((byte) => byte ^ 1) }),
  ],
  ['objects of another kind', (object) => ({ ...object, kind: 'config' })],
  ['objects cut short', (object) => ({ ...object, preimage: object.preimage.slice(1) })],
])('a peer that sends %s is shut out, and nothing of it is kept', async (_, spoil) => {
  const parties = await hostileServer(servesObjects([...EMPTY, ...WIDE, FILE], spoil))
  const walk = walkOf(parties.asker.trees, sideOf(EMPTY), sideOf(WIDE))
  expect(await walkOver(parties.asker.network, walk)).toMatchObject({ complete: false })
  await expectDropped(parties)
  expect(await parties.asker.trees.read(WIDE.at(-1)!.hash)).toBeUndefined()
  // And it does not come in again.
  await parties.hostile.dial(parties.asker.address()).catch(() => undefined)
  await waitFor('it is turned away', () => parties.hostile.connections() === 0)
})

test('a tree without end is followed to its lowest level and no further', async () => {
  const objects: TreeObject[] = [FILE]
  let top = makeDirectory([['f', FILE]])
  for (let depth = 0; depth < 300; depth++) {
    objects.push(top)
    top = makeDirectory([['d', top]])
  }
  const deep = makeTreeImage(top)
  let asked = 0
  const parties = await hostileServer(
    servesObjects([...EMPTY, ...deep, ...objects], (object) => {
      asked++
      return object
    }),
  )
  const walk = walkOf(parties.asker.trees, sideOf(EMPTY), sideOf(deep))
  await expect(walkOver(parties.asker.network, walk)).rejects.toMatchObject({ code: 'too-deep' })
  await expectDropped(parties)
  expect(asked).toBeLessThan(140)
})

test('a directory that says it is huge is not waited for', async () => {
  const parties = await hostileServer((stream) => {
    const head = new Uint8Array(5)
    head[0] = 2
    new DataView(head.buffer).setUint32(1, MAX_OBJECT_BYTES + 1)
    stream.addEventListener('message', () =>
      stream.send(prefixed(encodeObjects(MORE.inNextFrame, head))),
    )
  })
  await walkOver(parties.asker.network, walkOf(parties.asker.trees, sideOf(EMPTY), sideOf(WIDE)))
  await expectDropped(parties)
})

test('an answer without end is cut off', async () => {
  const parties = await hostileServer((stream) => {
    stream.addEventListener('message', () => {
      for (let i = 0; i < 80; i++)
        stream.send(prefixed(encodeObjects(MORE.inNextFrame, new Uint8Array())))
    })
  })
  await walkOver(parties.asker.network, walkOf(parties.asker.trees, sideOf(EMPTY), sideOf(WIDE)))
  await expectDropped(parties)
})

test('a peer that takes the question and says nothing is dropped, and another is asked', async () => {
  const parties = await hostileServer(() => undefined)
  await walkOver(parties.asker.network, walkOf(parties.asker.trees, sideOf(EMPTY), sideOf(WIDE)))
  await expectDropped(parties)
  const honest = await startTreeNode([parties.asker.address()])
  await honest.trees.keep([FILE, ...EMPTY, ...WIDE])
  const walk = walkOf(parties.asker.trees, sideOf(EMPTY), sideOf(WIDE))
  // On a busy machine the honest one, too, may once be slower than is waited for here.
  await waitFor(
    'all of it has come',
    async () => (await walkOver(parties.asker.network, walk)).complete,
  )
  expect((await walk.finish(10)).differences.map(({ path }) => path)).toEqual(['f'])
})

test('a peer that asks for what is no request is refused', async () => {
  const victim = await startTreeNode()
  const hostile = await startHostilePeer()
  await hostile.dial(victim.address())
  const bad = await hostile.openSync(TREE_PROTOCOL)
  bad.send(prefixed(Uint8Array.of(2, 0, 1, 7)))
  expect((await readFrames(bad)).map((frame) => parseTreeAnswer(frame))).toEqual([
    { type: 'error', code: 'bad-request' },
  ])
})

test('each peer has one exchange at a time', async () => {
  const victim = await startTreeNode()
  const hostile = await startHostilePeer()
  await hostile.dial(victim.address())
  const held = await hostile.openSync(TREE_PROTOCOL)
  held.send(prefixed(encodeGet([{ hash: 'x'.repeat(32) }])))
  const second = await hostile.openSync(TREE_PROTOCOL)
  second.send(prefixed(encodeGet([{ hash: 'x'.repeat(32) }])))
  expect((await readFrames(second)).map((frame) => parseTreeAnswer(frame))).toEqual([
    { type: 'error', code: 'busy' },
  ])
})
