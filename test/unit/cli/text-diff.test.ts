/** How two small texts differ: none of it is shown as nothing. */
import { expect, test } from 'vitest'
import { diffTexts } from '../../../cli/terminal/text-diff.ts'
import { utf8 } from '../../../protocol/bytes.ts'
import { safeText } from '../../../cli/terminal/safe-text.ts'

/** As it comes to a terminal. */
const diff = (a: string, b: string): string[] | undefined =>
  diffTexts(utf8(a), utf8(b))?.map(safeText)

test('shows the lines around what differs, and where they stand', () => {
  const lines = 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj'
  expect(diff(`${lines}\n`, `${lines.replace('f', 'F')}\n`)).toEqual([
    '@@ line 4 → 4 @@',
    ' d',
    ' e',
    '-f',
    '+F',
    ' g',
    ' h',
  ])
})

test.each([
  ['a newline at the end', 'a\n', 'a', [' a', '+(no newline at the end)']],
  ['a carriage return', 'a\n', 'a\r\n', ['-a', '+a<U+000D>']],
  ['a tab for a space', 'a b\n', 'a\tb\n', ['-a b', '+a⇥b']],
  ['an escape sequence', 'a\n', 'a\u001b[2J\n', ['-a', '+a<U+001B>[2J']],
  ['what turns letters around', 'a\n', 'a\u202e\n', ['-a', '+a<U+202E>']],
])('shows %s', (_, a, b, lines) => {
  expect(diff(a, b)?.slice(1)).toEqual(lines)
})

test('says that a line is cut', () => {
  const [, removed] = diff('x'.repeat(300), 'y') ?? []
  expect(removed).toBe(`-${'x'.repeat(200)}…`)
})

test('takes a byte that is no character for no text', () => {
  expect(diffTexts(Uint8Array.of(0xff), utf8('a'))).toBeUndefined()
  expect(diff('\0', 'a')).toBeUndefined()
})
