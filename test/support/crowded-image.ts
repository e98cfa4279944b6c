/**
 * An image of very many small entries, as an OCI layout: layers that share their directories, so that
 * flattening has to merge them. Written in pieces, since it may be as large as the limits allow.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createGzip } from 'node:zlib'
import { sha256 } from './oci-image.ts'
import { writeHeader } from './tar-writer.ts'

export interface CrowdedImage {
  readonly layers: number
  /** Of one layer, without its directories. */
  readonly entries: number
  readonly directories: number
}

const BATCH = 4096
const NAME_DIGITS = 24

/** Headers that differ from a written one in their name alone. */
function* tarOf({ entries, directories }: CrowdedImage, layer: number): Generator<Buffer> {
  const named = (i: number): string => {
    // Of three files one is in every layer, and replaced by each.
    const hash = createHash('sha256').update(`${i % 3 === 0 ? 0 : layer} ${i}`)
    return `usr/share/${String(Math.floor((i / entries) * directories)).padStart(4, '0')}/${hash.digest('hex').slice(0, NAME_DIGITS)}`
  }
  const template = Buffer.from(writeHeader({ path: named(0) }))
  const base = template.reduce((sum, byte) => sum + byte, 0) - checksumBytes(template)
  const before = sumOf(template, 0, 100)
  for (let from = 0; from < entries; from += BATCH) {
    const count = Math.min(BATCH, entries - from)
    const batch = Buffer.alloc(count * 512)
    for (let i = 0; i < count; i++) {
      const at = i * 512
      template.copy(batch, at)
      batch.write(named(from + i), at, 'latin1')
      const sum = base - before + sumOf(batch, at, at + 100) + 8 * 0x20
      batch.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
    }
    yield batch
  }
  yield Buffer.alloc(1024)
}

const sumOf = (bytes: Buffer, from: number, to: number): number => {
  let sum = 0
  for (let i = from; i < to; i++) sum += bytes[i] as number
  return sum
}
const checksumBytes = (header: Buffer): number => sumOf(header, 148, 156)

async function writeLayer(blobs: string, image: CrowdedImage, layer: number) {
  const path = join(blobs, 'layer.tmp')
  const file = await open(path, 'w')
  const diffID = createHash('sha256')
  const digest = createHash('sha256')
  let size = 0
  const gzip = createGzip({ level: 1 })
  const written = (async () => {
    for await (const chunk of gzip as AsyncIterable<Buffer>) {
      digest.update(chunk)
      size += chunk.length
      await file.write(chunk)
    }
  })()
  for (const piece of tarOf(image, layer)) {
    diffID.update(piece)
    if (!gzip.write(piece)) await new Promise((resolve) => gzip.once('drain', resolve))
  }
  gzip.end()
  await written
  await file.close()
  const hex = digest.digest('hex')
  await rename(path, join(blobs, hex))
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const descriptor = { mediaType, digest: `sha256:${hex}`, size }
  return { descriptor, diffID: `sha256:${diffID.digest('hex')}` }
}

export async function writeCrowdedImage(layout: string, image: CrowdedImage): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const layers = []
  for (let layer = 0; layer < image.layers; layer++) {
    layers.push(await writeLayer(blobs, image, layer))
  }
  const store = async (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value))
    await writeFile(join(blobs, sha256(bytes).slice(7)), bytes)
    return { mediaType, digest: sha256(bytes), size: bytes.length }
  }
  const config = await store('application/vnd.oci.image.config.v1+json', {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
  })
  const manifest = await store('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
  })
  await writeFile(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [manifest] }),
  )
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}
