/**
 * How two small texts differ, line by line, as a unified diff with a few lines around.
 *
 * No difference is shown as none: a carriage return, a tab for a space, an escape sequence and an
 * end of line that is missing are written out, and a line that is cut says so.
 */
import { decodeUtf8 } from '../../protocol/bytes.ts'

const CONTEXT_LINES = 2
const MAX_SHOWN_LINES = 60
const MAX_LINE_CHARACTERS = 200
/** Beyond, the texts are shown as one replaced by the other: the table of all pairs would be too large. */
const MAX_PAIRS = 4_000_000
/** Stands after a last line that has no end: no line holds one. */
const NO_NEWLINE = '\n'
/** Controls, formatting, line and paragraph separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Undefined where either is no text. */
export function diffTexts(a: Uint8Array, b: Uint8Array): string[] | undefined {
  const [textA, textB] = [linesOf(a), linesOf(b)]
  if (textA === undefined || textB === undefined) return undefined
  const lines = withContext(editScript(textA, textB))
  const shown = lines.slice(0, MAX_SHOWN_LINES)
  const more = lines.length - shown.length
  return more > 0 ? [...shown, `… ${more} more lines`] : shown
}

function linesOf(bytes: Uint8Array): string[] | undefined {
  const text = decodeUtf8(bytes)
  if (text === undefined || text.includes('\0')) return undefined
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  else lines.push(NO_NEWLINE)
  return lines
}

function lineText(line: string): string {
  if (line === NO_NEWLINE) return '(no newline at the end)'
  const cut = line.length > MAX_LINE_CHARACTERS ? `${line.slice(0, MAX_LINE_CHARACTERS)}…` : line
  return cut.replace(UNSEEN, (character) => (character === '\t' ? '⇥' : codePointText(character)))
}

function codePointText(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
}

interface Edit {
  readonly sign: ' ' | '-' | '+'
  readonly line: string
  /** Numbers of the lines from 1, in the first text and in the second. */
  readonly at: readonly [number, number]
}

function editScript(a: readonly string[], b: readonly string[]): Edit[] {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  )
    end++
  const edits: Edit[] = []
  let [i, j] = [0, 0]
  const push = (sign: Edit['sign'], line: string): void => {
    edits.push({ sign, line, at: [i + 1, j + 1] })
    if (sign !== '+') i++
    if (sign !== '-') j++
  }
  for (const line of a.slice(0, start)) push(' ', line)
  const [midA, midB] = [a.slice(start, a.length - end), b.slice(start, b.length - end)]
  for (const { sign, line } of editMiddle(midA, midB)) push(sign, line)
  for (const line of a.slice(a.length - end)) push(' ', line)
  return edits
}

/** By the longest common subsequence. */
function editMiddle(a: readonly string[], b: readonly string[]): Omit<Edit, 'at'>[] {
  const [removed, added] = [
    a.map((line) => ({ sign: '-', line }) as const),
    b.map((line) => ({ sign: '+', line }) as const),
  ]
  const width = b.length + 1
  if ((a.length + 1) * width > MAX_PAIRS) return [...removed, ...added]
  const lengths = new Uint16Array((a.length + 1) * width)
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const edits: Omit<Edit, 'at'>[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      edits.push({ sign: ' ', line: a[i] ?? '' })
      i++
      j++
    } else if (at(i + 1, j) >= at(i, j + 1)) edits.push({ sign: '-', line: a[i++] ?? '' })
    else edits.push({ sign: '+', line: b[j++] ?? '' })
  }
  return [...edits, ...removed.slice(i), ...added.slice(j)]
}

function withContext(edits: readonly Edit[]): string[] {
  const near = (index: number): boolean =>
    edits
      .slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1)
      .some(({ sign }) => sign !== ' ')
  const lines: string[] = []
  let before = false
  edits.forEach(({ sign, line, at }, index) => {
    const shown = near(index)
    if (shown && !before) lines.push(`@@ line ${at[0]} → ${at[1]} @@`)
    if (shown) lines.push(`${sign}${lineText(line)}`)
    before = shown
  })
  return lines
}
