/**
 * Flattened trees against what umoci puts on disk, which applies the layers with the same rules as
 * container engines. Names, kinds, modes, owners, attributes, targets, sizes and contents.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'
import { missingTools } from '../../node/system/packages.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import { makeImage, writeLayout } from '../support/oci-image.ts'
import { randomLayers } from '../support/random-layers.ts'
import { listDisks, type ListedEntry } from '../support/referee.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { makeTar, type TarMember } from '../support/tar-writer.ts'
import { listTree, sortEntries } from '../support/tree-listing.ts'

const run = promisify(execFile)
const needed = ['umoci', 'python3']
const missing = missingTools('test').filter(({ name }) => needed.includes(name))
// Owners and devices can be put on disk by root alone.
const able = missing.length === 0 && process.getuid?.() === 0
const why = able ? '' : `: needs root and ${needed.join(' and ')}`

type Listing = readonly ListedEntry[]
type Layers = readonly (readonly TarMember[])[]

const SEEDED_IMAGES = 60

const D: TarMember = { path: 'd/', type: 'directory' }
const OPAQUE: TarMember = { path: 'd/.wh..wh..opq' }
const FULL: readonly TarMember[] = [
  { ...D, mode: 0o750, uid: 5, gid: 6 },
  { path: 'd/old', content: 'old' },
  { path: 'd/sub/deep', content: 'deep' },
  { path: 'a', content: 'a', mode: 0o4755, uid: 1000, gid: 1001 },
]

const IMAGES: readonly (readonly [string, Layers])[] = [
  ['a whiteout of a file', [FULL, [{ path: '.wh.a' }]]],
  ['a whiteout of a directory', [FULL, [{ path: '.wh.d' }]]],
  ['a whiteout of what is not there', [FULL, [{ path: '.wh.zzz' }, { path: 'd/.wh.none' }]]],
  ['an opaque directory before what is new in it', [FULL, [D, OPAQUE, { path: 'd/new' }]]],
  ['an opaque directory after what is new in it', [FULL, [D, { path: 'd/new' }, OPAQUE]]],
  ['an opaque marker alone', [FULL, [OPAQUE]]],
  ['an opaque directory below new ones', [FULL, [{ path: 'd/sub/.wh..wh..opq' }, { path: 'd/x' }]]],
  ['a name removed and made again', [FULL, [{ path: '.wh.d' }], [D, { path: 'd/new' }]]],
  [
    'hardlinks',
    [
      [
        ...FULL,
        { path: 'b', type: 'hardlink', linkname: 'a', mode: 0o4755, uid: 1000, gid: 1001 },
        { path: 'd/c', type: 'hardlink', linkname: 'b', mode: 0o4755, uid: 1000, gid: 1001 },
      ],
      [{ path: '.wh.a' }],
    ],
  ],
  [
    'symlinks, absolute, relative, dangling and out of the root',
    [
      [
        { path: 's1', type: 'symlink', linkname: '/d' },
        { path: 's2', type: 'symlink', linkname: 'd/../../../etc' },
        { path: 's3', type: 'symlink', linkname: 'nowhere', uid: 7, gid: 8 },
      ],
      [FULL[0] as TarMember],
    ],
  ],
  ['a symlink in place of a directory', [FULL, [{ path: 'd', type: 'symlink', linkname: 'a' }]]],
  [
    'a directory in place of a symlink',
    [[{ path: 'd', type: 'symlink', linkname: '/tmp' }], [D, { path: 'd/x' }]],
  ],
  ['a directory in place of a file', [[{ path: 'd', content: 'x' }], [D, { path: 'd/x' }]]],
  ['a file in place of a directory', [FULL, [{ path: 'd', content: 'x' }]]],
  ['a directory whose meta changes', [FULL, [{ ...D, mode: 0o1777, uid: 9, gid: 10 }]]],
  ['a directory that is only implied, above one with an entry', [FULL, [{ path: 'd/new' }]]],
  ['directories that are only implied', [[{ path: 'x/y/z', content: '1' }]]],
  ['every bit of a mode', [MODES()]],
  [
    'devices, a fifo and attributes',
    [
      [
        { path: 'null', type: 'char', major: 1, minor: 3, mode: 0o666 },
        { path: 'disk', type: 'block', major: 8, minor: 1, mode: 0o660, gid: 6 },
        { path: 'pipe', type: 'fifo', mode: 0o620 },
        { path: 'f', pax: { 'SCHILY.xattr.user.k': 'v\0w' } },
        { ...D, pax: { 'SCHILY.xattr.user.d': 'x' } },
      ],
    ],
  ],
  [
    'long names in each dialect, spaces, newlines, and bytes that are no UTF-8',
    [
      [
        { path: `${'p'.repeat(120)}/${'n'.repeat(130)}`, content: '1' },
        { path: 'g'.repeat(150), dialect: 'gnu', content: '2' },
        { path: ' a b\n', content: '3' },
        { path: Uint8Array.of(0x66, 0xff, 0xfe), content: '4' },
      ],
    ],
  ],
]

function MODES(): readonly TarMember[] {
  return Array.from({ length: 12 }, (_, bit) => ({ path: `m${bit}`, mode: 1 << bit }))
}

describe.skipIf(!able)(`the flattened tree is what umoci unpacks${why}`, () => {
  let folder = ''
  let count = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-umoci-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  async function writeImage(layers: Layers): Promise<string> {
    const layout = join(folder, `image-${count++}`)
    const image = makeImage({ layers: layers.map((members) => ({ tar: makeTar(members) })) })
    await writeLayout(layout, { v1: image })
    return layout
  }

  async function flatten(layout: string): Promise<NormalizedImage> {
    const { normalized } = await normalizeSource(
      { crypto: nodeCrypto },
      { reference: `oci:${layout}:v1` },
    )
    return normalized
  }

  async function unpack(layout: string): Promise<string> {
    const bundle = `${layout}-bundle`
    await run('umoci', ['unpack', '--image', `${layout}:v1`, bundle])
    return join(bundle, 'rootfs')
  }

  it('in chosen cases', async () => {
    const layouts = await Promise.all(IMAGES.map(([, layers]) => writeImage(layers)))
    const folders: string[] = []
    for (const layout of layouts) folders.push(await unpack(layout))
    const unpacked = listDisks(folders)
    for (const [i, [name]] of IMAGES.entries()) {
      const { root, rootfsError } = await flatten(layouts[i] as string)
      if (root === undefined) throw rootfsError ?? new Error(`${name}: no reason`)
      expect(withoutRoot(listTree(root)), name).toEqual(withoutRoot(unpacked[i] ?? []))
    }
  })

  it('with the root itself, where a layer has it', async () => {
    const layout = await writeImage([
      [{ path: './', type: 'directory', mode: 0o711, uid: 3 }],
      FULL,
    ])
    const { root } = await flatten(layout)
    if (root === undefined) throw new Error('it does not flatten')
    const [unpacked = []] = listDisks([await unpack(layout)])
    expect(listTree(root)).toEqual(sortEntries(unpacked))
  })

  it('but for a directory that nothing but a whiteout implies: engines make it, umoci does not', async () => {
    const layout = await writeImage([FULL, [{ path: 'new/.wh.none' }]])
    const { root } = await flatten(layout)
    if (root === undefined) throw new Error('it does not flatten')
    const ours = withoutRoot(listTree(root))
    const [theirs = []] = listDisks([await unpack(layout)])
    expect(ours.map(({ path }) => path)).toContain('new')
    expect(ours.filter(({ path }) => path !== 'new')).toEqual(withoutRoot(theirs))
    expect(withoutWhiteoutParents(ours, theirs)).toEqual(withoutRoot(theirs))
  })

  it('but for an attribute without a value: it counts, and the Go library of umoci drops it', async () => {
    const layout = await writeImage([[{ path: 'f', pax: { 'SCHILY.xattr.user.k': '' } }]])
    const { root } = await flatten(layout)
    const [theirs = []] = listDisks([await unpack(layout)])
    const facts = { path: 'f', kind: 'file', size: 0 }
    expect(root === undefined ? [] : withoutRoot(listTree(root))).toMatchObject([
      { ...facts, xattrs: { 'user.k': '' } },
    ])
    expect(withoutRoot(theirs)).toMatchObject([{ ...facts, xattrs: {} }])
  })

  it('in seeded images of two to four layers', async () => {
    const images: { readonly seed: number; readonly layout: string; readonly tree: Listing }[] = []
    for (let seed = 1; images.length < SEEDED_IMAGES; seed++) {
      const random = new SeededRandom(seed)
      const layout = await writeImage(randomLayers(random, 2 + random.integer(3)))
      const { root } = await flatten(layout)
      if (root !== undefined) images.push({ seed, layout, tree: withoutRoot(listTree(root)) })
    }
    const folders: string[] = []
    for (const { layout } of images) folders.push(await unpack(layout))
    const unpacked = listDisks(folders)
    for (const [i, { seed, tree }] of images.entries()) {
      const theirs = withoutRoot(unpacked[i] ?? [])
      expect(withoutWhiteoutParents(tree, theirs), `seed ${seed}`).toEqual(theirs)
    }
  })
})

/** umoci's own choice of mode for a root that no layer has is not the image's. */
function withoutRoot(entries: Listing): Listing {
  return sortEntries(entries.filter(({ path }) => path !== ''))
}

/** Ours without directories of the mode of implied ones in which umoci has nothing at all. */
function withoutWhiteoutParents(ours: Listing, theirs: Listing): Listing {
  const there = new Set(theirs.map(({ path }) => path))
  return ours.filter(
    ({ path, kind, mode, uid, gid }) =>
      there.has(path) || kind !== 'directory' || mode !== 0o755 || uid !== 0 || gid !== 0,
  )
}
