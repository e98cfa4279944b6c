/**
 * What `docker save` writes: a tar with `manifest.json`, a config and one tar for each layer.
 *
 * It holds no manifest, so the image has no manifest digest and no annotations. The config names
 * the diffIDs, and its own file name is its digest.
 */
import type { Digest, Platform } from '../../protocol/identifiers.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { toHex } from '../../protocol/bytes.ts'
import {
  isJsonObject,
  JsonError,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../../protocol/json.ts'
import { parseConfig } from '../../protocol/normalize/config.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { ImageError } from './image-error.ts'
import type { ImageSource, ResolvedImage } from './image-source.ts'
import { platformUnavailable } from './platform-choice.ts'
import { encodeReference, parseRegistryReference } from './reference.ts'
import { TarLocator, type LocatedFile } from './tar-locator.ts'

interface ArchivedImage {
  readonly config: string
  readonly tags: readonly string[]
  readonly layers: readonly string[]
}

const { maxManifestBytes, maxConfigBytes } = DEFAULT_NORMALIZE_LIMITS
const JSON_LIMITS = { maxDepth: 16, maxStringLength: 8192 }

export class DockerArchiveSource implements ImageSource {
  readonly #components: { readonly crypto: Crypto }
  readonly #locator: TarLocator
  readonly #tag: string | undefined

  private constructor(
    components: { readonly crypto: Crypto },
    locator: TarLocator,
    tag: string | undefined,
  ) {
    this.#components = components
    this.#locator = locator
    this.#tag = tag
  }

  static async load(
    components: { readonly crypto: Crypto },
    file: string,
    tag?: string,
  ): Promise<DockerArchiveSource> {
    return new DockerArchiveSource(components, await TarLocator.load(file), tag)
  }

  async close(): Promise<void> {
    await this.#locator.close()
  }

  async resolve(platform?: Platform, signal?: AbortSignal): Promise<ResolvedImage> {
    const name = this.#locator.name
    const images = parseArchiveManifest(
      await this.#read('manifest.json', maxManifestBytes, signal),
      name,
    )
    const image = this.#choose(images)
    const config = await this.#read(image.config, maxConfigBytes, signal)
    this.#checkConfigName(image.config, config)
    const parsedConfig = parseConfig(config, DEFAULT_PROFILE)
    const { diffIDs } = parsedConfig
    if (platform !== undefined && platform !== parsedConfig.platform) {
      throw platformUnavailable(name, platform, [parsedConfig.platform])
    }
    if (diffIDs.length !== image.layers.length) {
      throw new NormalizeError(
        'layer-count',
        `manifest.json has ${image.layers.length} layers, the config ${diffIDs.length}`,
      )
    }
    const files = image.layers.map((path) => this.#find(path))
    return {
      platform: parsedConfig.platform,
      manifest: undefined,
      config,
      parsedConfig,
      layers: files.map(({ size }, index) => ({
        digest: undefined,
        size,
        diffID: diffIDs[index] as Digest,
        mediaType: undefined,
        annotations: new Map<string, string>(),
      })),
      openLayer: (index, layerSignal) => {
        const file = files[index]
        if (file === undefined) throw new RangeError(`no layer ${index}`)
        return file.read(layerSignal)
      },
    }
  }

  #choose(images: readonly ArchivedImage[]): ArchivedImage {
    const name = this.#locator.name
    const wanted = this.#tag === undefined ? undefined : parseRegistryReference(this.#tag)
    const named =
      wanted === undefined
        ? images
        : images.filter(({ tags }) => tags.some((tag) => isSame(tag, encodeReference(wanted))))
    const available = images.flatMap(({ tags }) => tags)
    const [first, ...others] = named
    const list = available.join(', ') || 'none'
    if (first === undefined) {
      if (this.#tag === undefined) throw this.#invalid('it holds no image')
      throw new ImageError(
        'tag-not-found',
        `${name} has no image "${this.#tag}"; it has: ${list}`,
        { available },
      )
    }
    if (others.length === 0) return first
    if (this.#tag !== undefined)
      throw new ImageError('tag-ambiguous', `${name}: "${this.#tag}" stands for several images`)
    throw new ImageError(
      'tag-required',
      `${name} holds several images; add :NAME with one of: ${list}`,
      { available },
    )
  }

  /** docker writes `<hex>.json` or `blobs/sha256/<hex>`: where the name is a digest it must be true. */
  #checkConfigName(path: string, config: Uint8Array): void {
    const named = /(?:^|\/|sha256:)([0-9a-f]{64})(?:\.json)?$/.exec(path)?.[1]
    if (named === undefined) return
    const actual = toHex(this.#components.crypto.sha256(config))
    if (actual !== named) {
      throw new NormalizeError(
        'blob-digest-mismatch',
        `the config that is stored as ${named} hashes to ${actual}`,
      )
    }
  }

  #find(path: string): LocatedFile {
    const file = this.#locator.find(path)
    if (file === undefined)
      throw new ImageError('blob-missing', `${this.#locator.name} lacks the file "${path}"`)
    return file
  }

  async #read(
    path: string,
    maxBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    if (path === 'manifest.json' && this.#locator.find(path) === undefined)
      throw this.#invalid('it has no manifest.json')
    const file = this.#find(path)
    if (file.size > maxBytes)
      throw this.#invalid(`its file ${path} is larger than ${maxBytes} bytes`)
    const parts: Uint8Array[] = []
    for await (const chunk of file.read(signal)) parts.push(Buffer.from(chunk))
    return Buffer.concat(parts)
  }

  #invalid(why: string): ImageError {
    return invalid(this.#locator.name, why)
  }
}

function isSame(tag: string, wanted: string): boolean {
  try {
    return encodeReference(parseRegistryReference(tag)) === wanted
  } catch {
    return false
  }
}

function parseArchiveManifest(bytes: Uint8Array, name: string): ArchivedImage[] {
  let value: JsonValue
  try {
    value = parseJson(bytes, JSON_LIMITS)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw invalid(name, `its manifest.json cannot be read: ${error.message}`)
  }
  if (!Array.isArray(value)) throw invalid(name, 'its manifest.json is not a list of images')
  return value.map((image: JsonValue) => {
    if (!isJsonObject(image)) throw invalid(name, 'its manifest.json is not a list of images')
    const { Config: config } = image
    if (typeof config !== 'string')
      throw invalid(name, 'its manifest.json has an image without a Config')
    return {
      config,
      tags: strings(image, 'RepoTags', name),
      layers: strings(image, 'Layers', name),
    }
  })
}

function strings(image: JsonObject, key: string, name: string): string[] {
  const value = image[key] ?? []
  if (!Array.isArray(value) || !value.every((item: JsonValue) => typeof item === 'string')) {
    throw invalid(name, `in its manifest.json ${key} is not a list of strings`)
  }
  return [...(value as readonly string[])]
}

function invalid(name: string, why: string): ImageError {
  return new ImageError('archive-invalid', `${name} is not a usable docker archive: ${why}`)
}
