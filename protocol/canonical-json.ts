/**
 * One byte string for one JSON value: the layout of RFC 8785 (JCS), integers only.
 *
 * RFC 8785 sorts keys by UTF-16 units; the normalized digest sorts them by UTF-8 bytes, so that
 * implementations in languages without UTF-16 strings need no special code. The two differ only
 * beyond the Basic Multilingual Plane.
 */
import { compareBytes, utf8 } from './bytes.ts'
import type { JsonValue } from './json.ts'

export type KeyOrder = 'utf16' | 'utf8'

function compareUtf16(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function compareUtf8(a: string, b: string): number {
  return compareBytes(utf8(a), utf8(b))
}

export function canonicalJson(value: JsonValue, order: KeyOrder = 'utf16'): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw new Error(`canonical JSON holds integers only, not ${value}`)
    }
    return String(value)
  }
  if (Array.isArray(value)) {
    return `[${value.map((item: JsonValue) => canonicalJson(item, order)).join(',')}]`
  }
  const object = value as { readonly [key: string]: JsonValue }
  const keys = Object.keys(object).sort(order === 'utf16' ? compareUtf16 : compareUtf8)
  const members = keys.map(
    (key) => `${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue, order)}`,
  )
  return `{${members.join(',')}}`
}
