/** No layer is ever held in memory, nor the tree of all entries: a 1 GB image is read in less than 250 MB. */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'
import { SpaceStore } from '../../node/image/tree-space.ts'
import { packedTree } from '../../protocol/normalize/packed-tree.ts'
import { BLOCK_BYTES as TREE_BLOCK_BYTES } from '../../protocol/normalize/tree-bytes.ts'
import type { DirectoryNode } from '../../protocol/normalize/tree.ts'
import { writeCrowdedImage } from '../support/crowded-image.ts'
import { sha256 } from '../support/oci-image.ts'
import { makeTar, writeHeader } from '../support/tar-writer.ts'

const MIB = 1024 * 1024
const BLOCK_BYTES = 16 * MIB
const BLOCKS = 64
const FILES = 30_000

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-memory-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

/** A part of the tar that is compressed once and written as often as it is needed: as a member, or frame, each. */
interface Part {
  readonly bytes: Uint8Array
  readonly times: number
}

function largeLayer(): Part[] {
  const block = Buffer.alloc(BLOCK_BYTES)
  // A little noise in every page: it compresses like files do, not like a bomb.
  for (let at = 0; at < block.length; at += 4096) randomBytes(300).copy(block, at)
  const files = Array.from({ length: FILES }, (_, i) => ({
    path: `usr/share/${i % 300}/file-${i}`,
    content: `${i}`,
  }))
  return [
    { bytes: makeTar(files, { endBlocks: 0 }), times: 1 },
    { bytes: writeHeader({ path: 'large', size: BLOCK_BYTES * BLOCKS }), times: 1 },
    { bytes: block, times: BLOCKS },
    { bytes: new Uint8Array(1024), times: 1 },
  ]
}

async function writeLargeImage(layout: string, suffix: '+gzip' | '+zstd'): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const blobHash = createHash('sha256')
  const tarHash = createHash('sha256')
  let size = 0
  const path = join(blobs, 'layer')
  const file = await open(path, 'w')
  for (const { bytes, times } of largeLayer()) {
    const packed = suffix === '+gzip' ? gzipSync(bytes) : zstdCompressSync(bytes)
    for (let i = 0; i < times; i++) {
      tarHash.update(bytes)
      blobHash.update(packed)
      size += packed.length
      await file.write(packed)
    }
  }
  await file.close()
  const store = async (bytes: Buffer) => {
    await writeFile(join(blobs, sha256(bytes).slice(7)), bytes)
    return { digest: sha256(bytes), size: bytes.length }
  }
  const hex = blobHash.digest('hex')
  await rename(path, join(blobs, hex))
  const config = await store(
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: [`sha256:${tarHash.digest('hex')}`] },
      }),
    ),
  )
  const manifest = await store(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
        layers: [
          {
            mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`,
            digest: `sha256:${hex}`,
            size,
          },
        ],
      }),
    ),
  )
  const manifests = [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest }]
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

const MAX_RSS_BYTES = 250 * 1000 * 1000
const TREE_MEMORY_BYTES = 4 * MIB

async function measure(layout: string): Promise<Measure> {
  // The compiled program: what strips types takes memory in each thread that is not the program's.
  const script = join(import.meta.dirname, '../bench/measure.mjs')
  const argv = [script, `oci:${layout}`, 'builtin']
  const { stdout } = await promisify(execFile)(process.execPath, argv)
  return JSON.parse(stdout) as Measure
}

interface Measure {
  readonly maxRssBytes: number
  readonly bytes: number
  readonly entries: number
}

describe('memory', () => {
  it.each(['+gzip', '+zstd'] as const)('stays under 250 MB on a 1 GB image, %s', async (suffix) => {
    const layout = join(folder, suffix)
    await writeLargeImage(layout, suffix)
    const { maxRssBytes, bytes, entries } = await measure(layout)
    expect(bytes).toBeGreaterThan(1024 * MIB)
    expect(entries).toBe(FILES + 1)
    expect(maxRssBytes).toBeLessThan(MAX_RSS_BYTES)
    await rm(layout, { recursive: true })
  })

  it('has no more than four megabytes of the trees of an image, however many entries it has', async () => {
    const layout = join(folder, 'crowded')
    await writeCrowdedImage(layout, { layers: 3, entries: 40_000, directories: 40 })
    const { normalized } = await normalizeSource(
      { crypto: nodeCrypto },
      { reference: `oci:${layout}` },
    )
    let inMemory = 0
    let inFile = 0
    for (const { root } of [...normalized.layers, normalized]) {
      const { blocks } = packedTree(root as DirectoryNode)
      if (!(blocks instanceof SpaceStore)) throw new Error('a tree in no space')
      const { memory, file } = blocks.stored
      inMemory += memory.length * TREE_BLOCK_BYTES
      inFile += file.length * TREE_BLOCK_BYTES
    }
    expect(inMemory).toBeLessThanOrEqual(TREE_MEMORY_BYTES)
    expect(inFile).toBeGreaterThan(TREE_MEMORY_BYTES)
    const { maxRssBytes, entries } = await measure(layout)
    expect(entries).toBe(3 * 40_000)
    expect(maxRssBytes).toBeLessThan(MAX_RSS_BYTES)
  })
})
