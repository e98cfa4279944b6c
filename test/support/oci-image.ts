/** Small images made of tar layers: as layout, archive, docker-archive, or pushed to a registry. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { pack, type Header } from 'tar-stream'
import type { RegistryClient } from '../../node/image/registry-client.ts'
import { parseRegistryReference } from '../../node/image/reference.ts'

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

export type TarEntry = Partial<Header> & {
  readonly name: string
  readonly content?: string | Uint8Array
}

/** A tar of these entries, root's and of 1970 where they do not say otherwise. */
export async function packTar(entries: readonly TarEntry[]): Promise<Buffer> {
  const packer = pack()
  for (const { content, ...header } of entries) {
    const full = { mtime: new Date(0), uid: 0, gid: 0, ...header }
    if (content === undefined) packer.entry(full)
    else packer.entry(full, Buffer.from(content as string))
  }
  packer.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of packer as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export interface TestDocument {
  readonly bytes: Buffer
  readonly digest: string
  readonly mediaType: string
}

export interface TestImage extends TestDocument {
  readonly platform: {
    readonly os: string
    readonly architecture: string
    readonly variant?: string
  }
  readonly config: Buffer
  /** The uncompressed layers. */
  readonly tars: readonly Buffer[]
  readonly blobs: ReadonlyMap<string, Buffer>
}

export type TestEncoding = 'plain' | 'gzip' | 'zstd'

export interface TestLayer {
  readonly tar: Buffer
  readonly encoding?: TestEncoding
  /** Stored in place of what the encoding would give. */
  readonly blob?: Buffer
  readonly mediaType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface MakeImage {
  readonly layers: readonly TestLayer[]
  readonly platform?: TestImage['platform']
  /** Members of the config beside platform and rootfs. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Changes the manifest before it is written. */
  readonly tamper?: (manifest: Record<string, unknown>) => Record<string, unknown>
}

const SUFFIX = { plain: '', gzip: '+gzip', zstd: '+zstd' } as const
const ENCODE = { plain: (tar: Buffer) => tar, gzip: gzipSync, zstd: zstdCompressSync } as const

export function makeImage({
  layers,
  platform = { os: 'linux', architecture: 'amd64' },
  config = {},
  annotations,
  tamper,
}: MakeImage): TestImage {
  const blobs = new Map<string, Buffer>()
  const store = (bytes: Buffer): { digest: string; size: number } => {
    const digest = sha256(bytes)
    blobs.set(digest, bytes)
    return { digest, size: bytes.length }
  }
  const descriptors = layers.map(
    ({ tar, encoding = 'gzip', blob, mediaType, annotations: own }) => ({
      mediaType: mediaType ?? `application/vnd.oci.image.layer.v1.tar${SUFFIX[encoding]}`,
      ...store(blob ?? ENCODE[encoding](tar)),
      ...(own === undefined ? {} : { annotations: own }),
    }),
  )
  const configBytes = Buffer.from(
    JSON.stringify({
      ...platform,
      created: '2024-01-01T00:00:00Z',
      ...config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => sha256(tar)) },
    }),
  )
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...store(configBytes) },
    layers: descriptors,
    ...(annotations === undefined ? {} : { annotations }),
  }
  const bytes = Buffer.from(JSON.stringify(tamper?.(manifest) ?? manifest))
  return {
    bytes,
    digest: sha256(bytes),
    mediaType: OCI_MANIFEST,
    platform,
    config: configBytes,
    tars: layers.map(({ tar }) => tar),
    blobs,
  }
}

export interface TestIndex extends TestDocument {
  readonly images: readonly TestImage[]
}

export interface IndexMember {
  readonly image: TestImage
  /** What the index says of it; default: the truth. Null: nothing. */
  readonly platform?: TestImage['platform'] | null
}

export function makeIndex(members: readonly IndexMember[]): TestIndex {
  const manifests = members.map(({ image, platform = image.platform }) => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.bytes.length,
    ...(platform === null ? {} : { platform }),
  }))
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  return {
    bytes,
    digest: sha256(bytes),
    mediaType: OCI_INDEX,
    images: members.map(({ image }) => image),
  }
}

/** What buildx adds to an index for each image: a manifest of no platform. */
export function makeAttestation(): TestImage {
  const platform = { os: 'unknown', architecture: 'unknown' }
  return makeImage({ layers: [], platform })
}

export type Tagged = Readonly<Record<string, TestImage | TestIndex>>

/** The files of an OCI layout that holds these images under their tags. */
export function layoutFiles(tagged: Tagged): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  const blob = (digest: string, bytes: Buffer) =>
    files.set(`blobs/sha256/${digest.slice(7)}`, bytes)
  for (const document of Object.values(tagged)) {
    blob(document.digest, document.bytes)
    for (const image of 'images' in document ? document.images : [document]) {
      blob(image.digest, image.bytes)
      for (const [digest, bytes] of image.blobs) blob(digest, bytes)
    }
  }
  const manifests = Object.entries(tagged).map(([tag, { mediaType, digest, bytes }]) => ({
    mediaType,
    digest,
    size: bytes.length,
    annotations: { 'org.opencontainers.image.ref.name': tag },
  }))
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
  files.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })))
  return files
}

export async function writeLayout(folder: string, tagged: Tagged): Promise<void> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true })
  for (const [path, bytes] of layoutFiles(tagged)) await writeFile(join(folder, path), bytes)
}

export async function writeOciArchive(file: string, tagged: Tagged): Promise<void> {
  const entries = [...layoutFiles(tagged)].map(([name, content]) => ({ name, content }))
  await writeFile(file, await packTar(entries))
}

/** As `docker save` writes it; old ones put each layer under its id and link repeated ones. */
export async function writeDockerArchive(
  file: string,
  tagged: Readonly<Record<string, TestImage>>,
): Promise<void> {
  const entries: TarEntry[] = []
  const images = Object.entries(tagged).map(([tag, image]) => {
    const config = `${sha256(image.config).slice(7)}.json`
    const layers = image.tars.map((tar, i) => {
      const stored = `${sha256(tar).slice(7)}.tar`
      const linked = `${String(i).padStart(64, '0')}/layer.tar`
      entries.push({ name: stored, content: tar })
      entries.push({ name: linked, type: 'symlink', linkname: `../${stored}` })
      return linked
    })
    entries.push({ name: config, content: image.config })
    return { Config: config, RepoTags: [tag], Layers: layers }
  })
  entries.push({ name: 'manifest.json', content: JSON.stringify(images) })
  const distinct = new Map(entries.map((entry) => [entry.name, entry]))
  await writeFile(file, await packTar([...distinct.values()]))
}

/** Pushes to `host/path:tag`. */
export async function pushImage(
  client: RegistryClient,
  name: string,
  document: TestImage | TestIndex,
): Promise<void> {
  const reference = parseRegistryReference(name)
  const { registry, repository } = reference
  for (const image of 'images' in document ? document.images : [document]) {
    for (const [digest, bytes] of image.blobs) {
      await client.putBlob(reference, { digest, size: bytes.length }, () => once(bytes))
    }
    await client.putManifest({ registry, repository }, image)
  }
  await client.putManifest(reference, document)
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield Promise.resolve(bytes)
}
