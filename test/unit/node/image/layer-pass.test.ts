import { randomBytes } from 'node:crypto'
import { constants, deflateRawSync, gzipSync, zstdCompressSync, crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { inPieces, type ExpectedLayer } from '../../../../node/image/blob-pass.ts'
import { readLayer, type ReadLayer } from '../../../../node/image/layer-pass.ts'
import { NormalizeError } from '../../../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../../../protocol/normalize/profile.ts'
import { sha256 } from '../../../support/oci-image.ts'
import { makeTar } from '../../../support/tar-writer.ts'

const MIB = 1024 * 1024
const TAR = makeTar([
  { path: 'a', content: 'hello' },
  { path: 'b', content: randomBytes(300) },
])
const HALVES = [TAR.subarray(0, 1000), TAR.subarray(1000)] as const
const GZIP = gzipSync(TAR)
const ZSTD = zstdCompressSync(TAR, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })

async function* arrive(blob: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.length; at += step) yield Promise.resolve(blob.subarray(at, at + step))
}

function read(
  blob: Uint8Array,
  expected: Partial<ExpectedLayer> = {},
  step = blob.length,
): Promise<ReadLayer> {
  return readLayer(
    { crypto: nodeCrypto },
    { size: blob.length, ...expected },
    arrive(blob, Math.max(1, step)),
    {
      profile: DEFAULT_PROFILE,
      layer: 3,
    },
  )
}

const codeFrom = (error: unknown): string =>
  error instanceof NormalizeError ? error.code : String(error)

/** The code that a blob has, however it arrives. */
async function codeOf(blob: Uint8Array, expected: Partial<ExpectedLayer> = {}): Promise<string> {
  const codes = new Set<string>()
  for (const step of [blob.length, 4096, 7].filter((bytes) => blob.length / bytes < 20_000)) {
    codes.add(await read(blob, expected, step).then(() => 'none', codeFrom))
  }
  return [...codes].join(' and ')
}

describe('encodings', () => {
  it.each([
    ['a plain tar', TAR],
    ['gzip', GZIP],
    ['gzip of several members', Buffer.concat(HALVES.map((half) => gzipSync(half)))],
    ['gzip with empty members', Buffer.concat([gzipSync(''), GZIP, gzipSync('')])],
    ['zstd', ZSTD],
    ['zstd of several frames', Buffer.concat(HALVES.map((half) => zstdCompressSync(half)))],
  ])('gives one layer, whole and in pieces: %s', async (_name, blob) => {
    const plain = await read(TAR)
    for (const step of [blob.length, 4096, 7]) {
      const layer = await read(blob, { digest: sha256(blob), diffID: sha256(TAR) }, step)
      expect(layer.diffID).toBe(sha256(TAR))
      expect(layer.digest).toBe(sha256(blob))
      expect(layer.normalized.digest).toBe(plain.normalized.digest)
      expect(layer.normalized.entries).toBe(2)
    }
  })

  it.each([
    ['application/vnd.oci.image.layer.v1.tar', TAR, 'none'],
    ['application/vnd.oci.image.layer.v1.tar+gzip', GZIP, 'none'],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', GZIP, 'none'],
    ['application/vnd.oci.image.layer.v1.tar+zstd', ZSTD, 'none'],
    ['application/vnd.oci.image.layer.v1.tar', GZIP, 'layer-encoding'],
    ['application/vnd.oci.image.layer.v1.tar+gzip', TAR, 'layer-encoding'],
    ['application/vnd.oci.image.layer.v1.tar+gzip', ZSTD, 'layer-encoding'],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', ZSTD, 'layer-encoding'],
  ])('must be what the media type says: %s', async (mediaType, blob, code) => {
    expect(await codeOf(blob, { mediaType })).toBe(code)
  })
})

