/**
 * One 512-byte tar header, and nothing about what surrounds it.
 *
 * POSIX.1-1988 ustar (the PAX dialects use it) and GNU, in the one form that all unpackers read
 * alike: README.md, "Headers". Faults are NormalizeErrors without a place; the reader adds it.
 */
import { type ByteString, toByteString } from './byte-string.ts'
import { NormalizeError } from './normalize-error.ts'

export const BLOCK_BYTES = 512

/** Type flags by what they mean. `\0` is the old spelling of `0`. */
type TarType =
  | 'file'
  | 'hardlink'
  | 'symlink'
  | 'char'
  | 'block'
  | 'directory'
  | 'fifo'
  | 'pax'
  | 'pax-global'
  | 'gnu-path'
  | 'gnu-linkpath'

export interface TarHeader {
  readonly type: TarType
  /** Prefix and name, joined. */
  readonly path: ByteString
  readonly linkpath: ByteString
  /** All bits of the field. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: number
  /** 0 where the type is no device. */
  readonly major: number
  readonly minor: number
}

const TYPES: ReadonlyMap<string, TarType> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'char'],
  ['4', 'block'],
  ['5', 'directory'],
  ['6', 'fifo'],
  ['x', 'pax'],
  ['g', 'pax-global'],
  ['L', 'gnu-path'],
  ['K', 'gnu-linkpath'],
])

/** Offset and length of each field. */
const NAME = [0, 100] as const
const MODE = [100, 8] as const
const UID = [108, 8] as const
const GID = [116, 8] as const
const SIZE = [124, 12] as const
const MTIME = [136, 12] as const
const CHECKSUM = [148, 8] as const
const TYPE_AT = 156
const LINKNAME = [157, 100] as const
const MAGIC_AT = 257
const UNAME = [265, 32] as const
const GNAME = [297, 32] as const
const MAJOR = [329, 8] as const
const MINOR = [337, 8] as const
const PREFIX = [345, 155] as const
const AFTER_PREFIX = 500
const GNU_ATIME = [345, 12] as const
const GNU_CTIME = [357, 12] as const
const AFTER_GNU_CTIME = 369
const STAR_AT = 508

type Field = readonly [at: number, length: number]

const SPACE = 0x20
const ZERO = 0x30
const BASE_256 = 0x80

export function parseTarHeader(block: Uint8Array): TarHeader {
  if (block.length !== BLOCK_BYTES) throw new Error('a tar header is 512 bytes')
  checkChecksum(block)
  const gnu = parseMagic(block)
  const type = parseType(block, gnu)
  const device = type === 'char' || type === 'block'
  const mode = parseNumber(block, MODE, 'mode')
  const uid = parseNumber(block, UID, 'uid')
  const gid = parseNumber(block, GID, 'gid')
  const size = parseNumber(block, SIZE, 'size')
  const mtime = parseNumber(block, MTIME, 'mtime')
  const major = parseDevice(block, MAJOR, device)
  const minor = parseDevice(block, MINOR, device)
  const name = parseString(block, NAME, 'name')
  const linkpath = parseString(block, LINKNAME, 'link name')
  checkString(block, UNAME, 'user name')
  checkString(block, GNAME, 'group name')
  if (gnu) {
    for (const field of [GNU_ATIME, GNU_CTIME]) {
      if (!isBlank(block, field)) parseNumber(block, field, 'access or change time')
    }
    checkZeros(block, AFTER_GNU_CTIME)
    return { type, path: name, linkpath, mode, uid, gid, size, mtime, major, minor }
  }
  const prefix = block[PREFIX[0]] === 0 ? '' : parseString(block, PREFIX, 'prefix')
  checkString(block, PREFIX, 'prefix')
  checkZeros(block, AFTER_PREFIX)
  if (prefix !== '' && name === '') fail('header-string', 'a prefix without a name')
  const path = prefix === '' ? name : `${prefix}/${name}`
  return { type, path, linkpath, mode, uid, gid, size, mtime, major, minor }
}

export function isZeroBlock(block: Uint8Array): boolean {
  if (block[0] !== 0) return false
  for (const byte of block) if (byte !== 0) return false
  return true
}

function fail(code: NormalizeError['code'], message: string): never {
  throw new NormalizeError(code, message)
}

