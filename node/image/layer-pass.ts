/**
 * One pass over the stored bytes of a layer: verified, decoded and normalized together.
 *
 * It has two halves, the blob's (blob-pass.ts) and the tar's (tar-pass.ts), which may run in two
 * threads. Where several things are wrong the outermost is reported: the blob's digest, its size,
 * how far it unpacks, its compression, its diffID, and only then the tar.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import type { Digest } from '../../protocol/identifiers.ts'
import type { NormalizedLayer } from '../../protocol/normalize/layer-reader.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import {
  BlobPass,
  inPieces,
  PIECE_BYTES,
  type ExpectedLayer,
  type PassedBlob,
} from './blob-pass.ts'
import type { LayerEncoding } from './layer-encoding.ts'
import { TarPass, type PassedTar, type TarPassInit } from './tar-pass.ts'

export interface LayerPassInit extends Omit<TarPassInit, 'storedSize'> {
  readonly signal?: AbortSignal | undefined
  /** Told after each piece: stored bytes read so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /** Told the unpacked bytes so far, before each piece of them is read; may throw to give up. */
  readonly onUnpacked?: (bytes: number) => void
}

export interface ReadLayer<N = NormalizedLayer> {
  /** Of the stored bytes. */
  readonly digest: Digest
  readonly diffID: Digest
  readonly encoding: LayerEncoding
  readonly normalized: N
}

/** Throws NormalizeError for what is wrong with the layer, and whatever `chunks` throws. */
export async function readLayer(
  components: { readonly crypto: Crypto },
  expected: ExpectedLayer,
  chunks: AsyncIterable<Uint8Array>,
  init: LayerPassInit,
): Promise<ReadLayer> {
  const { layer, signal, onBytes, onUnpacked } = init
  const tar = new TarPass(components.crypto, { ...init, storedSize: expected.size })
  let unpacked = 0
  const blob = new BlobPass(components.crypto, expected, { layer }, (piece, hashed) => {
    onUnpacked?.((unpacked += piece.length))
    tar.write(piece, hashed)
  })
  try {
    for await (const piece of inPieces(chunks, PIECE_BYTES)) {
      signal?.throwIfAborted()
      await blob.write(piece)
      onBytes?.(blob.stored)
    }
    signal?.throwIfAborted()
    return joinPasses(await blob.end(), tar.end(), expected, layer)
  } finally {
    blob.destroy()
  }
}

/** What the two halves found, together. Throws NormalizeError, or what the sink threw. */
export function joinPasses<N>(
  { digest, encoding, decodeError }: PassedBlob,
  tar: PassedTar<N>,
  expected: ExpectedLayer,
  layer: number | undefined,
): ReadLayer<N> {
  if (tar.limitError !== undefined) throw tar.limitError
  if (decodeError !== undefined) throw decodeError
  const diffID = tar.diffID ?? digest
  if (expected.diffID !== undefined && diffID !== expected.diffID) {
    throw new NormalizeError(
      'diffid-mismatch',
      `the unpacked layer hashes to ${diffID}, its config says ${expected.diffID}`,
      { layer },
    )
  }
  if (tar.normalized instanceof NormalizeError) throw tar.normalized
  return { digest, diffID, encoding, normalized: tar.normalized }
}
