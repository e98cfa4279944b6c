/** The 512-byte headers and PAX records of an archive's outer tar, as far as locating needs them. */

export const BLOCK_BYTES = 512

export interface OuterHeader {
  readonly path: string
  readonly linkPath: string
  readonly size: number
  /** `0` file, `1` hardlink, `2` symlink, `5` directory; `x g L K` extension headers. */
  readonly type: '0' | '1' | '2' | '5' | 'x' | 'g' | 'L' | 'K'
}

export type ExtensionHeader = OuterHeader & { readonly type: 'x' | 'g' | 'L' | 'K' }

export function isExtension(header: OuterHeader): header is ExtensionHeader {
  return /^[xgLK]$/.test(header.type)
}

const TYPES = new Set(['0', '1', '2', '5', 'x', 'g', 'L', 'K'])
const USTAR = 'ustar\u000000'
const GNU = 'ustar  \0'

/** The header in `block`, or what is wrong with it. */
export function parseOuterHeader(block: Uint8Array): OuterHeader | string {
  let sum = 8 * 0x20
  for (let i = 0; i < BLOCK_BYTES; i++) if (i < 148 || i >= 156) sum += block[i] as number
  if (parseNumber(block, 148, 8) !== sum) return 'a header whose checksum is wrong'
  const magic = text(block, 257, 8, false)
  if (magic !== USTAR && magic !== GNU) return 'a header of an unknown kind of tar'
  const size = parseNumber(block, 124, 12)
  if (size === undefined) return 'a header without a size'
  const flag = text(block, 156, 1, false)
  const type = flag === '\0' ? '0' : flag
  if (!TYPES.has(type)) return `an entry of unsupported type "${type}"`
  if (size > 0 && (type === '1' || type === '2' || type === '5'))
    return 'a link or directory with content'
  const prefix = magic === USTAR ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    linkPath: text(block, 157, 100),
    size,
    type: type as OuterHeader['type'],
  }
}

/** What PAX records say about the name, link and size of the next entry, or what is wrong. */
export function parseOuterPax(
  data: Uint8Array,
): { path?: string; linkPath?: string; size?: number } | string {
  const found: { path?: string; linkPath?: string; size?: number } = {}
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const digits = space < 0 ? '' : bytes.toString('latin1', at, space)
    const length = /^[1-9][0-9]{0,6}$/.test(digits) ? Number(digits) : 0
    const end = at + length
    const equals = bytes.indexOf(0x3d, space)
    if (
      length === 0 ||
      end > bytes.length ||
      bytes[end - 1] !== 0x0a ||
      equals < 0 ||
      equals >= end
    ) {
      return 'a PAX record that cannot be read'
    }
    const key = bytes.toString('utf8', space + 1, equals)
    const value = bytes.toString('utf8', equals + 1, end - 1)
    if (key === 'path') found.path = value
    else if (key === 'linkpath') found.linkPath = value
    else if (key === 'size') {
      if (!/^(?:0|[1-9][0-9]{0,15})$/.test(value) || !Number.isSafeInteger(Number(value)))
        return 'a PAX size that is no number'
      found.size = Number(value)
    } else if (key.startsWith('GNU.sparse.')) return 'a sparse file'
    at = end
  }
  return found
}

function text(block: Uint8Array, start: number, length: number, untilNul = true): string {
  const field = Buffer.from(block.buffer, block.byteOffset + start, length)
  const nul = untilNul ? field.indexOf(0) : -1
  return field.toString(untilNul ? 'utf8' : 'latin1', 0, nul < 0 ? length : nul)
}

/** Octal with leading spaces, or base-256. */
function parseNumber(block: Uint8Array, start: number, length: number): number | undefined {
  const first = block[start] as number
  if (first === 0x80) {
    let value = 0
    for (let i = start + 1; i < start + length; i++) value = value * 256 + (block[i] as number)
    return Number.isSafeInteger(value) ? value : undefined
  }
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text(block, start, length, false))?.[1]
  return digits === undefined ? undefined : parseInt(digits, 8)
}