/** The sum of all bytes with the field itself read as spaces; old tars summed signed chars. */
function checkChecksum(block: Uint8Array): void {
  const [at, length] = CHECKSUM
  let sum = SPACE * length
  for (let i = 0; i < at; i++) sum += block[i] as number
  for (let i = at + length; i < BLOCK_BYTES; i++) sum += block[i] as number
  if (parseOctal(block, CHECKSUM) !== sum)
    fail('header-checksum', 'a header whose checksum is wrong')
}

/** True for GNU, false for POSIX. */
function parseMagic(block: Uint8Array): boolean {
  let magic = ''
  for (let i = 0; i < 8; i++) magic += String.fromCharCode(block[MAGIC_AT + i] as number)
  if (magic === 'ustar  \0') return true
  if (magic !== 'ustar\x0000') fail('header-magic', 'a header that is neither ustar nor GNU')
  const star = [0x74, 0x61, 0x72, 0].every((byte, i) => block[STAR_AT + i] === byte)
  if (star) fail('header-magic', 'a header of star, which puts times into the prefix')
  return false
}

function parseType(block: Uint8Array, gnu: boolean): TarType {
  const flag = String.fromCharCode(block[TYPE_AT] as number)
  if (flag === 'S') fail('sparse', 'a sparse file')
  const type = TYPES.get(flag)
  if (type === undefined) {
    fail('type-unknown', `an entry of type 0x${flag.charCodeAt(0).toString(16)}`)
  }
  const ofGnu = type === 'gnu-path' || type === 'gnu-linkpath'
  const ofPosix = type === 'pax' || type === 'pax-global'
  if (gnu ? ofPosix : ofGnu) {
    fail('type-dialect', `type ${flag} under a ${gnu ? 'GNU' : 'POSIX'} magic`)
  }
  return type
}

/** Spaces, octal digits, then only NUL or space; or 0x80 and a big-endian number. */
function parseNumber(block: Uint8Array, field: Field, what: string): number {
  const [at, length] = field
  if ((block[at] as number) >= BASE_256) return parseBase256(block, at, at + length, what)
  return parseOctal(block, field) ?? fail('header-number', `a ${what} that is not octal`)
}

function parseOctal(block: Uint8Array, [at, length]: Field): number | undefined {
  const end = at + length
  let i = at
  while (i < end && block[i] === SPACE) i++
  const start = i
  let value = 0
  for (; i < end; i++) {
    const digit = (block[i] as number) - ZERO
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  if (i === start) return undefined
  for (; i < end; i++) if (block[i] !== 0 && block[i] !== SPACE) return undefined
  return value
}

function parseBase256(block: Uint8Array, at: number, end: number, what: string): number {
  if (block[at] !== BASE_256) fail('header-number', `a ${what} that is negative or too large`)
  let value = 0
  for (let i = at + 1; i < end; i++) value = value * 256 + (block[i] as number)
  if (!Number.isSafeInteger(value)) fail('header-number', `a ${what} that is too large`)
  return value
}

/** Many writers leave these blank where they mean nothing. */
function parseDevice(block: Uint8Array, field: Field, device: boolean): number {
  if (!device && isBlank(block, field)) return 0
  const value = parseNumber(block, field, 'device number')
  return device ? value : 0
}

function isBlank(block: Uint8Array, [at, length]: Field): boolean {
  for (let i = at; i < at + length; i++) if (block[i] !== 0 && block[i] !== SPACE) return false
  return true
}

/** Checks that only NULs follow the first one, and returns where the text ends. */
function checkString(block: Uint8Array, [at, length]: Field, what: string): number {
  const end = at + length
  let i = at
  while (i < end && block[i] !== 0) i++
  const textEnd = i
  for (; i < end; i++) {
    if (block[i] !== 0) fail('header-string', `a ${what} with bytes after its end`)
  }
  return textEnd
}

function parseString(block: Uint8Array, field: Field, what: string): ByteString {
  const end = checkString(block, field, what)
  return toByteString(block.subarray(field[0], end))
}

function checkZeros(block: Uint8Array, from: number): void {
  for (let i = from; i < BLOCK_BYTES; i++) {
    if (block[i] !== 0) fail('header-padding', 'a header with bytes where there is no field')
  }
}
