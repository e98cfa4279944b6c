/** The images that a registry has of a project, platform by platform, as an announcement needs them. */
import type { Platform } from '../../protocol/identifiers.ts'
import { isJsonObject } from '../../protocol/json.ts'
import { parseImageJson } from '../../protocol/normalize/image-json.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../protocol/normalize/limits.ts'
import type { Project } from '../../protocol/project.ts'
import type { ReleasePlatform } from '../../protocol/release.ts'
import { ConfigError } from '../config-error.ts'
import { createRegistryClient } from '../image/create-registry-client.ts'
import { ImageError } from '../image/image-error.ts'
import type { ResolvedImage } from '../image/image-source.ts'
import { parseReference } from '../image/reference.ts'
import { RegistrySource } from '../image/registry-source.ts'
import type { NodeParts } from '../node-parts.ts'
import { insecureHosts } from './verdicts.ts'

export interface PublishedImages {
  readonly images: readonly { readonly platform: Platform; readonly image: ResolvedImage }[]
  /** Platforms of the project that it is not there for. */
  readonly missing: readonly Platform[]
  /** The project's platforms, each with the digest that it was published under. */
  readonly platforms: readonly ReleasePlatform[]
}

/** `published`: the image in its registry; undefined where nothing is published yet. */
export async function fetchPublished(
  parts: Pick<NodeParts, 'config' | 'crypto' | 'projects'>,
  published: string | undefined,
  project: Project,
  signal: AbortSignal,
): Promise<PublishedImages> {
  const found = published === undefined ? [] : await fetchImages(parts, published, project, signal)
  const platforms = project.platforms.map((platform): ReleasePlatform => {
    const digest = found.find((each) => each.platform === platform)?.image.manifest?.digest
    return digest === undefined ? { platform } : { platform, manifestDigest: digest }
  })
  const isFound = new Set(found.map(({ platform }) => platform))
  const missing = project.platforms.filter((platform) => !isFound.has(platform))
  return { images: found, missing: published === undefined ? [] : missing, platforms }
}

async function fetchImages(
  parts: Pick<NodeParts, 'config' | 'crypto' | 'projects'>,
  published: string,
  project: Project,
  signal: AbortSignal,
): Promise<PublishedImages['images']> {
  const { crypto } = parts
  const reference = parseReference(published)
  if (reference.transport !== 'docker') {
    throw new ConfigError('bad-value', `--published ${published}: name the image in its registry`)
  }
  const insecure = insecureHosts(parts, project.image)
  const registry = createRegistryClient({ crypto }, { insecure })
  try {
    const source = new RegistrySource({ crypto, registry }, reference)
    const images: { platform: Platform; image: ResolvedImage }[] = []
    for (const platform of project.platforms) {
      try {
        images.push({ platform, image: await source.resolve(platform, signal) })
      } catch (error) {
        if (!(error instanceof ImageError) || error.code !== 'platform-unavailable') throw error
      }
    }
    return images
  } finally {
    await registry.close()
  }
}

/** What the image says of itself under `annotation:KEY` or `label:KEY`. */
export function readSaying(image: ResolvedImage, from: string): string | undefined {
  const colon = from.indexOf(':')
  const key = from.slice(colon + 1)
  return from.startsWith('label:')
    ? new Map(Object.entries(readLabels(image.config))).get(key)
    : image.manifest?.parsed.annotations.get(key)
}

/** Labels of an image config, as far as they are strings; throws NormalizeError where two readers could differ. */
export function readLabels(bytes: Uint8Array): Record<string, string> {
  const { maxConfigBytes, maxConfigDepth, maxJsonValues } = DEFAULT_NORMALIZE_LIMITS
  const { config } = parseImageJson(bytes, 'config', {
    ...{ maxBytes: maxConfigBytes, maxDepth: maxConfigDepth, maxValues: maxJsonValues },
  })
  const labels = isJsonObject(config) ? config.Labels : undefined
  if (!isJsonObject(labels)) return {}
  return Object.fromEntries(
    Object.entries(labels).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}
