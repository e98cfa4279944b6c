/** Where a layer's tree is put down, and how often that has to grow, changes nothing about it. */
import { describe, expect, it } from 'vitest'
import { SharedStore } from '../../../../node/image/shared-store.ts'
import type { TreeNode } from '../../../../protocol/normalize/tree.ts'
import { PlainByteStore } from '../../../../protocol/normalize/tree-bytes.ts'
import { readLayer } from '../../../support/read-layer.ts'
import { makeTar, type TarMember } from '../../../support/tar-writer.ts'

/** Grows at each write. */
class TightStore extends PlainByteStore {
  override grow(bytes: number): void {
    const grown = new Uint8Array(bytes)
    grown.set(new Uint8Array(this.buffer).subarray(0, bytes))
    this.buffer = grown.buffer
  }
}

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

function values(node: TreeNode): unknown {
  if (node.kind !== 'directory') return { ...node }
  const children = [...node.children].map(([name, child]) => [name, values(child)])
  return { hash: node.hash, meta: node.meta, late: node.late, plain: node.plain, children }
}

describe('the tree of a layer', () => {
  it.each([1, 2, 9, 20, 30, 60, 200, 1000])('is the same in any store: %i of each', (count) => {
    for (const members of [links(count), directories(count)]) {
      const tar = makeTar(members)
      const shared = readLayer(tar, { store: new SharedStore() })
      for (const store of [new PlainByteStore(), new TightStore()]) {
        const layer = readLayer(tar, { store })
        expect(layer.digest).toBe(shared.digest)
        expect(values(layer.root)).toEqual(values(shared.root))
      }
    }
  })
})
