/**
 * One table of a policy file, and the questions that its parser may ask of it.
 *
 * The value comes from a TOML parser, so it is `unknown` until asked. Absence is undefined; any
 * other surprise is a PolicyError that names the key.
 */
import { PolicyError, type PolicyErrorCode } from './policy-error.ts'

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

export class PolicyTable {
  readonly #table: Readonly<Record<string, unknown>>
  readonly #path: string

  /** `path` names the table in messages: empty for the whole file. */
  constructor(value: unknown, path: string) {
    // A parser gives tables as plain objects; a date or a map is none.
    const prototype: unknown =
      typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined
    if (prototype !== Object.prototype && prototype !== null) {
      throw new PolicyError('not-a-table', path, 'must be a table')
    }
    this.#table = value as Readonly<Record<string, unknown>>
    this.#path = path
  }

  fail(code: PolicyErrorCode, key: string, message: string): never {
    throw new PolicyError(code, this.#name(key), message)
  }

  only(known: readonly string[]): void {
    for (const key of Object.keys(this.#table)) {
      if (known.includes(key)) continue
      // A quoted TOML key can hold anything, line breaks too.
      const name = /^[\w-]{1,80}$/.test(key) ? key : shown(key)
      this.fail('unknown-key', name, `is not a key of a policy; known: ${known.join(', ')}`)
    }
  }

  /** What one of the questions below gave for `key`, which must be there. */
  required<T>(key: string, value: T | undefined): T {
    return value ?? this.fail('missing-key', key, 'is missing')
  }

  integer(key: string, min: number, below: PolicyErrorCode = 'out-of-range'): number | undefined {
    const value = this.#get(key)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      this.fail('wrong-type', key, 'must be a whole number')
    }
    if (value < min) this.fail(below, key, `must be at least ${min}, not ${value}`)
    return value
  }

  boolean(key: string): boolean | undefined {
    const value = this.#get(key)
    if (value === undefined || typeof value === 'boolean') return value
    this.fail('wrong-type', key, 'must be true or false')
  }

  choice<const T extends string>(key: string, values: readonly T[]): T | undefined {
    const value = this.string(key)
    if (value === undefined) return undefined
    const found = values.find((each) => each === value)
    if (found === undefined) {
      this.fail('bad-value', key, `must be one of ${values.join(', ')}, not ${shown(value)}`)
    }
    return found
  }

  string(key: string): string | undefined {
    const value = this.#get(key)
    if (value === undefined || typeof value === 'string') return value
    this.fail('wrong-type', key, 'must be a string')
  }

  /** A string that `is` admits; `what` completes "must be …". */
  spelled(key: string, is: (text: string) => boolean, what: string): string | undefined {
    const value = this.string(key)
    if (value !== undefined && !is(value)) {
      this.fail('bad-value', key, `must be ${what}, not ${shown(value)}`)
    }
    return value
  }

  /** Seconds, from `90s`, `10m`, `48h` or `7d`. */
  duration(key: string): number | undefined {
    const value = this.string(key)
    if (value === undefined) return undefined
    const [, count, unit = ''] = /^([0-9]{1,9})(s|m|h|d)$/.exec(value) ?? []
    const seconds = UNIT_SECONDS[unit]
    if (count === undefined || seconds === undefined) {
      this.fail('bad-value', key, `must be a duration such as "48h" or "7d", not ${shown(value)}`)
    }
    return Number(count) * seconds
  }

  strings(key: string, is: (text: string) => boolean, what: string): string[] {
    return this.#list(key).map((item, i) => {
      if (typeof item === 'string' && is(item)) return item
      this.fail('bad-value', `${key}[${i}]`, `must be ${what}`)
    })
  }

  tables(key: string): PolicyTable[] {
    return this.#list(key).map((item, i) => new PolicyTable(item, this.#name(`${key}[${i}]`)))
  }

  #list(key: string): readonly unknown[] {
    const value = this.#get(key) ?? []
    if (!Array.isArray(value)) this.fail('wrong-type', key, 'must be a list')
    return value
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#table, key) ? this.#table[key] : undefined
  }

  #name(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`
  }
}

/** What the user wrote, fit for one line. */
function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
