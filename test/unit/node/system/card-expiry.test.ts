import { describe, expect, it } from 'vitest'
import { examineCard } from '../../../../node/system/card-expiry.ts'

const DAY = 86_400
const EXPIRES = Date.parse('2026-07-01T00:00:00Z') / 1000

describe('the own operator card', () => {
  it.each([
    [31 * DAY, 'ok', 'good until 2026-07-01'],
    [30 * DAY, 'warn', 'expires in 30 days, on 2026-07-01'],
    [DAY, 'warn', 'expires in 1 day, on 2026-07-01'],
    [1, 'warn', 'expires within a day, on 2026-07-01'],
    [0, 'fail', 'expired on 2026-07-01: nobody counts what this node signs'],
  ] as const)('%i seconds before its end is %s', (left, status, detail) => {
    const finding = examineCard(EXPIRES, EXPIRES - left)
    expect(finding).toMatchObject({ status, detail })
    expect(finding.remedy === undefined).toBe(status === 'ok')
  })
})
