/** What GNU tar lists of a plain tar, and the contents that it gives out. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'

/** An entry of the tar, in its order. Names have one character a byte, and are canonical. */
export interface GnuEntry {
  readonly path: string
  /** The letter that it shows: `-dlhcbp`. */
  readonly letter: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a file: its size, and the SHA-256 of what tar writes out for it. */
  readonly size?: number
  readonly sha256?: string
  /** Of a symlink as written, of a hardlink canonical. */
  readonly target?: string
  readonly major?: number
  readonly minor?: number
}

const LINE = /^(.)(.{9})\S? (\d+)\/(\d+) +(\d+)(?:,(\d+))? \S+ \S+ (.*)$/
const SEPARATORS: Readonly<Record<string, string>> = { l: ' -> ', h: ' link to ' }
const MAX_BYTES = 512 * 1024 * 1024

export function listWithGnuTar(file: string): readonly GnuEntry[] {
  const options = ['--numeric-owner', '--quoting-style=escape']
  const listing = tar([...options, '-tvf', file]).toString('latin1')
  const contents = tar(['-xOf', file])
  let at = 0
  return listing
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const entry = parseLine(line)
      if (entry.letter !== '-') return entry
      const content = contents.subarray(at, (at += entry.size ?? 0))
      return { ...entry, sha256: createHash('sha256').update(content).digest('hex') }
    })
}

function tar(args: readonly string[]): Buffer {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
  return execFileSync('tar', args, { env, maxBuffer: MAX_BYTES, stdio: ['ignore', 'pipe', 'pipe'] })
}

function parseLine(line: string): GnuEntry {
  const match = LINE.exec(line)
  if (match === null) throw new Error(`not a line of tar -tv: ${line}`)
  const [, letter = '', bits = '', uid, gid, first, second, rest = ''] = match
  const separator = SEPARATORS[letter]
  const at = separator === undefined ? -1 : rest.indexOf(separator)
  const name = at === -1 ? rest : rest.slice(0, at)
  const target = at === -1 ? undefined : unescape(rest.slice(at + (separator?.length ?? 0)))
  return {
    path: canonical(unescape(name)),
    letter,
    mode: parseMode(bits),
    uid: Number(uid),
    gid: Number(gid),
    ...(letter === '-' ? { size: Number(first) } : {}),
    ...(second === undefined ? {} : { major: Number(first), minor: Number(second) }),
    ...(target === undefined ? {} : { target: letter === 'h' ? canonical(target) : target }),
  }
}

/** `rwxr-sr-t` and the like. */
function parseMode(bits: string): number {
  const plain = Array.from(bits).reduce(
    (mode, letter, i) => ('-ST'.includes(letter) ? mode : mode | (0o400 >> i)),
    0,
  )
  const special = [2, 5, 8].map((i, n) => (/[sStT]/.test(bits[i] ?? '') ? 0o4000 >> n : 0))
  return special.reduce((mode, bit) => mode | bit, plain)
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '?': '\x7f',
}

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3}|.)/gs, (_, what: string) =>
    what.length === 3 ? String.fromCharCode(parseInt(what, 8)) : (ESCAPES[what] ?? what),
  )
}

function canonical(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')
}
