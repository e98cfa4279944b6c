/** A layer read in one call, cut into pieces as asked. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { type NormalizedLayer, LayerReader } from '../../protocol/normalize/layer-reader.ts'
import type { LayerReaderInit } from '../../protocol/normalize/layer-reader.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { parseProfile } from '../../protocol/normalize/profile.ts'

export interface ReadLayerOptions extends Omit<LayerReaderInit, 'profile'> {
  /** Id; `rebuildnet/1` if not given. */
  readonly profile?: string
  /** Bytes a write; all at once if not given. */
  readonly pieceBytes?: number
}

export function readLayer(tar: Uint8Array, options: ReadLayerOptions = {}): NormalizedLayer {
  const { profile = 'rebuildnet/1', pieceBytes = Math.max(tar.length, 1), ...init } = options
  const reader = new LayerReader(
    { crypto: nodeCrypto },
    { ...init, profile: parseProfile(profile) },
  )
  // One buffer for all pieces, spoiled in between: a reader that kept a view would see it change.
  const piece = new Uint8Array(pieceBytes)
  for (let at = 0; at < tar.length; at += pieceBytes) {
    const part = tar.subarray(at, at + pieceBytes)
    piece.set(part)
    reader.write(piece.subarray(0, part.length))
    piece.fill(0xaa)
  }
  return reader.end()
}

/** The digest, or the error where there is none. */
export function tryLayer(
  tar: Uint8Array,
  options?: ReadLayerOptions,
): { readonly digest: string } | { readonly error: NormalizeError } {
  try {
    return { digest: readLayer(tar, options).digest }
  } catch (error) {
    if (error instanceof NormalizeError) return { error }
    throw error
  }
}
