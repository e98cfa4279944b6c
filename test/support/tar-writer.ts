/**
 * Tars for tests, byte for byte as asked: also the ones that no honest tool would write.
 *
 * `makeTar` writes members one after another and ends with two blocks of zeros. A field that is
 * given is written as it is; `patch` may then spoil the header, whose checksum is made last.
 */
import { concat, utf8 } from '../../protocol/bytes.ts'

export const BLOCK = 512

export type TarMemberType =
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

const FLAGS: Readonly<Record<TarMemberType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
  'pax-global': 'g',
  'gnu-path': 'L',
  'gnu-linkpath': 'K',
}

type Bytes = string | Uint8Array

export interface TarMember {
  readonly path: Bytes
  readonly type?: TarMemberType
  /** The type flag itself, where no type has it. */
  readonly flag?: string
  readonly content?: Bytes
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** The header's size, where it is not the content's. */
  readonly size?: number
  readonly mtime?: number
  readonly linkname?: Bytes
  readonly uname?: string
  readonly gname?: string
  readonly major?: number
  readonly minor?: number
  readonly prefix?: Bytes
  readonly dialect?: 'ustar' | 'gnu'
  /** Records of an extended header before the member. */
  readonly pax?: Readonly<Record<string, Bytes>>
  /** Changes header bytes before the checksum is made. */
  readonly patch?: (header: Uint8Array) => void
}

export interface TarOptions {
  /** Blocks of zeros at the end; 2 if not given. */
  readonly endBlocks?: number
}

export function makeTar(members: readonly TarMember[], options: TarOptions = {}): Uint8Array {
  const end = new Uint8Array((options.endBlocks ?? 2) * BLOCK)
  return concat(...members.flatMap((member) => writeMember(member)), end)
}

/** One member: extension headers where it needs them, header, content, padding. */
export function writeMember(member: TarMember): Uint8Array[] {
  const path = bytes(member.path)
  const link = bytes(member.linkname ?? '')
  const gnu = member.dialect === 'gnu'
  const before: Uint8Array[] = []
  const pax: Record<string, Bytes> = { ...member.pax }
  if (path.length > 100) {
    if (gnu) before.push(...writeGnuName('gnu-path', path))
    else pax.path = path
  }
  if (link.length > 100) {
    if (gnu) before.push(...writeGnuName('gnu-linkpath', link))
    else pax.linkpath = link
  }
  if (Object.keys(pax).length > 0) before.push(...writePax(pax))
  return [...before, ...writeRaw(member)]
}

/** A member without any extension header. */
export function writeRaw(member: TarMember): Uint8Array[] {
  const content = bytes(member.content ?? '')
  return [writeHeader(member), content, new Uint8Array(-content.length & (BLOCK - 1))]
}

export function writePax(
  records: Readonly<Record<string, Bytes>> | Uint8Array,
  type: 'pax' | 'pax-global' = 'pax',
): Uint8Array[] {
  const content =
    records instanceof Uint8Array
      ? records
      : concat(...Object.entries(records).map(([key, value]) => paxRecord(key, value)))
  return writeRaw({ path: 'PaxHeaders.0/x', type, content })
}

export function writeGnuName(type: 'gnu-path' | 'gnu-linkpath', name: Bytes): Uint8Array[] {
  const content = concat(bytes(name), Uint8Array.of(0))
  return writeRaw({ path: '././@LongLink', type, content, dialect: 'gnu' })
}

/** `LENGTH KEY=VALUE\n`; the length counts itself. */
export function paxRecord(key: string, value: Bytes): Uint8Array {
  const rest = concat(utf8(` ${key}=`), bytes(value), utf8('\n'))
  let length = rest.length
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length
  }
  return concat(utf8(String(length)), rest)
}

export function writeHeader(member: TarMember): Uint8Array {
  const header = new Uint8Array(BLOCK)
  const type = member.type ?? 'file'
  const gnu = member.dialect === 'gnu'
  const put = (at: number, text: Bytes): void => header.set(bytes(text), at)
  const octal = (at: number, digits: number, value: number): void =>
    put(at, value.toString(8).padStart(digits, '0'))
  put(0, bytes(member.path).subarray(0, 100))
  octal(100, 7, member.mode ?? (type === 'directory' ? 0o755 : 0o644))
  octal(108, 7, member.uid ?? 0)
  octal(116, 7, member.gid ?? 0)
  octal(124, 11, member.size ?? bytes(member.content ?? '').length)
  octal(136, 11, member.mtime ?? 0)
  put(156, member.flag ?? FLAGS[type])
  put(157, bytes(member.linkname ?? '').subarray(0, 100))
  put(257, gnu ? 'ustar  \0' : 'ustar\x0000')
  put(265, member.uname ?? '')
  put(297, member.gname ?? '')
  octal(329, 7, member.major ?? 0)
  octal(337, 7, member.minor ?? 0)
  put(345, member.prefix ?? '')
  member.patch?.(header)
  return seal(header)
}

/** Writes the checksum that the header needs. */
export function seal(header: Uint8Array): Uint8Array {
  header.fill(0x20, 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
  return header
}

function bytes(value: Bytes): Uint8Array {
  return typeof value === 'string' ? utf8(value) : value
}
