import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { openTree, packedTree } from '../../../../protocol/normalize/packed-tree.ts'
import { LayerReader } from '../../../../protocol/normalize/layer-reader.ts'
import { parseProfile } from '../../../../protocol/normalize/profile.ts'
import { BLOCK_BYTES, MemoryBlocks } from '../../../../protocol/normalize/tree-bytes.ts'
import type { DirectoryNode, TreeNode } from '../../../../protocol/normalize/tree.ts'
import { readLayer } from '../../../support/read-layer.ts'
import { makeTar } from '../../../support/tar-writer.ts'

const TAR = makeTar([
  { path: 'late/below', content: 'x' },
  { path: 'late/', type: 'directory', mode: 0o700, uid: 4294967294, gid: 7 },
  { path: 'opaque/', type: 'directory', mode: 0o755 },
  { path: 'opaque/.wh..wh..opq' },
  { path: 'opaque/.wh.gone' },
  { path: 'opaque/.wh.gone-too' },
  { path: 'implied/caf\u00c3\u00a9', content: 'content', mode: 0o4755, mtime: 12 },
  { path: 'implied/empty', content: '' },
  {
    path: 'implied/again',
    type: 'hardlink',
    linkname: 'implied/caf\u00c3\u00a9',
    mode: 0o4755,
    mtime: 12,
  },
  { path: 'elsewhere', type: 'hardlink', linkname: 'lower/file' },
  { path: 'link', type: 'symlink', linkname: '/bin/tool', mode: 0o777 },
  { path: 'fifo', type: 'fifo' },
])

function readTree(profile: string): DirectoryNode {
  const reader = new LayerReader({ crypto: nodeCrypto }, { profile: parseProfile(profile) })
  reader.write(TAR)
  return reader.end().root
}

/** Everything about a tree as plain values. */
function plain(node: TreeNode): unknown {
  if (node.kind !== 'directory') return { ...node }
  const { kind, hash, meta, opaque, late } = node
  const children = [...node.children].map(([name, child]) => [name, plain(child)])
  return { kind, hash, meta, opaque, late, children }
}

describe('a packed tree', () => {
  it.each(['rebuildnet/1', 'rebuildnet/1;drop=implied/empty;mtime=clamp:10'])(
    'opens as what was packed: %s',
    (profile) => {
      const root = readTree(profile)
      expect(plain(openTree(packedTree(root)))).toEqual(plain(root))
    },
  )

  it('takes about a hundred bytes an entry', () => {
    const files = Array.from({ length: 5000 }, (_, i) => ({
      path: `d${i % 100}/file-${i}`,
      content: `${i}`,
    }))
    const blocks = new MemoryBlocks()
    let count = 0
    const store = {
      append: (block: Uint8Array) => (count++, blocks.append(block)),
      block: (index: number) => blocks.block(index),
      patch: (index: number, at: number, bytes: Uint8Array) => blocks.patch(index, at, bytes),
    }
    readLayer(makeTar(files), { store })
    expect((count * BLOCK_BYTES) / files.length).toBeLessThan(130)
  })
})
