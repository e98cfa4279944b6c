/** The JSON Schemas of the predicates, against the same vectors as the parsers. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import type { StatementErrorCode } from '../../../protocol/statement-error.ts'
import { invalidVectors, validVectors } from '../../support/vectors/statements.ts'

const ajv = new Ajv2020({ strict: true, strictTypes: false })

function compile(name: string): ValidateFunction {
  const url = new URL(`../../../protocol/schemas/${name}.v1.json`, import.meta.url)
  return ajv.compile(JSON.parse(readFileSync(url, 'utf8')) as object)
}

const predicates = {
  release: compile('release'),
  rebuild: compile('rebuild'),
  commitment: compile('commitment'),
  withdrawal: compile('withdrawal'),
  operator: compile('operator'),
}
const card = compile('operator-card')

interface Payload {
  readonly predicateType: string
  readonly predicate: { readonly card: string }
}

function kindOf({ predicateType }: Payload): keyof typeof predicates {
  return predicateType.split('/').at(-2) as keyof typeof predicates
}

/** What a schema can say; sums of lengths, order and what depends on two members it cannot. */
const EXPRESSIBLE: readonly StatementErrorCode[] = [
  'missing-field',
  'unknown-field',
  'wrong-type',
  'unknown-enum-value',
  'not-canonical',
]
const BEYOND_A_SCHEMA = [
  // Outside of the predicate
  'payload that is a list',
  'statement without predicate',
  'rebuild of a published image with the commit as subject',
  // Depends on another member
  'digest of another profile than the statement',
  "another's key listed without its proof",
  'second card to which the root key before has not agreed',
  // Grammar of the profile and of escapes
  'unsorted profile parameters',
  'path escaped for nothing',
]

describe('the JSON Schemas', () => {
  it.each(validVectors)('admit the predicate of a valid vector: $name', ({ payload }) => {
    const statement = JSON.parse(payload) as Payload
    const validate = predicates[kindOf(statement)]
    validate(statement.predicate)
    expect(validate.errors).toBeNull()
  })

  it('admit the card of each valid operator statement', () => {
    const cards = validVectors.filter(({ body }) => body.kind === 'operator')
    expect(cards.length).toBeGreaterThan(0)
    for (const { payload } of cards) {
      const { predicate } = JSON.parse(payload) as Payload
      card(JSON.parse(Buffer.from(predicate.card, 'base64').toString()))
      expect(card.errors).toBeNull()
    }
  })

  const expressible = invalidVectors.filter(
    ({ name, code }) => EXPRESSIBLE.includes(code) && !BEYOND_A_SCHEMA.includes(name),
  )
  it.each(expressible)('refuse what the parser refuses: $name', ({ hex }) => {
    const payload = Buffer.from(hex, 'hex').subarray(97).toString()
    const statement = JSON.parse(payload) as Payload
    const kind = kindOf(statement)
    const wrapped = predicates[kind](statement.predicate)
    const inner =
      kind !== 'operator' ||
      !wrapped ||
      card(JSON.parse(Buffer.from(statement.predicate.card, 'base64').toString()))
    expect(wrapped && inner).toBe(false)
  })
})
