/**
 * Annotations: which of them count, and their hash. README.md, "Annotations".
 *
 * Out is what says when, by which tool or under which name an image was made; nothing else.
 */
import { isJsonObject, type JsonValue } from '../json.ts'
import { utf8 } from '../bytes.ts'
import { type ByteString, compareByteStrings, toByteString } from './byte-string.ts'
import type { ByteWriter } from './byte-writer.ts'
import { NormalizeError } from './normalize-error.ts'
import type { TaggedHash } from './tagged-hash.ts'

export type Annotations = ReadonlyMap<string, string>

const MAX_KEY_BYTES = 65_535

const OUT_EVERYWHERE = [
  'org.opencontainers.image.created',
  'org.opencontainers.image.ref.name',
  'io.containerd.image.name',
]

const OUT: Readonly<Record<'manifest' | 'layer', ReadonlySet<string>>> = Object.freeze({
  manifest: new Set([
    ...OUT_EVERYWHERE,
    'org.opencontainers.image.base.name',
    'org.opencontainers.image.base.digest',
  ]),
  layer: new Set([...OUT_EVERYWHERE, 'containerd.io/uncompressed', 'buildkit/rewritten-epoch']),
})

export function parseAnnotations(value: JsonValue | undefined): Annotations {
  const annotations = new Map<string, string>()
  if (value === undefined) return annotations
  if (!isJsonObject(value)) fail('annotations that are not an object')
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') fail(`an annotation that is not a string: ${JSON.stringify(key)}`)
    if (utf8(key).length > MAX_KEY_BYTES) fail('an annotation with a key that is too long')
    annotations.set(key, text)
  }
  return annotations
}

function fail(message: string): never {
  throw new NormalizeError('manifest-annotations', message)
}

/** Those that count, on a manifest or on a layer's descriptor. */
export function countedAnnotations(
  annotations: Annotations,
  on: 'manifest' | 'layer',
): Annotations {
  return new Map([...annotations].filter(([key]) => !OUT[on].has(key)))
}

/** ann(m), of annotations that count. */
export function hashAnnotations(hasher: TaggedHash, annotations: Annotations): ByteString {
  return hasher.hash('ann', (writer) => encodeAnnotations(writer, annotations))
}

/** The preimage of ann(m). */
export function encodeAnnotations(writer: ByteWriter, annotations: Annotations): void {
  const pairs = [...annotations].map(
    ([key, value]) => [toByteString(utf8(key)), toByteString(utf8(value))] as const,
  )
  pairs.sort(([a], [b]) => compareByteStrings(a, b))
  writer.u32(pairs.length)
  for (const [key, value] of pairs) writer.lp16(key).lp32(value)
}
