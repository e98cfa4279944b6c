import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageError } from '../../../../node/image/image-error.ts'
import { TarLocator } from '../../../../node/image/tar-locator.ts'
import { concat } from '../../../../protocol/bytes.ts'
import {
  makeTar,
  paxRecord,
  writeGnuName,
  writePax,
  writeRaw,
  type TarMember,
} from '../../../support/tar-writer.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-locator-'))
  file = join(folder, 'archive.tar')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** The content at `path`, or undefined where the locator knows no such file. */
async function locate(tar: Uint8Array, path: string): Promise<string | undefined> {
  await writeFile(file, tar)
  const locator = await TarLocator.load(file)
  try {
    const found = locator.find(path)
    if (found === undefined) return undefined
    const parts: Uint8Array[] = []
    for await (const chunk of found.read()) parts.push(chunk)
    const bytes = Buffer.concat(parts)
    expect(bytes).toHaveLength(found.size)
    return bytes.toString()
  } finally {
    await locator.close()
  }
}

const refused = expect.objectContaining({ name: 'ImageError', code: 'archive-invalid' }) as Error

describe('TarLocator', () => {
  it('finds each file, however its name is written', async () => {
    const long = `${'folder/'.repeat(20)}file`
    const tar = makeTar([
      { path: './a', content: 'one' },
      { path: 'd/', type: 'directory' },
      { path: 'd//b', content: 'x'.repeat(1000) },
      { path: 'empty' },
      { path: long, content: 'pax' },
      { path: `gnu/${long}`, content: 'gnu', dialect: 'gnu' },
      { path: 'name', prefix: 'prefix', content: 'split' },
    ])
    expect(await locate(tar, 'a')).toBe('one')
    expect(await locate(tar, 'd/b')).toHaveLength(1000)
    expect(await locate(tar, 'empty')).toBe('')
    expect(await locate(tar, long)).toBe('pax')
    expect(await locate(tar, `gnu/${long}`)).toBe('gnu')
    expect(await locate(tar, 'prefix/name')).toBe('split')
    expect(await locate(tar, 'd')).toBeUndefined()
    expect(await locate(tar, './a')).toBeUndefined()
  })

  it('follows symlinks from their folder, and hardlinks from the top', async () => {
    const tar = makeTar([
      { path: 'id/layer.tar', type: 'symlink', linkname: '../other/layer.tar' },
      { path: 'other/layer.tar', type: 'symlink', linkname: 'real.tar' },
      { path: 'other/real.tar', content: 'layer' },
      { path: 'hard', type: 'hardlink', linkname: 'other/real.tar' },
      { path: 'dangling', type: 'symlink', linkname: 'nowhere' },
      { path: 'round', type: 'symlink', linkname: 'about' },
      { path: 'about', type: 'symlink', linkname: 'round' },
    ])
    expect(await locate(tar, 'id/layer.tar')).toBe('layer')
    expect(await locate(tar, 'hard')).toBe('layer')
    expect(await locate(tar, 'dangling')).toBeUndefined()
    expect(await locate(tar, 'round')).toBeUndefined()
  })

  it.each<[string, readonly TarMember[]]>([
    ['a name that leaves the archive', [{ path: '../etc/passwd', content: 'x' }]],
    [
      'a symlink that leaves the archive',
      [{ path: 'd/a', type: 'symlink', linkname: '../../etc/passwd' }],
    ],
    ['a hardlink with ..', [{ path: 'a', type: 'hardlink', linkname: 'd/../b' }]],
    ['a file twice', [{ path: 'a' }, { path: './a' }]],
    ['a device', [{ path: 'a', type: 'char' }]],
    ['a checksum that is wrong', [{ path: 'a', patch: () => undefined }]],
    ['a size past the end of the file', [{ path: 'a', size: 100_000 }]],
    ['a PAX size past the end of the file', [{ path: 'a', pax: { size: '100000' } }]],
    ['a PAX size that is no number', [{ path: 'a', pax: { size: '-1' } }]],
    ['a sparse file', [{ path: 'a', pax: { 'GNU.sparse.major': '1' } }]],
    [
      'a directory with content',
      [{ path: 'a', type: 'directory', size: 512, content: 'x'.repeat(512) }],
    ],
    ['the old v7 format', [{ path: 'a', patch: (header) => header.fill(0, 257, 265) }]],
  ])('refuses %s', async (what, members) => {
    const tar = makeTar(members)
    if (what.includes('checksum')) tar[0] = 0x62
    await expect(locate(tar, 'a')).rejects.toThrow(refused)
  })

  it('refuses names in global headers, extension headers that nothing follows, and broken records', async () => {
    const entry = concat(...writeRaw({ path: 'a' }))
    const end = new Uint8Array(1024)
    const global = (key: string) => concat(...writePax({ [key]: 'x' }, 'pax-global'), entry, end)
    expect(await locate(global('comment'), 'a')).toBe('')
    await expect(locate(global('path'), 'a')).rejects.toThrow(refused)
    await expect(locate(concat(entry, ...writePax({ path: 'x' }), end), 'a')).rejects.toThrow(
      refused,
    )
    await expect(locate(concat(entry, ...writeGnuName('gnu-path', 'x'), end), 'a')).rejects.toThrow(
      refused,
    )
    const record = paxRecord('path', 'name')
    record[0] = 0x39
    await expect(locate(concat(...writePax(record), entry, end), 'a')).rejects.toThrow(refused)
  })

  it('does not lend the size of a PAX header to an extension header after it', async () => {
    const tar = concat(
      ...writePax({ size: '3' }),
      ...writeGnuName('gnu-path', 'named-by-gnu'),
      ...writeRaw({ path: 'short', content: 'one', size: 0 }),
      new Uint8Array(1024),
    )
    expect(await locate(tar, 'named-by-gnu')).toBe('one')
  })

  it('takes zeros after the end, and nothing else', async () => {
    const tar = makeTar([{ path: 'a', content: 'one' }], { endBlocks: 20 })
    expect(await locate(tar, 'a')).toBe('one')
    tar[tar.length - 1] = 1
    await expect(locate(tar, 'a')).rejects.toThrow(refused)
  })

  it('never gives other bytes where the archive is cut off', async () => {
    const tar = makeTar([
      { path: 'a', content: 'one' },
      { path: 'long', pax: { path: 'b' }, content: 'two' },
    ])
    for (let length = 0; length < tar.length; length += length % 512 === 511 ? 1 : 73) {
      const found = await locate(tar.subarray(0, length), 'a').catch((error: unknown) => error)
      if (!(found instanceof ImageError)) expect([undefined, 'one']).toContain(found)
    }
  })

  it('says that a compressed archive is compressed', async () => {
    await expect(locate(gzipSync(makeTar([{ path: 'a' }])), 'a')).rejects.toThrow(
      'decompress it first',
    )
  })

  it('tells a missing file from one that is none', async () => {
    await expect(TarLocator.load(join(folder, 'absent'))).rejects.toMatchObject({
      code: 'source-not-found',
    })
    await expect(TarLocator.load(folder)).rejects.toMatchObject({ code: 'source-unreadable' })
  })
})
