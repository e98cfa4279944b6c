import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { FreshnessWatch } from '../../../../node/log/freshness-watch.ts'
import { parsePolicy } from '../../../../protocol/policy.ts'
import type { LogView } from '../../../../protocol/verdict/log-view.ts'
import { makeOperator, TEST_IMAGE, TEST_TIME } from '../../../support/statements.ts'

const [alice, bob] = ['alice', 'bob'].map((name) => makeOperator(name).id)
const policy = parsePolicy({ threshold: 2, operator: [{ id: alice }, { id: bob }] }, nodeCrypto)
const OTHER = 'registry.example/other'
const DAY = 24 * 3600

function makeWatch() {
  let now = TEST_TIME
  let view: LogView = {
    checked: true,
    isCounted: () => true,
    isBelow: () => false,
    completeUpTo: (operator, image) =>
      operator === alice && image === TEST_IMAGE ? TEST_TIME : undefined,
    isEquivocator: () => false,
    clockSuspect: false,
  }
  const asked: string[][] = []
  const watch = new FreshnessWatch({
    view: () => view,
    now: () => now,
    policy: () => policy,
    images: () => [TEST_IMAGE, OTHER],
    changed: (images) => void asked.push([...images]),
  })
  watch.check()
  asked.length = 0
  return {
    asked,
    watch,
    pass: (seconds: number) => void (now += seconds),
    see: (fields: Partial<LogView>) => void (view = { ...view, ...fields }),
  }
}

describe('the watch over freshness', () => {
  it('asks again what an operator that has become silent stood for, and nothing else', () => {
    const { asked, watch, pass } = makeWatch()
    pass(DAY)
    watch.check()
    expect(asked).toEqual([])
    pass(DAY)
    watch.check()
    watch.check()
    expect(asked).toEqual([[TEST_IMAGE]])
  })

  it.each([
    ['an operator is proven to have told two histories', { isEquivocator: () => true }],
    ['the clock is suspect', { clockSuspect: true }],
  ])('asks everything again where %s', (_, fields) => {
    const { asked, watch, see } = makeWatch()
    see(fields)
    watch.check()
    expect(asked).toEqual([[TEST_IMAGE, OTHER]])
  })
})
