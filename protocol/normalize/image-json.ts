/**
 * JSON of images, read so that a parser which ignores the case of keys reads the same.
 *
 * Go's decoder, behind most container tools, takes `"Layers"` or `"layerſ"` for `layers`. Such a key
 * beside or in place of a known one is an error. `null` is absence.
 */
import { isJsonObject, JsonError, type JsonObject, type JsonValue, parseJson } from '../json.ts'
import { NormalizeError, type NormalizeErrorCode } from './normalize-error.ts'

export type JsonDocument = 'manifest' | 'config'

export interface ImageJsonLimits {
  readonly maxBytes: number
  readonly maxDepth: number
  readonly maxValues: number
}

/** Parses the bytes of a manifest, an index or a config, which are objects. */
export function parseImageJson(
  bytes: Uint8Array,
  document: JsonDocument,
  limits: ImageJsonLimits,
): JsonObject {
  if (bytes.length > limits.maxBytes) {
    throw new NormalizeError(`limit-${document}`, `a ${document} over ${limits.maxBytes} bytes`)
  }
  let value: JsonValue
  try {
    const { maxBytes, maxDepth, maxValues } = limits
    const over = (): Error =>
      new NormalizeError(`limit-${document}`, `a ${document} of more than ${maxValues} values`)
    const values = { max: maxValues, over }
    value = parseJson(bytes, { maxDepth, maxStringLength: maxBytes, values })
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause
    throw new NormalizeError(
      `${document}-${cause.code}`,
      `the ${document} is not strict JSON: ${cause.message}`,
      {},
      { cause },
    )
  }
  if (!isJsonObject(value)) {
    throw new NormalizeError(`${document}-type`, `the ${document} is not a JSON object`)
  }
  return value
}

/** Refuses keys of `object` that differ from one of `known` in case alone. */
export function checkKeyCase(
  object: JsonObject,
  known: ReadonlySet<string>,
  code: NormalizeErrorCode,
): void {
  const folded = new Set([...known].map(foldKey))
  for (const key of Object.keys(object)) {
    if (known.has(key) || !folded.has(foldKey(key))) continue
    throw new NormalizeError(
      code,
      `the key ${JSON.stringify(key)} differs from a known one in case`,
    )
  }
}

/** Two characters outside of ASCII fold to letters in it: the long s and the Kelvin sign. */
function foldKey(key: string): string {
  return key
    .replaceAll('\u017f', 's')
    .replaceAll('\u212a', 'k')
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** The value of a key, or undefined where it is absent or null. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return object[key] ?? undefined
}
