/** An image in a registry. */
import type { Crypto } from '../../protocol/crypto.ts'
import type { Platform } from '../../protocol/identifiers.ts'
import type { Descriptor } from '../../protocol/normalize/manifest.ts'
import { resolveImage, type ContentStore, type RootManifest } from './content-store.ts'
import type { ImageSource, ResolvedImage } from './image-source.ts'
import { encodeReference, type RegistryReference } from './reference.ts'
import type { RegistryClient } from './registry-client.ts'

export interface RegistrySourceComponents {
  readonly crypto: Crypto
  readonly registry: Pick<RegistryClient, 'getManifest' | 'getBlob'>
}

export class RegistrySource implements ImageSource, ContentStore {
  readonly name: string
  readonly #components: RegistrySourceComponents
  readonly #reference: RegistryReference

  constructor(components: RegistrySourceComponents, reference: RegistryReference) {
    this.#components = components
    this.#reference = reference
    this.name = encodeReference(reference).slice('docker://'.length)
  }

  /** The client belongs to whoever made it. */
  async close(): Promise<void> {
    return Promise.resolve()
  }

  async resolve(platform?: Platform, signal?: AbortSignal): Promise<ResolvedImage> {
    return resolveImage(this.#components, this, platform, signal)
  }

  async fetchRoot(signal?: AbortSignal): Promise<RootManifest> {
    const root = await this.#components.registry.getManifest(this.#reference, signal)
    return { ...root, platform: undefined }
  }

  async *openManifest({ digest }: Descriptor, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { registry, repository } = this.#reference
    const { bytes } = await this.#components.registry.getManifest(
      { registry, repository, digest },
      signal,
    )
    yield bytes
  }

  openBlob({ digest, size }: Descriptor, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#components.registry.getBlob(this.#reference, { digest, size }, signal)
  }
}
