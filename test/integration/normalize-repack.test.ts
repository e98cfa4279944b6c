/**
 * One tree, packed by three tools, in every dialect, in two orders, with other times, and stored
 * by four compressors: one digest. What each of them cannot help but say otherwise is named here.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { normalizeLayerFile } from '../../node/image/normalizer.ts'
import { missingTools } from '../../node/system/packages.ts'
import type { NormalizedLayer } from '../../protocol/normalize/layer-reader.ts'
import {
  type Dialect,
  packWithBsdtar,
  packWithGnuTar,
  packWithPython,
  type Packing,
} from '../support/packers.ts'
import { readLayer } from '../support/read-layer.ts'
import { writePlainTree, writeWideTree } from '../support/source-tree.ts'

const needed = ['bsdtar', 'python3', 'gzip', 'pigz', 'zstd']
const missing = missingTools('test').filter(({ name }) => needed.includes(name))
const why = missing.map(({ name }) => `: needs ${name}`).join('')

const PACKERS = { 'GNU tar': packWithGnuTar, bsdtar: packWithBsdtar, Python: packWithPython }
const TOOLS = ['GNU tar', 'bsdtar', 'Python'] as const

function packings(dialects: readonly Dialect[]): readonly (readonly [string, Packing])[] {
  return dialects.flatMap((dialect) =>
    (['sorted', 'reversed'] as const).map(
      (order) =>
        [
          `${dialect}, ${order}`,
          { dialect, order, mtime: order === 'sorted' ? 0 : 2 ** 31 },
        ] as const,
    ),
  )
}

describe.skipIf(missing.length > 0)(`one tree has one digest${why}`, () => {
  let folder = ''
  const plain = () => join(folder, 'plain')
  const wide = () => join(folder, 'wide')
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-repack-'))
    for (const tree of [plain(), wide()]) await mkdir(tree)
    await writePlainTree(plain())
    await writeWideTree(wide())
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const digestOf = (tool: keyof typeof PACKERS, tree: string, packing: Packing): string =>
    readLayer(PACKERS[tool](tree, packing)).digest

  describe.each(TOOLS)('by %s', (tool) => {
    it.each(packings(['ustar', 'gnu', 'pax']))('as %s', (_name, packing) => {
      const first = packWithGnuTar(plain(), { dialect: 'gnu', order: 'sorted' })
      expect(digestOf(tool, plain(), packing)).toBe(readLayer(first).digest)
    })

    it.each(packings(['gnu', 'pax']))('with long names and targets, as %s', (_name, packing) => {
      const first = packWithGnuTar(wide(), { dialect: 'gnu', order: 'sorted' })
      expect(digestOf(tool, wide(), packing)).toBe(readLayer(first).digest)
    })
  })

  it('but for attributes, of which libarchive writes a copy in a record of its own, that counts', async () => {
    const tree = join(folder, 'attribute')
    await mkdir(tree)
    await writeFile(join(tree, 'f'), '')
    const script = 'import os,sys;os.setxattr(sys.argv[1],"user.k",b"v")'
    execFileSync('python3', ['-c', script, join(tree, 'f')])
    const packing: Packing = { dialect: 'pax', order: 'sorted' }
    const gnu = readLayer(packWithGnuTar(tree, packing, '--xattrs'))
    const libarchive = readLayer(packWithBsdtar(tree, packing, '--xattrs'))
    const records = (layer: NormalizedLayer) => {
      const file = layer.root.children.get('f')
      return file?.kind === 'file' ? file.meta : undefined
    }
    expect(records(gnu)).toMatchObject({ xattrs: [{ key: 'user.k', value: 'v' }], records: [] })
    expect(records(libarchive)).toMatchObject({
      xattrs: [{ key: 'user.k', value: 'v' }],
      records: [{ key: 'LIBARCHIVE.xattr.user.k', value: 'dg' }],
    })
    expect(libarchive.digest).not.toBe(gnu.digest)
  })

  it('whatever the times on disk', async () => {
    const before = digestOf('bsdtar', plain(), { dialect: 'pax', order: 'sorted' })
    for (const path of ['etc/passwd', 'bin', 'var/513']) {
      await utimes(join(plain(), path), 1_234_567_890.5, 1_700_000_000.25)
    }
    expect(digestOf('bsdtar', plain(), { dialect: 'pax', order: 'sorted' })).toBe(before)
  })

  it('packed into blocks of another number, with or without an end', () => {
    const packing: Packing = { dialect: 'gnu', order: 'sorted' }
    const tar = packWithGnuTar(plain(), packing)
    const entries = tar.subarray(
      0,
      Math.ceil((tar.findLastIndex((byte) => byte !== 0) + 1) / 512) * 512,
    )
    const { digest } = readLayer(tar)
    expect(readLayer(packWithGnuTar(plain(), packing, '--blocking-factor=200')).digest).toBe(digest)
    expect(readLayer(entries).digest).toBe(digest)
  })

  it.each<readonly [string, string, readonly string[]]>([
    ['not at all', 'cat', []],
    ['by gzip -1', 'gzip', ['-1']],
    ['by gzip -9 with a name', 'gzip', ['-9', '--name']],
    ['by pigz', 'pigz', ['-p', '2', '-b', '128']],
    ['by pigz, in independent blocks', 'pigz', ['-i', '-b', '128']],
    ['by zstd -1', 'zstd', ['-1']],
    ['by zstd -19 with a window of 128 MiB', 'zstd', ['-19', '--long=27']],
    ['by zstd without a checksum', 'zstd', ['--no-check']],
    ['by zstd on two threads', 'zstd', ['-T2', '-B64K']],
  ])('compressed %s', async (_name, command, args) => {
    const tar = packWithGnuTar(plain(), { dialect: 'pax', order: 'sorted' })
    const file = join(folder, 'layer')
    await writeFile(
      file,
      execFileSync(command, ['-c', ...args].slice(command === 'cat' ? 1 : 0), {
        input: tar,
        maxBuffer: 2 ** 26,
      }),
    )
    const layer = await normalizeLayerFile({ crypto: nodeCrypto }, file)
    expect(layer.normalizedDigest).toBe(readLayer(tar).digest)
  })
})
