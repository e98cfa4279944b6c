/**
 * One place in a JSON value that somebody sent, and the questions a parser may ask of it.
 *
 * Every answer is a value of the asked type or a StatementError that names the place. Lengths are
 * in UTF-8 bytes. `null` is a value of the wrong type, never an absent field.
 */
import { utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import {
  isJsonObject,
  JsonError,
  parseJson,
  type JsonLimits,
  type JsonObject,
  type JsonValue,
} from './json.ts'
import { StatementError, type StatementErrorCode } from './statement-error.ts'

/** parseJson, with its errors as StatementErrors. */
export function parseJsonField(bytes: Uint8Array, limits: JsonLimits): Field {
  try {
    return new Field(parseJson(bytes, limits), '')
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw new StatementError(error.code, '', error.message, error)
  }
}

export class Field {
  readonly value: JsonValue | undefined
  readonly path: string

  constructor(value: JsonValue | undefined, path: string) {
    this.value = value
    this.path = path
  }

  fail(code: StatementErrorCode, message: string): never {
    throw new StatementError(code, this.path, message)
  }

  object(): JsonObject {
    this.#present()
    if (!isJsonObject(this.value)) this.fail('wrong-type', 'is not an object')
    return this.value
  }

  /** The member `key`, which may be absent: reading it then fails with `missing-field`. */
  at(key: string): Field {
    return new Field(this.object()[key], this.path === '' ? key : `${this.path}.${key}`)
  }

  /** What `read` makes of the member `key`, or undefined where there is none. */
  optional<T>(key: string, read: (field: Field) => T): T | undefined {
    const field = this.at(key)
    return field.value === undefined ? undefined : read(field)
  }

  /** For closed schemas: any member that is not in `known` is an error. */
  only(known: readonly string[]): this {
    for (const key of Object.keys(this.object())) {
      if (!known.includes(key)) this.fail('unknown-field', `has an unknown field ${quote(key)}`)
    }
    return this
  }

  string(maxBytes: number, { empty = false } = {}): string {
    this.#present()
    if (typeof this.value !== 'string') this.fail('wrong-type', 'is not a string')
    if (this.value === '' && !empty) this.fail('not-canonical', 'is empty')
    // A UTF-16 unit is at most three bytes: most strings need not be encoded to be short enough.
    if (this.value.length * 3 > maxBytes && utf8(this.value).length > maxBytes) {
      this.fail('too-long', `is longer than ${maxBytes} bytes`)
    }
    return this.value
  }

  /** A string for a person to read on one line: no control characters. */
  text(maxBytes: number, options?: { empty?: boolean }): string {
    const value = this.string(maxBytes, options)
    if (/\p{Cc}/u.test(value)) this.fail('not-canonical', 'has a control character')
    return value
  }

  /** A string in the one spelling that `is` admits; `what` completes "is not …". */
  spelled(is: (text: string) => boolean, what: string, maxBytes = 512): string {
    const value = this.string(maxBytes)
    if (!is(value)) this.fail('not-canonical', `is not ${what}: ${quote(value)}`)
    return value
  }

  oneOf<const T extends string>(values: readonly T[]): T {
    const value = this.string(256)
    const found = values.find((each) => each === value)
    if (found === undefined) {
      this.fail('unknown-enum-value', `${quote(value)} is none of ${values.join(', ')}`)
    }
    return found
  }

  integer(min: number, max: number): number {
    this.#present()
    if (typeof this.value !== 'number') this.fail('wrong-type', 'is not a number')
    if (this.value < min || this.value > max) {
      this.fail('out-of-range', `is ${this.value}, not within ${min} and ${max}`)
    }
    return this.value
  }

  boolean(): boolean {
    this.#present()
    if (typeof this.value !== 'boolean') this.fail('wrong-type', 'is not true or false')
    return this.value
  }

  list(max: number): Field[] {
    this.#present()
    const value = this.value
    if (!Array.isArray(value)) this.fail('wrong-type', 'is not an array')
    if (value.length > max) this.fail('too-long', `has ${value.length} items, at most ${max}`)
    return value.map((item: JsonValue, i) => new Field(item, `${this.path}[${i}]`))
  }

  /** A list whose items come in strictly ascending order of `compare`: one set, one spelling. */
  sortedList<T>(max: number, read: (field: Field) => T, compare: (a: T, b: T) => number): T[] {
    const items = this.list(max).map(read)
    for (const [i, item] of items.entries()) {
      const previous = items[i - 1]
      if (i > 0 && compare(previous as T, item) >= 0) {
        this.fail('not-sorted', `item ${i} is not after item ${i - 1}: sorted, each once`)
      }
    }
    return items
  }

  /** An object of strings by key; an empty one is written by leaving it out. */
  stringMap(
    maxEntries: number,
    isKey: (key: string) => boolean,
    maxBytes: number,
    values: 'string' | 'text' = 'string',
  ): Record<string, string> {
    const entries = Object.entries(this.object())
    if (entries.length === 0) this.fail('not-canonical', 'is empty: leave it out')
    if (entries.length > maxEntries) {
      this.fail('too-long', `has ${entries.length} entries, at most ${maxEntries}`)
    }
    return Object.fromEntries(
      entries.map(([key, value]) => {
        if (!isKey(key)) this.fail('not-canonical', `has a key that is not allowed: ${quote(key)}`)
        return [key, new Field(value, `${this.path}.${key}`)[values](maxBytes, { empty: true })]
      }),
    )
  }

  /** Fails where the canonical JSON of the whole value has more than `max` bytes. */
  within(max: number): this {
    this.#present()
    if (mostBytes(this.value as JsonValue) <= max) return this
    const size = utf8(canonicalJson(this.value as JsonValue)).length
    if (size > max) this.fail('too-long', `has ${size} bytes of JSON, at most ${max} are allowed`)
    return this
  }

  #present(): void {
    if (this.value === undefined) this.fail('missing-field', 'is missing')
  }
}

/** At least as many bytes as the canonical JSON of a value has, without writing it. */
function mostBytes(value: JsonValue): number {
  // A UTF-16 unit takes six bytes at most, as \u0000; a number sixteen digits and a sign.
  if (typeof value === 'string') return value.length * 6 + 2
  if (typeof value !== 'object' || value === null) return 17
  let bytes = 2
  if (Array.isArray(value)) for (const item of value) bytes += mostBytes(item as JsonValue) + 1
  else {
    for (const [key, item] of Object.entries(value)) bytes += key.length * 6 + 4 + mostBytes(item)
  }
  return bytes
}

/** Plain order of strings that are ASCII. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Text from outside, fit for one line of a message. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
