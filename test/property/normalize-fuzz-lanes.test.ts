/**
 * Spoiled layers too large to be read in the caller's thread: whichever way they are read, in a
 * thread of their own or inflated by a program outside, they have the digest, or the code, that
 * one plain pass over them gives.
 */
import { describe, expect, it } from 'vitest'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { ImageLayers } from '../../node/image/image-layers.ts'
import { chooseInflater } from '../../node/image/inflater.ts'
import { concat } from '../../protocol/bytes.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { tryBlob } from '../support/blob-vectors.ts'
import { mutateBytes } from '../support/byte-mutations.ts'
import { fuzz, FUZZ_EXECUTIONS, FUZZ_TIMEOUT_MS, type FuzzTarget } from '../support/fuzz.ts'
import { sha256 } from '../support/oci-image.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { makeTar } from '../support/tar-writer.ts'

const random = new SeededRandom(1)
const noise = (length: number) => Uint8Array.from({ length }, () => random.integer(256))
const TAR = makeTar([
  { path: 'a', content: noise(70_000) },
  { path: 'b', content: noise(70_000) },
])
/** Only what it pins is inflated by a program. */
const DIFF_ID = sha256(TAR)
const [FIRST, SECOND] = [TAR.subarray(0, 70_000), TAR.subarray(70_000)]
const EMPTY = gzipSync('')
/** Each blob in its members or frames. */
const BLOBS: readonly (readonly Uint8Array[])[] = [
  [gzipSync(TAR)],
  [gzipSync(FIRST), gzipSync(SECOND)],
  [EMPTY, gzipSync(TAR), EMPTY],
  [zstdCompressSync(TAR)],
  [zstdCompressSync(FIRST), zstdCompressSync(SECOND)],
]
const WINDOW_BYTES = 40

/** What matters to the framing stands at the ends, and where two members or frames meet. */
function makeBlob(random: SeededRandom): Uint8Array {
  const parts = random.pick(BLOBS)
  const blob = concat(...parts)
  const seam = concat(...parts.slice(0, random.integer(parts.length + 1))).length
  const from = Math.max(0, seam - random.integer(WINDOW_BYTES))
  const to = Math.min(blob.length, from + WINDOW_BYTES)
  const spoiled = mutateBytes(blob.slice(from, to), random)
  return concat(blob.subarray(0, from), spoiled, blob.subarray(to))
}

async function readByLanes(blob: Uint8Array, inflater: string | undefined): Promise<unknown> {
  const layers = new ImageLayers({ crypto: nodeCrypto }, { profile: DEFAULT_PROFILE, inflater })
  async function* open(): AsyncGenerator<Uint8Array> {
    yield Promise.resolve(blob)
  }
  try {
    const set = { layers: [{ size: blob.length, diffID: DIFF_ID }], numbered: false, open }
    const [layer] = await layers.read(set)
    return { digest: layer?.normalized.digest }
  } catch (error) {
    if (error instanceof NormalizeError) return { code: error.code }
    throw error
  }
}

const target = (inflater: string | undefined): FuzzTarget<Uint8Array> => ({
  name: inflater === undefined ? 'in a thread' : 'by igzip',
  executions: FUZZ_EXECUTIONS / 20,
  make: makeBlob,
  execute: async (blob) => {
    expect(await readByLanes(blob, inflater)).toEqual(await tryBlob(blob, { diffID: DIFF_ID }))
  },
})

const igzip = await chooseInflater('auto', { PATH: process.env.PATH ?? '' })

describe('a spoiled layer is read alike', () => {
  it('in a thread', { timeout: FUZZ_TIMEOUT_MS }, () => fuzz(target(undefined)))

  // Where Debian's isal is not installed there is nothing to compare with.
  it.skipIf(igzip === undefined)('by igzip', { timeout: FUZZ_TIMEOUT_MS }, () =>
    fuzz(target(igzip)),
  )
})
