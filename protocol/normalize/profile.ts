/**
 * What a digest ignores, and the name that says so.
 *
 * The id is hashed into every node of every tree, so one set of exclusions has one spelling:
 * `rebuildnet/1`, then sorted, distinct `;key=value` parameters in printable ASCII. Any other byte
 * of a value, `;` and `%` are written %XX.
 */
import { decodeUtf8 } from '../bytes.ts'
import { type ByteString, fromByteString } from './byte-string.ts'
import { DEFAULT_NORMALIZE_LIMITS } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'

export interface Profile {
  readonly id: string
  /** Canonical paths of files whose size and content do not count. */
  readonly drop: ReadonlySet<ByteString>
  /** Keys of config labels that do not count. */
  readonly ignoreLabels: ReadonlySet<string>
  /** Where defined, mtimes count, as the smaller of this and their whole seconds. */
  readonly mtimeClamp: number | undefined
  /** Names of extended attributes that do not count, without `SCHILY.xattr.`. */
  readonly ignoreXattrs: ReadonlySet<ByteString>
}

const BASE_ID = 'rebuildnet/1'
const MAX_ID_BYTES = 256

export const DEFAULT_PROFILE: Profile = Object.freeze({
  id: BASE_ID,
  drop: new Set<ByteString>(),
  ignoreLabels: new Set<string>(),
  mtimeClamp: undefined,
  ignoreXattrs: new Set<ByteString>(),
})

/** Throws NormalizeError `profile-unknown` or `profile-syntax`. */
export function parseProfile(id: string): Profile {
  if (id === BASE_ID) return DEFAULT_PROFILE
  const [base, ...parameters] = id.split(';')
  if (base !== BASE_ID) throw new NormalizeError('profile-unknown', `no such profile: ${id}`)
  if (id.length > MAX_ID_BYTES) syntax(`a profile id is at most ${MAX_ID_BYTES} bytes`)
  if (!/^[!-~]*$/.test(id)) syntax('a profile id is printable ASCII; write other bytes as %XX')
  const drop = new Set<ByteString>()
  const ignoreLabels = new Set<string>()
  const ignoreXattrs = new Set<ByteString>()
  let mtimeClamp: number | undefined
  let previous = ''
  for (const parameter of parameters) {
    if (parameter <= previous) syntax('profile parameters are sorted, each once')
    previous = parameter
    const equals = parameter.indexOf('=')
    const key = parameter.slice(0, equals)
    const value = parameter.slice(equals + 1)
    if (key === 'drop') drop.add(parsePathValue(value))
    else if (key === 'label-') ignoreLabels.add(parseTextValue(value))
    else if (key === 'xattr-') ignoreXattrs.add(parseValue(value))
    else if (key === 'mtime') {
      if (mtimeClamp !== undefined) syntax('a profile has one mtime parameter')
      mtimeClamp = parseClamp(value)
    } else {
      throw new NormalizeError('profile-unknown', `no such profile parameter: ${parameter}`)
    }
  }
  return Object.freeze({ id, drop, ignoreLabels, mtimeClamp, ignoreXattrs })
}

function syntax(message: string): never {
  throw new NormalizeError('profile-syntax', message)
}

function parseValue(text: string): ByteString {
  if (text === '') syntax('a profile parameter has a value')
  return text.replaceAll(/%(.{0,2})/g, (_, digits: string) => {
    const byte = /^[0-9A-F]{2}$/.test(digits) ? parseInt(digits, 16) : -1
    const needed = byte < 0x21 || byte > 0x7e || byte === 0x25 || byte === 0x3b
    if (byte === -1 || !needed) syntax(`"%${digits}" is not how a profile parameter writes a byte`)
    return String.fromCharCode(byte)
  })
}

function parseTextValue(text: string): string {
  return decodeUtf8(fromByteString(parseValue(text))) ?? syntax('a label key is UTF-8')
}

function parsePathValue(text: string): ByteString {
  const path = parseValue(text)
  const components = path.split('/')
  const canonical = components.every((each) => each !== '' && each !== '.' && each !== '..')
  if (!canonical || path.includes('\0') || path.length > DEFAULT_NORMALIZE_LIMITS.maxPathBytes) {
    syntax(`"${text}" is no path as drop= names it, such as etc/shadow (no leading slash)`)
  }
  return path
}

function parseClamp(value: string): number {
  const digits = /^clamp:(0|[1-9][0-9]*)$/.exec(value)?.[1]
  const seconds = Number(digits)
  if (!Number.isSafeInteger(seconds)) syntax('mtime= is clamp: and whole seconds since 1970')
  return seconds
}