describe('gzip of which not every byte is a member', () => {
  const zeros = new Uint8Array(512)
  it.each([
    ['zeros after it', [GZIP, zeros]],
    ['one zero after it', [GZIP, Uint8Array.of(0)]],
    ['zeros between two members', [gzipSync(HALVES[0]), zeros, gzipSync(HALVES[1])]],
    ['text after it', [GZIP, Buffer.from('garbage')]],
    ['a zstd frame after it', [GZIP, ZSTD]],
  ])('is refused: %s', async (_name, parts) => {
    expect(await codeOf(Buffer.concat(parts))).toBe('gzip-trailing-bytes')
  })

  /** A member of exactly `length` bytes, filled up with a file name in its header. */
  function memberOf(length: number, content: Uint8Array): Buffer {
    const body = deflateRawSync(content)
    const trailer = Buffer.alloc(8)
    trailer.writeUInt32LE(crc32(content), 0)
    trailer.writeUInt32LE(content.length, 4)
    const name = Buffer.alloc(length - 10 - 1 - body.length - 8, 'n')
    const header = Uint8Array.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255)
    return Buffer.concat([header, name, Uint8Array.of(0), body, trailer])
  }

  it('is refused also where a member ends just where a piece does', async () => {
    const member = memberOf(MIB, TAR)
    expect(member).toHaveLength(MIB)
    expect((await read(member)).diffID).toBe(sha256(TAR))
    expect(await codeOf(Buffer.concat([member, zeros]))).toBe('gzip-trailing-bytes')
    const second = Buffer.concat([memberOf(MIB, HALVES[0]), gzipSync(HALVES[1])])
    expect((await read(second)).diffID).toBe(sha256(TAR))
  })
})

describe('zstd that decoders read differently', () => {
  const frame = (...bytes: number[]) => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes])
  const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4])

  it.each([
    ['zstd-chunked', 'a skippable frame first', [skippable, ZSTD]],
    ['zstd-chunked', 'a skippable frame last', [ZSTD, skippable]],
    ['zstd-trailing-bytes', 'zeros after it', [ZSTD, new Uint8Array(4)]],
    ['zstd-trailing-bytes', 'a gzip member after it', [ZSTD, GZIP]],
    ['zstd-truncated', 'less than a magic after it', [ZSTD, Uint8Array.of(0x28, 0xb5)]],
    ['zstd-window', 'a window of 256 MiB', [frame(0x00, 18 << 3, 1, 0, 0)]],
    ['zstd-window', 'a window of 128 MiB and an eighth', [frame(0x00, (17 << 3) | 1, 1, 0, 0)]],
    ['zstd-window', 'a single segment of 1 GiB', [frame(0xa0, 0, 0, 0, 0x40, 1, 0, 0)]],
    ['zstd-dictionary', 'a dictionary', [frame(0x21, 7, 0, 1, 0, 0)]],
    ['zstd-corrupt', 'the reserved bit', [frame(0x28, 0, 1, 0, 0)]],
    ['zstd-corrupt', 'a reserved block type', [frame(0x20, 0, 7, 0, 0)]],
    ['none', 'an empty frame', [frame(0x20, 0, 1, 0, 0)]],
    ['none', 'a window of 128 MiB', [frame(0x00, 17 << 3, 1, 0, 0)]],
    [
      'limit-zstd-frames',
      'more frames than it could need',
      [Buffer.concat(Array<Buffer>(65_537).fill(frame(0x20, 0, 1, 0, 0)))],
    ],
  ])('has the code %s: %s', async (code, _name, parts) => {
    expect(await codeOf(Buffer.concat(parts))).toBe(code)
  })
})

