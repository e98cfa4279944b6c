/** The properties of the verdict over seeded cases; test/support/verdict-properties.ts states them. */
import { describe, it } from 'vitest'
import { decide } from '../../protocol/verdict/decide.ts'
import { checkVerdictProperty, verdictProperties } from '../support/verdict-properties.ts'

const CASES = { default: 1000, ci: 10_000, soak: 100_000 }[
  process.env.REBUILDNET_TEST_DEPTH ?? 'default'
]

describe('the verdict', () => {
  it.each(verdictProperties)('%s', (property) => {
    checkVerdictProperty(property, { decide }, CASES ?? 1000)
  })
})
