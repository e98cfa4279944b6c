/**
 * Stored layers whose framing, gzip or zstd, is spoiled, and archives whose outer tar or JSON is: a
 * value, a NormalizeError or an ImageError, in bounded time and memory, however the bytes arrive.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { ImageError } from '../../node/image/image-error.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { loadBlobVectors, tryBlob, vectorBlob } from '../support/blob-vectors.ts'
import { mutateBytes, mutateTar } from '../support/byte-mutations.ts'
import { fuzz, FUZZ_EXECUTIONS, FUZZ_TIMEOUT_MS, type FuzzTarget } from '../support/fuzz.ts'
import { layoutFiles, makeImage, sha256 } from '../support/oci-image.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { makeTar, type TarMember } from '../support/tar-writer.ts'

/** Larger ones unpack to what the profile allows, 64 MiB: that takes more than a case may. */
const MAX_BLOB_BYTES = 1024

const BLOBS = loadBlobVectors()
  .map(vectorBlob)
  .filter((blob) => blob.length > 0 && blob.length <= MAX_BLOB_BYTES)

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const IMAGE = makeImage({ layers: [{ tar: makeTar([{ path: 'a', content: 'hello' }]) }] })
const LAYOUT: readonly TarMember[] = [...layoutFiles({ v1: IMAGE })].map(([path, content]) => ({
  path,
  content,
}))
const CONFIG_NAME = `${sha256(IMAGE.config).slice(7)}.json`
const SAVED: readonly TarMember[] = [
  {
    path: 'manifest.json',
    content: JSON.stringify([{ Config: CONFIG_NAME, RepoTags: ['a:v1'], Layers: ['l/layer.tar'] }]),
  },
  { path: CONFIG_NAME, content: IMAGE.config },
  { path: 'real.tar', content: IMAGE.tars[0] ?? new Uint8Array() },
  { path: 'l/layer.tar', type: 'symlink', linkname: '../real.tar' },
]

/** One file in the archive is spoiled, or the archive around them. */
function makeArchive(members: readonly TarMember[], random: SeededRandom): Uint8Array {
  const tar = makeTar(members)
  if (random.chance(0.5)) return mutateTar(tar, [tar], random)
  const at = random.integer(members.length)
  const spoiled = members.map((member, i) => {
    const { content = '' } = member
    const bytes = typeof content === 'string' ? utf8(content) : content
    return i === at && bytes.length > 0
      ? { ...member, content: mutateBytes(bytes, random) }
      : member
  })
  return makeTar(spoiled)
}

async function readArchive(transport: string, bytes: Uint8Array): Promise<void> {
  const file = join(folder, 'archive.tar')
  writeFileSync(file, bytes)
  try {
    await normalizeSource({ crypto: nodeCrypto, env: {} }, { reference: `${transport}:${file}` })
  } catch (error) {
    if (!(error instanceof NormalizeError || error instanceof ImageError)) throw error
  }
}

/** Every blob is read whole, and one in three in pieces as well. */
async function expectOneOutcome(blob: Uint8Array, random: SeededRandom): Promise<void> {
  const whole = await tryBlob(blob)
  if (!random.chance(0.3)) return
  expect(await tryBlob(blob, {}, 1 + random.integer(100))).toEqual(whole)
}

const TARGETS: readonly FuzzTarget<Uint8Array>[] = [
  {
    name: 'gzip and zstd',
    make: (random) => mutateBytes(random.pick(BLOBS), random),
    execute: expectOneOutcome,
  },
  {
    name: 'two blobs in one',
    executions: FUZZ_EXECUTIONS / 4,
    make: (random) => {
      const [first, second] = [random.pick(BLOBS), random.pick(BLOBS)]
      const end = random.chance(0.5) ? first.length : random.integer(first.length)
      return Buffer.concat([first.subarray(0, end), second.subarray(random.integer(4) * 2)])
    },
    execute: expectOneOutcome,
  },
  {
    name: 'OCI archive',
    executions: FUZZ_EXECUTIONS / 8,
    make: (random) => makeArchive(LAYOUT, random),
    execute: (bytes) => readArchive('oci-archive', bytes),
  },
  {
    name: 'docker archive',
    executions: FUZZ_EXECUTIONS / 8,
    make: (random) => makeArchive(SAVED, random),
    execute: (bytes) => readArchive('docker-archive', bytes),
  },
]

describe('spoiled images give a value or an error of a family, in bounded time and memory', () => {
  it('and unspoiled ones a value', async () => {
    for (const [transport, members] of [
      ['oci-archive', LAYOUT],
      ['docker-archive', SAVED],
    ] as const) {
      const file = join(folder, `${transport}.tar`)
      writeFileSync(file, makeTar(members))
      const reference = `${transport}:${file}`
      const source = await normalizeSource({ crypto: nodeCrypto, env: {} }, { reference })
      expect(source.layers).toHaveLength(1)
    }
  })

  it.each(TARGETS)('$name', { timeout: FUZZ_TIMEOUT_MS }, fuzz)
})