describe('damage', () => {
  it.each([
    ['gzip', GZIP],
    ['zstd', ZSTD],
  ])('is found where %s is cut off, at every byte', async (name, blob) => {
    for (let length = 4; length < blob.length; length++) {
      expect(await read(blob.subarray(0, length)).catch(codeFrom)).toBe(`${name}-truncated`)
    }
  })

  it.each([
    ['gzip', GZIP],
    ['zstd', ZSTD],
  ])(
    'of %s never gives another tar: each flipped bit is an error or changes nothing',
    async (_name, blob) => {
      for (let at = 0; at < blob.length; at++) {
        const flipped = Buffer.from(blob)
        flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
        const result = await read(flipped).catch((error: unknown) => error)
        if (result instanceof NormalizeError) continue
        expect(result).toMatchObject({ diffID: sha256(TAR) })
      }
    },
  )
})

describe('limits', () => {
  it('end a bomb, gzip or zstd', async () => {
    const zeros = new Uint8Array(100 * MIB)
    expect(await read(gzipSync(zeros)).catch(codeFrom)).toBe('limit-ratio')
    expect(await read(zstdCompressSync(zeros)).catch(codeFrom)).toBe('limit-ratio')
  })

  it('leave room for what is small however well it is compressed', async () => {
    const layer = await read(gzipSync(new Uint8Array(60 * MIB)))
    expect(layer.normalized.entries).toBe(0)
  })

  it('refuse a blob of more than 4 GiB before a byte of it is read', async () => {
    const never = (async function* () {
      yield Promise.reject<Uint8Array>(new Error('it was read'))
    })()
    const expected = { size: 4 * 1024 ** 3 + 1 }
    const reading = readLayer({ crypto: nodeCrypto }, expected, never, { profile: DEFAULT_PROFILE })
    await expect(reading).rejects.toMatchObject({ code: 'limit-blob' })
  })
})

describe('which of several faults is told', () => {
  const other = sha256(Buffer.from('another'))
  const badTar = makeTar([{ path: 'a' }, { path: 'a' }])
  const broken = gzipSync(badTar)
  broken.fill(0, broken.length - 8)
  const good = { digest: sha256(broken), size: broken.length, diffID: other }

  it.each([
    ['blob-digest-mismatch', broken, { ...good, digest: other, size: 1 }],
    ['blob-size-mismatch', broken, { ...good, size: 1 }],
    ['blob-size-mismatch', broken, { ...good, size: 10_000 }],
    ['gzip-corrupt', broken, good],
    ['diffid-mismatch', gzipSync(badTar), { diffID: other }],
    ['duplicate', gzipSync(badTar), { diffID: sha256(badTar) }],
  ])('%s', async (code, blob, expected) => {
    expect(await codeOf(blob, expected)).toBe(code)
  })

  it('is said with the layer', async () => {
    await expect(read(broken)).rejects.toMatchObject({ layer: 3 })
    await expect(read(gzipSync(badTar))).rejects.toMatchObject({ layer: 3, entry: 1, path: 'a' })
  })
})

describe('reading', () => {
  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const blob = randomBytes(3 * MIB)
    const reading = readLayer({ crypto: nodeCrypto }, { size: blob.length }, arrive(blob, MIB), {
      profile: DEFAULT_PROFILE,
      signal: controller.signal,
      onBytes: () => controller.abort(reason),
    })
    await expect(reading).rejects.toBe(reason)
  })

  it('passes on what the source throws', async () => {
    const failing = (async function* () {
      yield await Promise.resolve(GZIP.subarray(0, 10))
      throw new Error('the disk is gone')
    })()
    const reading = readLayer({ crypto: nodeCrypto }, { size: GZIP.length }, failing, {
      profile: DEFAULT_PROFILE,
    })
    await expect(reading).rejects.toThrow('the disk is gone')
  })

  it('cuts what arrives into pieces of one size', async () => {
    const bytes = randomBytes(1000)
    for (const step of [1, 99, 100, 101, 350, 1000]) {
      const pieces: Buffer[] = []
      for await (const piece of inPieces(arrive(bytes, step), 100)) pieces.push(Buffer.from(piece))
      expect(pieces.map(({ length }) => length)).toEqual(Array<number>(10).fill(100))
      expect(Buffer.concat(pieces)).toEqual(bytes)
    }
  })
})
