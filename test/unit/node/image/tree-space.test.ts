/** Where a layer's tree is put down changes nothing about it, and no file of it is left anywhere. */
import { closeSync, openSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openLayer, packLayer } from '../../../../node/image/layer-thread-message.ts'
import { openSpace, SpaceStore, TreeSpace } from '../../../../node/image/tree-space.ts'
import type { TreeNode } from '../../../../protocol/normalize/tree.ts'
import { BLOCK_BYTES } from '../../../../protocol/normalize/tree-bytes.ts'
import { readLayer } from '../../../support/read-layer.ts'
import { makeTar, type TarMember } from '../../../support/tar-writer.ts'

const links = (count: number): TarMember[] =>
  Array.from({ length: count }, (_, i) => [
    { path: `f${i}`, content: `${i}` },
    { path: `l${i}`, type: 'hardlink' as const, linkname: `f${i}` },
  ]).flat()

const directories = (count: number): TarMember[] =>
  Array.from({ length: count }, (_, i) => ({
    path: `d${i}/e/`,
    type: 'directory' as const,
    mode: 0o700 + (i % 64),
  }))

/** Records and names that do not end where a block ends. */
const lower = (count: number): TarMember[] =>
  Array.from({ length: count }, (_, i) => ({
    path: `${i}-${'n'.repeat(i % 200)}`,
    type: 'hardlink' as const,
    linkname: `${'lower/'.repeat(i % 17)}${i}`,
  }))

function values(node: TreeNode): unknown {
  if (node.kind !== 'directory') return { ...node }
  const children = [...node.children].map(([name, child]) => [name, values(child)])
  return { hash: node.hash, meta: node.meta, late: node.late, plain: node.plain, children }
}

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-space-'))
  vi.stubEnv('TMPDIR', folder)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

describe('the tree of a layer', () => {
  it.each([1, 9, 60, 200, 1000])('is the same in any space: %i of each', async (count) => {
    for (const members of [links(count), directories(count), lower(count)]) {
      const tar = makeTar(members)
      const wanted = readLayer(tar)
      for (const memoryBytes of [0, BLOCK_BYTES, 3 * BLOCK_BYTES, 8 * 1024 * 1024]) {
        const space = new TreeSpace(memoryBytes)
        const other = openSpace(space.handle)
        const layer = readLayer(tar, { store: new SpaceStore(other) })
        expect(layer.digest).toBe(wanted.digest)
        const opened = openLayer(packLayer(layer), space)
        expect(values(opened.root)).toEqual(values(wanted.root))
      }
    }
    expect(await readdir(folder)).toEqual([])
  })

  it('is kept in memory where no file can be made', () => {
    vi.stubEnv('TMPDIR', join(folder, 'missing'))
    const space = new TreeSpace(0)
    const layer = readLayer(makeTar(links(1000)), { store: new SpaceStore(space) })
    expect(space.file()).toBeUndefined()
    expect(packLayer(layer).tree.blocks.memory.length).toBeGreaterThan(1)
  })

  it('does not mix up the blocks of two spaces', () => {
    const [one, two] = [links(500), directories(500)].map((members) => {
      const tar = makeTar(members)
      const space = new TreeSpace(0)
      return { wanted: readLayer(tar), root: readLayer(tar, { store: new SpaceStore(space) }).root }
    })
    expect(values(one?.root as TreeNode)).toEqual(values(one?.wanted.root as TreeNode))
    expect(values(two?.root as TreeNode)).toEqual(values(two?.wanted.root as TreeNode))
    expect(values(one?.root as TreeNode)).toEqual(values(one?.wanted.root as TreeNode))
  })

  it('names the disk that is full, though the file on it has no name', () => {
    const full = openSync('/dev/full', 'r+')
    onTestFinished(() => closeSync(full))
    const store = new SpaceStore(openSpace({ ...new TreeSpace(0).handle, file: full }))
    expect(() => store.append(new Uint8Array(BLOCK_BYTES))).toThrow(
      expect.objectContaining({
        code: 'temporary-disk-full',
        message: expect.stringContaining(folder) as string,
      }),
    )
  })
})
