/**
 * An answer holds as long as it says. A node that keeps answers asks again only then, so a bound that
 * is left out would show an `allow` that nothing carries any more.
 */
import { isDeepStrictEqual } from 'node:util'
import { expect, it } from 'vitest'
import { decide, decideFor } from '../../protocol/verdict/decide.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { NOW } from '../support/verdict-cases.ts'
import { generateCase } from '../support/verdict-generator.ts'

const CASES = { default: 1000, ci: 10_000, soak: 100_000 }[
  process.env.REBUILDNET_TEST_DEPTH ?? 'default'
]
const DAY = 86_400

it('an answer is the same, but for its date, until the moment that it names', () => {
  let [changed, lost] = [0, 0]
  for (let seed = 0; seed < (CASES ?? 1000); seed++) {
    const random = new SeededRandom(seed)
    const input = generateCase(seed)
    const { answer, holdsUntil } = decideFor(input)
    const isSameAt = (now: number): boolean =>
      isDeepStrictEqual({ ...decide({ ...input, now }), asOf: NOW }, answer)
    const later = NOW + random.integer(200 * DAY)
    // Also a bound that nobody names is found: where the answer is another, one must have passed.
    if (later < holdsUntil) expect(isSameAt(later), `seed ${seed} at ${later}`).toBe(true)
    if (holdsUntil === Infinity) continue
    expect(holdsUntil).toBeGreaterThan(NOW)
    expect(isSameAt(holdsUntil - 1), `seed ${seed} just before ${holdsUntil}`).toBe(true)
    if (isSameAt(holdsUntil)) continue
    changed++
    const { decision } = decide({ ...input, now: holdsUntil })
    if (answer.decision === 'allow' && decision !== 'allow') lost++
  }
  // The moments are those at which something happens, not just early ones.
  expect(changed).toBeGreaterThan(50)
  expect(lost).toBeGreaterThan(5)
})
