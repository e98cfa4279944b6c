import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { ImageLayers, type LayerSet } from '../../../../node/image/image-layers.ts'
import { readLayer } from '../../../../node/image/layer-pass.ts'
import type { ExpectedLayer } from '../../../../node/image/blob-pass.ts'
import { DEFAULT_PROFILE } from '../../../../protocol/normalize/profile.ts'
import { sha256 } from '../../../support/oci-image.ts'
import { makeTar, seal } from '../../../support/tar-writer.ts'

const KIB = 1024
const components = { crypto: nodeCrypto }

/** A layer whose blob has about `kib`, most of it a file of noise. */
const goodTar = (name: string, kib: number) =>
  makeTar([{ path: `${name}/noise`, content: randomBytes(kib * KIB) }])

const badTar = (kib: number) =>
  makeTar([{ path: 'noise', content: randomBytes(kib * KIB) }, { path: 'a' }, { path: 'a' }])

interface TestLayer {
  readonly blob: Buffer
  readonly expected: ExpectedLayer
}

function layerOf(tar: Uint8Array, blob: Buffer = gzipSync(tar)): TestLayer {
  return { blob, expected: { size: blob.length, digest: sha256(blob), diffID: sha256(tar) } }
}

function setOf(layers: readonly TestLayer[], opened: number[] = []): LayerSet {
  return {
    layers: layers.map(({ expected }) => expected),
    numbered: true,
    async *open(index) {
      opened.push(index)
      const { blob } = layers[index] as TestLayer
      for (let at = 0; at < blob.length; at += 10_000)
        yield Promise.resolve(blob.subarray(at, at + 10_000))
    },
  }
}

const read = (set: LayerSet, signal?: AbortSignal) =>
  new ImageLayers(components, { profile: DEFAULT_PROFILE, signal }).read(set)

describe('the layers of an image', () => {
  it('are what reading each by itself finds, small and large, in their order', async () => {
    const layers = [10, 3000, 200, 0, 900].map((kib, i) => layerOf(goodTar(`d${i}`, kib)))
    const found = await read(setOf(layers))
    for (const [i, { blob, expected }] of layers.entries()) {
      const alone = await readLayer(components, expected, setOf(layers).open(i, undefined), {
        profile: DEFAULT_PROFILE,
      })
      expect(found[i]).toMatchObject({ digest: sha256(blob), diffID: expected.diffID })
      expect(found[i]?.normalized.digest).toBe(alone.normalized.digest)
      expect(found[i]?.normalized.root.hash).toBe(alone.normalized.root.hash)
    }
  })

  it('are opened largest first', async () => {
    const opened: number[] = []
    await read(
      setOf(
        [100, 900, 400].map((kib) => layerOf(goodTar('d', kib))),
        opened,
      ),
    )
    expect(opened).toEqual([1, 2, 0])
  })

  it('small in store and large unpacked are read in a thread after all', async () => {
    const tar = makeTar([{ path: 'zeros', content: Buffer.alloc(20_000 * KIB) }])
    const opened: number[] = []
    const [layer] = await read(setOf([layerOf(tar)], opened))
    expect(layer?.diffID).toBe(sha256(tar))
    expect(opened).toEqual([0, 0])
  })
})

describe('of several bad layers', () => {
  const damaged = (tar: Uint8Array) => {
    const blob = gzipSync(tar)
    blob.writeUInt32LE(0, blob.length - 8)
    return layerOf(tar, blob)
  }

  it.each([
    ['the largest', [100, 100, 3000]],
    ['the smallest', [3000, 1000, 10]],
  ])('the lowest is told, where the last is %s', async (_name, [first, second, third]) => {
    const layers = [
      layerOf(goodTar('d', first as number)),
      layerOf(badTar(second as number)),
      damaged(goodTar('e', third as number)),
    ]
    for (let i = 0; i < 3; i++) {
      await expect(read(setOf(layers))).rejects.toMatchObject({
        code: 'duplicate',
        layer: 1,
        path: 'a',
        message: expect.stringMatching(/^a path twice \("a", layer 1, entry 2, byte \d+\)$/),
      })
    }
  })

  it('the same is told where they claim more than an image may have', async () => {
    // Each header claims 30 GiB: together more than the budget, whoever is read first.
    const claim = (name: string) => {
      const tar = makeTar([{ path: name, content: randomBytes(200 * KIB) }])
      const header = tar.subarray(0, 512)
      header.fill(0, 124, 136)
      header[124] = 0x80
      new DataView(tar.buffer, tar.byteOffset).setBigUint64(128, 30n * 1024n ** 3n)
      seal(header)
      return layerOf(tar)
    }
    const layers = [layerOf(goodTar('d', 100)), ...['a', 'b', 'c'].map(claim)]
    await expect(read(setOf(layers))).rejects.toMatchObject({ code: 'truncated', layer: 1 })
  })
})

describe('reading', () => {
  it('stops at any moment, and leaves the threads fit for the next image', async () => {
    const layers = [layerOf(goodTar('d', 2000)), layerOf(goodTar('e', 2000))]
    for (const after of [1, 50, 103, 110, 150, 208, 250, 300]) {
      const controller = new AbortController()
      let chunks = 0
      const set = setOf(layers)
      const stopping: LayerSet = {
        ...set,
        async *open(index, signal) {
          for await (const chunk of set.open(index, signal)) {
            if (++chunks === after) setImmediate(() => controller.abort(new Error('enough')))
            yield chunk
          }
        },
      }
      await expect(read(stopping, controller.signal)).rejects.toThrow('enough')
    }
    expect(await read(setOf(layers))).toHaveLength(2)
  })

  it('stops when it is told to, and for the reason that it is told', async () => {
    const layers = [layerOf(goodTar('d', 4000)), layerOf(goodTar('e', 4000))]
    const controller = new AbortController()
    const reason = new Error('enough')
    const set = setOf(layers)
    const stopping: LayerSet = {
      ...set,
      async *open(index, signal) {
        for await (const chunk of set.open(index, signal)) {
          controller.abort(reason)
          yield chunk
        }
      },
    }
    await expect(read(stopping, controller.signal)).rejects.toBe(reason)
    expect(await read(set)).toHaveLength(2)
  })

  it('passes on what a source throws, of the lowest layer, and goes on with the next image', async () => {
    const layers = [layerOf(goodTar('d', 400)), layerOf(goodTar('e', 4000))]
    const set = setOf(layers)
    const failing: LayerSet = {
      ...set,
      async *open(index) {
        yield await Promise.resolve(Buffer.alloc(10))
        throw new Error(`the disk of ${index} is gone`)
      },
    }
    await expect(read(failing)).rejects.toThrow('the disk of 0 is gone')
    expect(await read(set)).toHaveLength(2)
  })
})
