import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { ImageLayers } from '../../../../node/image/image-layers.ts'
import { chooseLayerCacheFolder, LayerCache } from '../../../../node/image/layer-cache.ts'
import type { ExpectedLayer } from '../../../../node/image/blob-pass.ts'
import type { ReadLayer } from '../../../../node/image/layer-pass.ts'
import { TreeSpace } from '../../../../node/image/tree-space.ts'
import { parseProfile } from '../../../../protocol/normalize/profile.ts'
import { sha256 } from '../../../support/oci-image.ts'
import { makeTar } from '../../../support/tar-writer.ts'

const TAR = makeTar([
  { path: 'noise', content: randomBytes(200_000) },
  { path: 'd/link', type: 'symlink', linkname: '../noise', mode: 0o777 },
])
const BLOB = gzipSync(TAR)
const EXPECTED: ExpectedLayer = {
  size: BLOB.length,
  digest: sha256(BLOB),
  diffID: sha256(TAR),
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
}

let folder: string
let opened = 0

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-cache-'))
  opened = 0
})

afterEach(() => rm(folder, { recursive: true }))

interface ReadOptions {
  readonly profile?: string
  readonly blob?: Buffer
  readonly maxBytes?: number
}

async function read(
  expected: Partial<ExpectedLayer> = {},
  { profile = 'rebuildnet/1', blob = BLOB, maxBytes }: ReadOptions = {},
): Promise<ReadLayer> {
  const cache = new LayerCache({ folder, ...(maxBytes === undefined ? {} : { maxBytes }) })
  const layers = new ImageLayers({ crypto: nodeCrypto, cache }, { profile: parseProfile(profile) })
  const [layer] = await layers.read({
    layers: [{ ...EXPECTED, ...expected }],
    numbered: true,
    async *open() {
      opened++
      yield await Promise.resolve(blob)
    },
  })
  if (layer === undefined) throw new Error('no layer')
  return layer
}

const records = async () => (await readdir(folder)).map((name) => join(folder, name))

describe('a layer that was read before', () => {
  it('is not read again, and is the same', async () => {
    const first = await read()
    const second = await read()
    expect(opened).toBe(1)
    expect(second).toMatchObject({ digest: first.digest, diffID: first.diffID, encoding: 'gzip' })
    expect(second.normalized.digest).toBe(first.normalized.digest)
    expect([...second.normalized.root.children]).toEqual([...first.normalized.root.children])
  })

  it.each([
    ['another profile', {}, { profile: 'rebuildnet/1;drop=noise' }],
    ['a docker-archive, which names no digest of the blob', { digest: undefined }, {}],
  ])('is read where it is of %s', async (_name, expected, options) => {
    await read()
    await read(expected, options)
    expect(opened).toBe(2)
  })

  it.each([
    ['diffID', { diffID: sha256(BLOB) }, 'diffid-mismatch'],
    ['size', { size: BLOB.length + 1 }, 'blob-size-mismatch'],
    ['digest', { digest: sha256(TAR) }, 'blob-digest-mismatch'],
    ['media type', { mediaType: 'application/vnd.oci.image.layer.v1.tar' }, 'layer-encoding'],
  ])(
    'has the error that it has without a cache where its %s is another',
    async (_name, expected, code) => {
      await read()
      await expect(read(expected)).rejects.toMatchObject({ code, layer: 0 })
      expect(opened).toBe(2)
    },
  )

  it('leaves no record where it was refused', async () => {
    await expect(read({ diffID: sha256(BLOB) })).rejects.toMatchObject({ code: 'diffid-mismatch' })
    expect(await records()).toEqual([])
  })
})

describe('a record', () => {
  it('that is damaged anywhere, or cut, is as none', async () => {
    await read()
    const [path = ''] = await records()
    const whole = await readFile(path)
    for (const at of [0, 5, 100, whole.length >> 1, whole.length - 1]) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] as number) ^ 1
      await writeFile(path, damaged)
      opened = 0
      await read()
      expect(opened).toBe(1)
    }
    for (const length of [0, 3, 40, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length))
      opened = 0
      await read()
      expect(opened).toBe(1)
    }
  })

  it('of another layer, under the name of this one, is as none', async () => {
    await read()
    const [path = ''] = await records()
    await rm(path)
    await read({}, { profile: 'rebuildnet/1;drop=noise' })
    const [other = ''] = await records()
    await writeFile(path, await readFile(other))
    opened = 0
    await read()
    expect(opened).toBe(1)
  })

  it('is not used, nor written, where others may write to the folder', async () => {
    await read()
    await chmod(folder, 0o777)
    await read()
    await read({}, { profile: 'rebuildnet/1;drop=noise' })
    expect(opened).toBe(3)
    expect(await records()).toHaveLength(1)
  })

  it('makes room for newer ones, the longest unused first', async () => {
    await read()
    const [oldest = ''] = await records()
    const { size } = await stat(oldest)
    await utimes(oldest, new Date(0), new Date(0))
    const maxBytes = Math.floor(size * 2.5)
    await read({}, { profile: 'rebuildnet/1;drop=noise', maxBytes })
    await read({}, { profile: 'rebuildnet/1;drop=other', maxBytes })
    expect(await records()).toHaveLength(2)
    expect(await records()).not.toContain(oldest)
  })

  it('that cannot be written is no error', async () => {
    await writeFile(join(folder, 'file'), '')
    const cache = new LayerCache({ folder: join(folder, 'file', 'below') })
    expect(await cache.load('rebuildnet/1', EXPECTED, new TreeSpace())).toBeUndefined()
  })
})

describe('the folder', () => {
  it.each([
    [{ REBUILDNET_CACHE: '/c', XDG_CACHE_HOME: '/x', HOME: '/h' }, '/c/layers'],
    [{ XDG_CACHE_HOME: '/x', HOME: '/h' }, '/x/rebuildnet/layers'],
    [{ XDG_CACHE_HOME: 'relative', HOME: '/h' }, '/h/.cache/rebuildnet/layers'],
    [{}, undefined],
  ])('for %j is %s', (environment, path) => {
    expect(chooseLayerCacheFolder(environment)).toBe(path)
  })
})
