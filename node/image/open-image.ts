/** The source that a reference names. */
import type { Crypto } from '../../protocol/crypto.ts'
import { DockerArchiveSource } from './docker-archive.ts'
import type { ImageSource } from './image-source.ts'
import { LayoutSource, openLayoutArchive, openLayoutFolder } from './oci-layout.ts'
import type { ImageReference } from './reference.ts'
import { RegistrySource, type RegistrySourceComponents } from './registry-source.ts'

export interface OpenImageComponents {
  readonly crypto: Crypto
  /** Asked for only where the reference names a registry. */
  readonly registry: () =>
    RegistrySourceComponents['registry'] | Promise<RegistrySourceComponents['registry']>
}

/** The caller closes it. Throws ImageError where a file is not there or is no archive. */
export async function openImage(
  components: OpenImageComponents,
  reference: ImageReference,
): Promise<ImageSource> {
  const { crypto } = components
  switch (reference.transport) {
    case 'oci':
      return new LayoutSource({ crypto }, openLayoutFolder(reference.path), reference.tag)
    case 'oci-archive':
      return new LayoutSource({ crypto }, await openLayoutArchive(reference.path), reference.tag)
    case 'docker-archive':
      return DockerArchiveSource.load({ crypto }, reference.path, reference.tag)
    case 'docker':
      return new RegistrySource({ crypto, registry: await components.registry() }, reference)
  }
}
