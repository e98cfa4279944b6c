/**
 * The records of a PAX extended header (POSIX.1-2001), and the long names of GNU.
 *
 * What the profile knows is taken apart, what it excludes is checked and dropped, and every other
 * record is kept literally. README.md, "Extended headers".
 */
import { type ByteString, compareByteStrings, toByteString } from './byte-string.ts'
import type { NormalizeLimits } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'
import type { Profile } from './profile.ts'
import type { Attribute } from './tree.ts'

/** What an extension header says about the entry after it. */
export interface Extension {
  readonly path?: ByteString
  readonly linkpath?: ByteString
  readonly size?: number
  readonly uid?: number
  readonly gid?: number
  /** Whole seconds, rounded down. */
  readonly mtime?: number
  readonly xattrs: readonly Attribute[]
  readonly records: readonly Attribute[]
}

export const NO_EXTENSION: Extension = Object.freeze({ xattrs: [], records: [] })

const XATTR_PREFIX = 'SCHILY.xattr.'
const TIMES = new Set(['mtime', 'atime', 'ctime', 'LIBARCHIVE.creationtime'])
const NAMES = new Set(['uname', 'gname'])
const DECIMAL = /^(?:0|[1-9][0-9]*)$/
const TIME = /^-?[0-9]+(?:\.[0-9]+)?$/
const NEWLINE = 0x0a
const EQUALS = 0x3d
const SPACE = 0x20
/** "1048576 ": a record is no longer than its block. */
const MAX_LENGTH_DIGITS = 7
const MAX_KEY_BYTES = 65_535

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface PaxContext {
  readonly profile: Profile
  readonly limits: NormalizeLimits
}

/** The records of an `x` header. */
export function parsePax(data: Uint8Array, context: PaxContext): Extension {
  const xattrs: Attribute[] = []
  const records: Attribute[] = []
  const out: Mutable<Extension> = { xattrs, records }
  let xattrCount = 0
  for (const [key, value] of splitRecords(data)) {
    if (key === 'path') out.path = nonEmpty(key, value)
    else if (key === 'linkpath') out.linkpath = nonEmpty(key, value)
    else if (key === 'size') out.size = decimal(key, value)
    else if (key === 'uid') out.uid = decimal(key, value)
    else if (key === 'gid') out.gid = decimal(key, value)
    else if (TIMES.has(key)) {
      const time = parseTime(key, value)
      if (key === 'mtime') out.mtime = time
    } else if (NAMES.has(key)) {
      if (value.includes('\0')) fail('pax-value', `a ${key} with a NUL`)
    } else if (key === 'charset' || key === 'hdrcharset') {
      fail('pax-charset', `a ${key} record`)
    } else if (key.startsWith('GNU.sparse.') || key === 'SCHILY.realsize') {
      fail('sparse', `a ${key} record: a sparse file`)
    } else if (key.startsWith(XATTR_PREFIX)) {
      xattrCount++
      const name = key.slice(XATTR_PREFIX.length)
      checkXattr(name, value, context.limits)
      if (!context.profile.ignoreXattrs.has(name)) xattrs.push({ key: name, value })
    } else if (key !== 'comment') {
      records.push({ key, value })
    }
  }
  const { maxXattrs } = context.limits
  if (xattrCount > maxXattrs) fail('limit-xattrs', `more than ${maxXattrs} extended attributes`)
  if (records.length > maxXattrs) fail('limit-pax', `more than ${maxXattrs} other PAX records`)
  sortAttributes(xattrs)
  sortAttributes(records)
  return out
}

/** A `g` header may hold comments (git writes the commit there), which say nothing of any entry. */
export function checkGlobalPax(data: Uint8Array): void {
  for (const [key] of splitRecords(data)) {
    if (key !== 'comment') fail('pax-global', 'a global PAX record other than a comment')
  }
}

/** The data of an `L` or `K` header: a name, and NULs to its end. */
export function parseGnuName(data: Uint8Array): ByteString {
  let end = data.length
  while (end > 0 && data[end - 1] === 0) end--
  return toByteString(data.subarray(0, end))
}

function fail(code: NormalizeError['code'], message: string): never {
  throw new NormalizeError(code, message)
}

/** `LENGTH KEY=VALUE\n`, end to end, no key twice. */
function splitRecords(data: Uint8Array): Map<ByteString, ByteString> {
  const records = new Map<ByteString, ByteString>()
  for (let at = 0; at < data.length;) {
    const space = data.subarray(at, at + MAX_LENGTH_DIGITS + 1).indexOf(SPACE)
    const digits = space === -1 ? '' : toByteString(data.subarray(at, at + space))
    const end = DECIMAL.test(digits) ? at + Number(digits) : 0
    const start = at + space + 1
    if (end <= start || end > data.length || data[end - 1] !== NEWLINE) {
      fail('pax-grammar', 'a PAX record whose length is wrong')
    }
    const record = data.subarray(start, end - 1)
    const equals = record.indexOf(EQUALS)
    if (equals < 1) fail('pax-grammar', 'a PAX record without a keyword')
    const key = toByteString(record.subarray(0, equals))
    if (key.includes('\0')) fail('pax-grammar', 'a PAX keyword with a NUL')
    if (key.length > MAX_KEY_BYTES) fail('limit-pax', 'a PAX keyword that is too long')
    if (records.has(key)) fail('pax-duplicate-key', 'a PAX keyword twice')
    records.set(key, toByteString(record.subarray(equals + 1)))
    at = end
  }
  return records
}

function nonEmpty(key: string, value: ByteString): ByteString {
  if (value === '') fail('pax-value', `an empty ${key} record`)
  return value
}

function decimal(key: string, value: ByteString): number {
  const number = Number(value)
  if (!DECIMAL.test(value) || !Number.isSafeInteger(number)) {
    fail('pax-value', `a ${key} record that is not a canonical decimal`)
  }
  return number
}

function parseTime(key: string, value: ByteString): number {
  const seconds = Math.floor(Number(value))
  if (!TIME.test(value) || !Number.isSafeInteger(seconds)) {
    fail('pax-value', `a ${key} record that is not a time`)
  }
  return seconds
}

function checkXattr(name: ByteString, value: ByteString, limits: NormalizeLimits): void {
  if (name === '') fail('pax-value', 'an extended attribute without a name')
  if (value.length > limits.maxXattrBytes) {
    fail('limit-xattr', `an extended attribute over ${limits.maxXattrBytes} bytes`)
  }
}

function sortAttributes(attributes: Attribute[]): void {
  attributes.sort((a, b) => compareByteStrings(a.key, b.key))
}
