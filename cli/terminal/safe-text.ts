/**
 * Makes a text of unknown origin fit for a terminal: what it says is shown, what it would do is not.
 *
 * Names, reasons, paths and build output come from strangers. An escape sequence in them could move
 * the cursor, forge a line or set the clipboard; a bidirectional override could show `deny` as
 * something else. node/README.md T20. Everything that is printed for a person passes through here.
 */

/** Controls (C0, DEL, C1), formatting (bidirectional, zero-width, tags), line and paragraph separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const WHITE_SPACE = /[\t\n\v\f\r\u0085\u2028\u2029]+/gu
const LONE_SURROGATE = /\p{Surrogate}/gu

/** One line without any character that a terminal acts on. */
export function safeText(text: string): string {
  return text.replace(WHITE_SPACE, ' ').replace(LONE_SURROGATE, '\ufffd').replace(UNSAFE, '')
}

/** The same JSON value, with those characters escaped, since JSON may be looked at as well. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
