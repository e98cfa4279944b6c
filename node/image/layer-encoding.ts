/**
 * How a layer is stored: told by its first bytes, and in agreement with its media type.
 *
 * Runtimes differ in which of the two they believe, so a blob of which they say different things
 * has no digest.
 */
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { ZSTD_MAGIC, isSkippableMagic } from './zstd-frames.ts'

export type LayerEncoding = 'plain' | 'gzip' | 'zstd'

/** The encoding that the first bytes of a blob tell. */
export function detectEncoding(prefix: Uint8Array): LayerEncoding {
  const [a = 0, b = 0, c = 0, d = 0] = prefix
  if (a === 0x1f && b === 0x8b) return 'gzip'
  const magic = (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
  return magic === ZSTD_MAGIC || isSkippableMagic(magic) ? 'zstd' : 'plain'
}

/** Throws NormalizeError `layer-encoding` where content and media type disagree. */
export function checkEncoding(
  encoding: LayerEncoding,
  mediaType: string | undefined,
  layer: number | undefined,
): void {
  if (mediaType === undefined) return
  const said: LayerEncoding = /[.+]gzip$/.test(mediaType)
    ? 'gzip'
    : /[.+]zstd$/.test(mediaType)
      ? 'zstd'
      : 'plain'
  if (said === encoding) return
  throw new NormalizeError(
    'layer-encoding',
    `the layer is ${encoding}, its media type "${mediaType}" says ${said}`,
    { layer },
  )
}
