/**
 * The contents of some small files of an image, by their digests, in one more pass over the layers
 * that they are in. Nothing else is kept of the image.
 */
import { toHex } from '../../protocol/bytes.ts'
import { fromByteString } from '../../protocol/normalize/byte-string.ts'
import { DEFAULT_PROFILE, parseProfile } from '../../protocol/normalize/profile.ts'
import { readLayer } from './layer-pass.ts'
import type { NormalizeOptions, NormalizerComponents } from './normalizer.ts'
import { openImage } from './open-image.ts'
import { readPlatform } from './platform-choice.ts'
import { parseReference } from './reference.ts'
import type { RegistryClient } from './registry-client.ts'

export interface WantedContent {
  /** Index of the layer that has it; null where it may be in any. */
  readonly layer: number | null
  /** sha256 of the content, in hex. */
  readonly digest: string
}

/** By sha256 in hex. */
export type FileContents = ReadonlyMap<string, Uint8Array>

/** A file that is larger is not shown. */
const MAX_FILE_BYTES = 64 * 1024
/** All of them together. */
const MAX_BYTES = 16 * 1024 * 1024

export async function fetchContents(
  components: NormalizerComponents,
  reference: string,
  wanted: readonly WantedContent[],
  options: Omit<NormalizeOptions, 'reference' | 'inflater'> = {},
): Promise<FileContents> {
  const { crypto } = components
  const { signal, platform, onProgress } = options
  const profile = options.profile === undefined ? DEFAULT_PROFILE : parseProfile(options.profile)
  const digests = new Set(wanted.map(({ digest }) => digest))
  const empty = new Uint8Array()
  const contents = new Map<string, Uint8Array>([[toHex(crypto.sha256(empty)), empty]])
  let bytes = 0
  let own: RegistryClient | undefined
  const registry = async (): Promise<RegistryClient> => {
    if (components.registry !== undefined) return components.registry
    const { createRegistryClient } = await import('./create-registry-client.ts')
    return (own ??= createRegistryClient(components, { insecure: options.insecure ?? [] }))
  }
  const source = await openImage({ crypto, registry }, parseReference(reference))
  try {
    const image = await source.resolve(
      platform === undefined ? undefined : readPlatform(platform),
      signal,
    )
    const isWanted = (_: unknown, index: number): boolean =>
      wanted.some(({ layer }) => layer === null || layer === index)
    const totalBytes = image.layers.filter(isWanted).reduce((sum, { size }) => sum + size, 0)
    let before = 0
    for (const [index, blob] of image.layers.entries()) {
      if (!isWanted(blob, index)) continue
      await readLayer(components, blob, image.openLayer(index, signal), {
        profile,
        layer: index,
        signal,
        onBytes: (read) =>
          onProgress?.({
            layer: index,
            layers: image.layers.length,
            bytes: before + Math.min(read, blob.size),
            totalBytes,
          }),
        collect: {
          wants: (size) => size <= MAX_FILE_BYTES && bytes + size <= MAX_BYTES,
          take: (hash, content) => {
            const digest = toHex(fromByteString(hash))
            if (!digests.has(digest) || contents.has(digest)) return
            bytes += content.length
            contents.set(digest, content)
          },
        },
      })
      before += blob.size
    }
  } finally {
    await source.close()
    await own?.close()
  }
  return contents
}
