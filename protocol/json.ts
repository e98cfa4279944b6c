/**
 * JSON that has one reading.
 *
 * RFC 8259 lets two parsers differ about duplicate keys, big numbers and broken UTF-8. What they
 * could read differently is refused here with a code. Numbers are integers within ±(2⁵³−1).
 */
import { decodeUtf8 } from './bytes.ts'

export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }
export type JsonObject = { readonly [key: string]: JsonValue }

export type JsonErrorCode =
  | 'json-syntax'
  | 'json-not-utf8'
  | 'json-duplicate-key'
  | 'json-number'
  | 'json-depth'
  | 'json-string-too-long'

/** Raised by parseJson; each family wraps it in an error of its own. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
  readonly code: JsonErrorCode
  /** Position in UTF-16 units of the text. */
  readonly offset: number

  constructor(code: JsonErrorCode, offset: number, message: string) {
    super(`${message} at position ${offset}`)
    this.code = code
    this.offset = offset
  }
}

export interface JsonLimits {
  /** The deepest nesting of arrays and objects that is read. */
  readonly maxDepth: number
  /** The longest string or key, in UTF-16 units. */
  readonly maxStringLength: number
  /**
   * Values at all depths, arrays and objects too, since each takes far more memory than its bytes;
   * and what is thrown where there are more.
   */
  readonly values?: { readonly max: number; readonly over: () => Error }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses the whole of `bytes`. Objects have a null prototype, so that no key is special. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits): JsonValue {
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new JsonError('json-not-utf8', 0, 'JSON is not UTF-8')
  return new Parser(text, limits).parse()
}

const [SPACE, TAB, LINE_FEED, RETURN] = [0x20, 0x09, 0x0a, 0x0d]
const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Parser {
  readonly #text: string
  readonly #limits: JsonLimits
  #at = 0
  #values = 0

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
  }

  parse(): JsonValue {
    const value = this.#value(1)
    this.#skip()
    if (this.#at < this.#text.length) this.#fail('json-syntax', 'text after the JSON value')
    return value
  }

  #fail(code: JsonErrorCode, message: string): never {
    throw new JsonError(code, this.#at, message)
  }

  /** Passes white space; the code of what comes then, NaN at the end. */
  #skip(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== SPACE && code !== LINE_FEED && code !== TAB && code !== RETURN) return code
      this.#at++
    }
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }

  #takeWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  #value(depth: number): JsonValue {
    const code = this.#skip()
    const { values } = this.#limits
    if (values !== undefined && ++this.#values > values.max) throw values.over()
    if (code === QUOTE) return this.#string()
    if (code === OPEN_OBJECT) return this.#object(depth)
    if (code === OPEN_LIST) return this.#array(depth)
    if (this.#takeWord('true')) return true
    if (this.#takeWord('false')) return false
    if (this.#takeWord('null')) return null
    return this.#number()
  }

  #number(): number {
    NUMBER.lastIndex = this.#at
    const literal = NUMBER.exec(this.#text)?.[0]
    if (literal === undefined) this.#fail('json-syntax', 'not a JSON value')
    const value = Number(literal)
    // 1.0, 1e2 and -0 are integers to some parsers and not to others.
    if (!/^(?:0|-?[1-9][0-9]*)$/.test(literal) || !Number.isSafeInteger(value)) {
      this.#fail('json-number', 'a number that is not an integer within ±(2^53-1)')
    }
    this.#at += literal.length
    return value
  }

  #object(depth: number): JsonObject {
    this.#enter(depth)
    const out = Object.create(null) as Record<string, JsonValue>
    this.#skip()
    if (this.#take(CLOSE_OBJECT)) return out
    for (;;) {
      if (this.#skip() !== QUOTE) this.#fail('json-syntax', 'expected a key')
      const key = this.#string()
      if (key in out) this.#fail('json-duplicate-key', 'duplicate key')
      this.#skip()
      if (!this.#take(COLON)) this.#fail('json-syntax', 'expected ":"')
      out[key] = this.#value(depth + 1)
      this.#skip()
      if (this.#take(CLOSE_OBJECT)) return out
      if (!this.#take(COMMA)) this.#fail('json-syntax', 'expected "," or "}"')
    }
  }

  #array(depth: number): JsonValue[] {
    this.#enter(depth)
    const out: JsonValue[] = []
    this.#skip()
    if (this.#take(CLOSE_LIST)) return out
    for (;;) {
      out.push(this.#value(depth + 1))
      this.#skip()
      if (this.#take(CLOSE_LIST)) return out
      if (!this.#take(COMMA)) this.#fail('json-syntax', 'expected "," or "]"')
    }
  }

  #enter(depth: number): void {
    if (depth > this.#limits.maxDepth) this.#fail('json-depth', 'nested too deeply')
    this.#at++
  }

  #string(): string {
    this.#at++
    let out = ''
    for (;;) {
      const start = this.#at
      let code = this.#text.charCodeAt(this.#at)
      while (code >= SPACE && code !== QUOTE && code !== BACKSLASH)
        code = this.#text.charCodeAt(++this.#at)
      out += this.#text.slice(start, this.#at)
      if (out.length > this.#limits.maxStringLength) {
        this.#fail('json-string-too-long', 'a string over its limit')
      }
      if (this.#take(QUOTE)) break
      if (!this.#take(BACKSLASH))
        this.#fail('json-syntax', 'an unterminated string or a control character')
      out += this.#escape()
    }
    // A lone surrogate has no UTF-8 and would be replaced by some parsers.
    if (!out.isWellFormed()) this.#fail('json-not-utf8', 'a lone surrogate')
    return out
  }

  #escape(): string {
    const char = this.#text.charAt(this.#at++)
    const simple = ESCAPES[char]
    if (simple !== undefined) return simple
    const hex = this.#text.slice(this.#at, this.#at + 4)
    if (char !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) this.#fail('json-syntax', 'a bad escape')
    this.#at += 4
    return String.fromCharCode(parseInt(hex, 16))
  }
}
