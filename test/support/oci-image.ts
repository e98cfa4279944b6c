/** Small images made of tar layers: as layout, archive, docker-archive, or pushed to a registry. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { RegistryClient } from '../../node/image/registry-client.ts'
import { parseRegistryReference } from '../../node/image/reference.ts'
import { makeTar, type TarMember } from './tar-writer.ts'

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

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
  readonly tars: readonly Uint8Array[]
  readonly blobs: ReadonlyMap<string, Uint8Array>
}

export type TestEncoding = 'plain' | 'gzip' | 'zstd'

export interface TestLayer {
  readonly tar: Uint8Array
  readonly encoding?: TestEncoding
  /** Stored in place of what the encoding would give. */
  readonly blob?: Uint8Array
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
const ENCODE = { plain: (tar: Uint8Array) => tar, gzip: gzipSync, zstd: zstdCompressSync } as const

export function makeImage({
  layers,
  platform = { os: 'linux', architecture: 'amd64' },
  config = {},
  annotations,
  tamper,
}: MakeImage): TestImage {
  const blobs = new Map<string, Uint8Array>()
  const store = (bytes: Uint8Array): { digest: string; size: number } => {
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
export function layoutFiles(tagged: Tagged): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const blob = (digest: string, bytes: Uint8Array) =>
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
  const members = [...layoutFiles(tagged)].map(([path, content]) => ({ path, content }))
  await writeFile(file, makeTar(members))
}

/** As `docker save` writes it; old ones put each layer under its id and link repeated ones. */
export async function writeDockerArchive(
  file: string,
  tagged: Readonly<Record<string, TestImage>>,
): Promise<void> {
  const members = new Map<string, TarMember>()
  const add = (member: TarMember & { readonly path: string }) => members.set(member.path, member)
  const images = Object.entries(tagged).map(([tag, image]) => {
    const config = `${sha256(image.config).slice(7)}.json`
    const layers = image.tars.map((tar, i) => {
      const stored = `${sha256(tar).slice(7)}.tar`
      const linked = `${image.digest.slice(11)}${String(i).padStart(4, '0')}/layer.tar`
      add({ path: stored, content: tar })
      add({ path: linked, type: 'symlink', linkname: `../${stored}` })
      return linked
    })
    add({ path: config, content: image.config })
    return { Config: config, RepoTags: [tag], Layers: layers }
  })
  add({ path: 'manifest.json', content: JSON.stringify(images) })
  await writeFile(file, makeTar([...members.values()]))
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

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield Promise.resolve(bytes)
}
