/** Values as words for a person. */
import { safeText } from './safe-text.ts'

const SHORT_ID_CHARACTERS = 12
const DAY_SECONDS = 86_400

/** `2026-03-01 12:34` in UTC. */
export function timeWords(seconds: number | null): string {
  if (seconds === null) return '-'
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
}

/** A length of time in its two largest units: `2h 5m`. */
export function durationWords(seconds: number): string {
  const units = [
    ['d', DAY_SECONDS],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const
  let rest = Math.max(0, Math.round(seconds))
  const parts: string[] = []
  for (const [unit, length] of units) {
    const count = Math.floor(rest / length)
    rest -= count * length
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.slice(0, 2).join(' ') || '0s'
}

export function bytesWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1] ?? ''}`
}

/** `1 peer`, `2 peers`. */
export function countWords(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Enough of a sid to name it: commands take a prefix of 8 or more. */
export function shortSid(sid: string): string {
  return sid.slice(0, SHORT_ID_CHARACTERS)
}

/** An operator by its name and enough of its id to tell two of one name apart. */
export function operatorWords(id: string | null, name?: string | null): string {
  if (id === null) return '(unknown operator)'
  const short = `${id.slice(0, SHORT_ID_CHARACTERS)}…`
  return name === undefined || name === null || name === '' ? short : `${name} (${short})`
}

/** How a shell gets what stands in `shellWords` as `$NL`: a substitution drops a newline at its end. */
export const NEWLINE_VARIABLE = "NL=$(printf '\\n.'); NL=${NL%.}"

/**
 * An argv as one line that a shell reads the same way, with the fresh folder of a planned build left
 * for it to fill in. A character that is not shown as it is stands there by name, never changed.
 */
export function shellWords(argv: readonly string[]): string {
  return argv.map(shellWord).join(' ')
}

function shellWord(word: string): string {
  if (word === '') return "''"
  return word
    .split(VARIABLE)
    .map((part) => {
      if (part === WORK) return `"${WORK}"`
      if (part === '\n') return '"$NL"'
      return isShownAsItIs(part) ? quote(part) : `"$(printf '${octalBytes(part)}')"`
    })
    .join('')
}

const WORK = '$WORK'
/** What a line cannot hold as it is: the folder, and each character that is not shown, on its own. */
const VARIABLE = /(\$WORK|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u2065])/u

function isShownAsItIs(text: string): boolean {
  return safeText(text) === text
}

function octalBytes(text: string): string {
  return [...new TextEncoder().encode(text)]
    .map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
    .join('')
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
