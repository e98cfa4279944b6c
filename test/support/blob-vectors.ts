/** The vectors of stored layers, test/vectors/normalize/blobs.json, and a reading of one. */
import { readFileSync } from 'node:fs'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { readLayer } from '../../node/image/layer-pass.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'

export interface BlobVector {
  readonly name: string
  /** Bytes in base64, or such bytes so many times. */
  readonly blob: readonly (string | { readonly base64: string; readonly times: number })[]
  readonly mediaType?: string
  readonly digest?: string
  readonly size?: number
  readonly diffID?: string
  readonly layerDigest?: string
  readonly error?: string
}

const FILE = new URL('../vectors/normalize/blobs.json', import.meta.url)

export function loadBlobVectors(): readonly BlobVector[] {
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { vectors: readonly BlobVector[] }).vectors
}

export function vectorBlob({ blob }: BlobVector): Buffer {
  return Buffer.concat(
    blob.flatMap((part) => {
      const { base64, times } = typeof part === 'string' ? { base64: part, times: 1 } : part
      return Array<Buffer>(times).fill(Buffer.from(base64, 'base64'))
    }),
  )
}

export type BlobExpectation = Pick<BlobVector, 'mediaType' | 'digest' | 'size' | 'diffID'>

/** The layer digest, or the code, of a blob that arrives in pieces of `step` bytes. */
export async function tryBlob(
  blob: Uint8Array,
  expected: BlobExpectation = {},
  step = Math.max(1, blob.length),
): Promise<{ readonly digest: string } | { readonly code: string }> {
  const { mediaType, digest, size = blob.length, diffID } = expected
  try {
    const layer = await readLayer(
      { crypto: nodeCrypto },
      { size, mediaType, digest, diffID },
      arrive(blob, step),
      { profile: DEFAULT_PROFILE },
    )
    return { digest: layer.normalized.digest }
  } catch (error) {
    if (error instanceof NormalizeError) return { code: error.code }
    throw error
  }
}

async function* arrive(blob: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.length; at += step) yield Promise.resolve(blob.subarray(at, at + step))
}
