/**
 * The OCI image layout, as a folder or inside a tar archive.
 *
 * `index.json` lists the images; the tag of one is its annotation `org.opencontainers.image.ref.name`.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto } from '../../protocol/crypto.ts'
import { isDigest, type Platform } from '../../protocol/identifiers.ts'
import { isJsonObject, JsonError, parseJson, type JsonValue } from '../../protocol/json.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import { parseIndex, type Descriptor } from '../../protocol/normalize/manifest.ts'
import {
  readDocument,
  resolveImage,
  type ContentStore,
  type RootManifest,
} from './content-store.ts'
import { readRange } from './file-range.ts'
import { ImageError } from './image-error.ts'
import type { ImageSource, ResolvedImage } from './image-source.ts'
import { openFile, TarLocator, type LocatedFile } from './tar-locator.ts'

/** The files of a layout, wherever they are. */
export interface LayoutFiles {
  readonly name: string
  /** Undefined where there is no such file. */
  find(path: string): Promise<LocatedFile | undefined>
  close(): Promise<void>
}

const TAG = 'org.opencontainers.image.ref.name'
const MAX_JSON_BYTES = DEFAULT_NORMALIZE_LIMITS.maxManifestBytes

/** A layout that is a folder on disk. */
export function openLayoutFolder(folder: string): LayoutFiles {
  return {
    name: folder,
    find: async (path) => {
      const file = join(folder, path)
      let handle
      try {
        handle = await openFile(file)
      } catch (error) {
        if (error instanceof ImageError && error.code === 'source-not-found') return undefined
        if (!(await isFile(folder))) throw error
        throw new ImageError(
          'source-unreadable',
          `${folder} is a file, not a folder: write oci-archive:${folder} to read an archive`,
          { cause: error },
        )
      }
      const { size } = await handle.stat()
      await handle.close()
      return { size, read: (signal) => readWhole(file, size, signal) }
    },
    close: async () => undefined,
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )
}

async function* readWhole(
  file: string,
  size: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const handle = await openFile(file)
  try {
    yield* readRange(handle, 0, size, file, signal)
  } finally {
    await handle.close()
  }
}

/** A layout inside a tar archive, which stays open until it is closed. */
export async function openLayoutArchive(file: string): Promise<LayoutFiles> {
  const locator = await TarLocator.load(file)
  return {
    name: file,
    find: async (path) => locator.find(path),
    close: () => locator.close(),
  }
}

export class LayoutSource implements ImageSource, ContentStore {
  readonly name: string
  readonly #components: { readonly crypto: Crypto }
  readonly #files: LayoutFiles
  readonly #tag: string | undefined

  constructor(components: { readonly crypto: Crypto }, files: LayoutFiles, tag?: string) {
    this.#components = components
    this.#files = files
    this.#tag = tag
    this.name = tag === undefined ? files.name : `${files.name}:${tag}`
  }

  async close(): Promise<void> {
    await this.#files.close()
  }

  async resolve(platform?: Platform, signal?: AbortSignal): Promise<ResolvedImage> {
    return resolveImage(this.#components, this, platform, signal)
  }

  async fetchRoot(signal?: AbortSignal): Promise<RootManifest> {
    this.#checkMarker(await this.#readJson('oci-layout', signal))
    const { manifests } = parseIndex(await this.#readJson('index.json', signal))
    const descriptor = this.#choose(manifests)
    const bytes = await readDocument(
      this.#components,
      this.openBlob(descriptor, signal),
      descriptor,
      'limit-manifest',
      MAX_JSON_BYTES,
    )
    return {
      bytes,
      digest: descriptor.digest,
      mediaType: descriptor.mediaType,
      platform: descriptor.platform,
    }
  }

  #checkMarker(bytes: Uint8Array): void {
    let marker: JsonValue | undefined
    try {
      marker = parseJson(bytes, { maxDepth: 4, maxStringLength: 256 })
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
    }
    const version = isJsonObject(marker) ? marker.imageLayoutVersion : undefined
    if (typeof version !== 'string' || !/^1\.[0-9]/.test(version)) {
      throw this.#invalid('its file oci-layout does not name version 1')
    }
  }

  #choose(manifests: readonly Descriptor[]): Descriptor {
    const named =
      this.#tag === undefined
        ? manifests
        : manifests.filter(({ annotations }) => annotations.get(TAG) === this.#tag)
    const tags = manifests
      .map(({ annotations }) => annotations.get(TAG))
      .filter((tag) => tag !== undefined)
    const available = [...new Set(tags)].sort()
    const [first, ...others] = named
    const list = available.join(', ') || 'none'
    if (first === undefined) {
      if (this.#tag === undefined) throw this.#invalid('it holds no image')
      throw new ImageError(
        'tag-not-found',
        `${this.#files.name} has no image "${this.#tag}"; its tags: ${list}`,
        { available },
      )
    }
    if (others.every(({ digest }) => digest === first.digest)) return first
    if (this.#tag !== undefined)
      throw new ImageError('tag-ambiguous', `${this.name} stands for several images`)
    throw new ImageError(
      'tag-required',
      `${this.name} holds several images; add :TAG with one of: ${list}`,
      { available },
    )
  }

  openManifest(descriptor: Descriptor, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.openBlob(descriptor, signal)
  }

  async *openBlob({ digest }: Descriptor, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    // The digest becomes a path: nothing but hex may come through.
    if (!isDigest(digest))
      throw this.#invalid(`it names a blob "${digest}", which is no sha256 digest`)
    const file = await this.#files.find(`blobs/sha256/${digest.slice('sha256:'.length)}`)
    if (file === undefined)
      throw new ImageError('blob-missing', `${this.#files.name} lacks the blob ${digest}`)
    yield* file.read(signal)
  }

  async #readJson(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const file = await this.#files.find(path)
    if (file === undefined) throw this.#invalid(`it has no file ${path}`)
    if (file.size > MAX_JSON_BYTES)
      throw this.#invalid(`its file ${path} is larger than ${MAX_JSON_BYTES} bytes`)
    const parts: Uint8Array[] = []
    for await (const chunk of file.read(signal)) parts.push(Buffer.from(chunk))
    return Buffer.concat(parts)
  }

  #invalid(why: string): ImageError {
    return new ImageError(
      'layout-invalid',
      `${this.#files.name} is not a usable OCI image layout: ${why}`,
    )
  }
}
