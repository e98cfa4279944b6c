/**
 * The uncompressed tar of a layer, pushed in pieces of any size.
 */
import type { Crypto } from '../crypto.ts'
import type { NormalizeLimits } from './limits.ts'
import type { Profile } from './profile.ts'
import type { DirectoryNode } from './tree.ts'

export interface NormalizedLayer {
  /** The layer digest, lowercase hex without a prefix. */
  readonly digest: string
  /** Entries of the tar; extension headers are not entries. */
  readonly entries: number
  /** Uncompressed bytes, all of the stream. */
  readonly bytes: number
  readonly root: DirectoryNode
}

export interface LayerReaderInit {
  readonly profile: Profile
  /** Index of the layer from 0, for error messages. */
  readonly layer?: number
  readonly limits?: NormalizeLimits
}

export class LayerReader {
  constructor(_components: { readonly crypto: Crypto }, _init: LayerReaderInit) {
    throw new Error('unfinished')
  }

  /** Takes the next bytes. They may be reused by the caller once this returns. */
  write(_chunk: Uint8Array): void {
    throw new Error('unfinished')
  }

  end(): NormalizedLayer {
    throw new Error('unfinished')
  }
}
