/** The properties of the verdict over seeded cases; test/support/verdict-properties.ts states them. */
import { describe, it } from 'vitest'
import { decide } from '../../protocol/verdict/decide.ts'
import {
  checkVerdictProperty,
  verdictProperties,
  type VerdictProperty,
} from '../support/verdict-properties.ts'

const CASES = { default: 1000, ci: 10_000, soak: 100_000 }[
  process.env.REBUILDNET_TEST_DEPTH ?? 'default'
]

/** Those that answer a threat of the design's list, which is numbered. */
const THREATS: Readonly<Partial<Record<VerdictProperty, string>>> = {
  'a release by an operator that no project file names as announcer changes nothing': 'T1: ',
  'statements of keys outside policy and project files change nothing': 'T3: ',
  'allow only with k distinct operators of the policy on one cell, digest and mapping': 'T4: ',
  'times in statements do not matter': 'T11: ',
}

describe('the verdict', () => {
  it.each(
    verdictProperties.map(
      (property) => [`${THREATS[property] ?? ''}${property}`, property] as const,
    ),
  )('%s', (_, property) => {
    checkVerdictProperty(property, { decide }, CASES ?? 1000)
  })
})
