/** Mode, owner and attributes of an entry: comparing them, and what they take in memory. */
import type { Attribute, Meta } from './tree.ts'

export function equalAttributes(a: readonly Attribute[], b: readonly Attribute[]): boolean {
  return (
    a.length === b.length &&
    a.every((each, i) => each.key === b[i]?.key && each.value === b[i].value)
  )
}

export function equalMeta(a: Meta, b: Meta): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.mtime === b.mtime &&
    equalAttributes(a.xattrs, b.xattrs) &&
    equalAttributes(a.records, b.records)
  )
}

export function metaBytes(meta: Meta): number {
  let bytes = 0
  for (const { key, value } of meta.xattrs) bytes += key.length + value.length
  for (const { key, value } of meta.records) bytes += key.length + value.length
  return bytes
}
