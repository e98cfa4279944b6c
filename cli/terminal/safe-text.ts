/**
 * Makes a text of unknown origin fit for a terminal: what it says is shown, what it would do is not.
 *
 * Names, reasons, paths and build output come from strangers. An escape sequence in them could move
 * the cursor, forge a line or set the clipboard; a bidirectional override could show `deny` as
 * something else. node/README.md T20. Everything that is printed for a person passes through here.
 */

/**
 * Controls (C0, DEL, C1), formatting (bidirectional, zero-width, tags), line and paragraph
 * separators; U+2065 is not assigned yet, but stands among formatting characters.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u2065]/gu
const WHITE_SPACE = /[\t\n\v\f\r\u0085\u2028\u2029]+/gu
const LONE_SURROGATE = /\p{Surrogate}/gu

/** One line without any character that a terminal acts on. */
export function safeText(text: string): string {
  return text.replace(WHITE_SPACE, ' ').replace(LONE_SURROGATE, '\ufffd').replace(UNSAFE, '')
}

/** Whether it has a character that a terminal acts on, or nothing that can be seen. */
export function isUnsafeName(text: string): boolean {
  // Blank letters (Braille blank, Hangul fillers) count as letters and show as nothing.
  const seen = text.replace(/[\s\u2800\u115f\u1160\u3164\uffa0]/gu, '')
  return seen === '' || text.search(UNSAFE) >= 0 || text.search(LONE_SURROGATE) >= 0
}

/** The same JSON value, with those characters escaped, since JSON may be looked at as well. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
