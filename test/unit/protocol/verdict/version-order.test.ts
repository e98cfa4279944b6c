import { describe, expect, it } from 'vitest'
import { isNewerVersion } from '../../../../protocol/verdict/version-order.ts'

describe('isNewerVersion', () => {
  it.each([
    ['1.10.0', '1.9.0'],
    ['v2', '1.9'],
    ['1.0.1', '1.0'],
    ['1.0', '1.0-rc1'],
    ['1.0-rc10', '1.0-rc9'],
    ['1.0-rc1', '1.0-beta2'],
    ['2026-02-01', '2026-01-31'],
    ['20260201', '20260131'],
    ['1.0.1-rc1', '1.0'],
    ['1.1', '1.0rc2'],
    ['1.0', '1.0.0-dev'],
  ])('%s is newer than %s, and not the other way round', (newer, older) => {
    expect(isNewerVersion(newer, older)).toBe(true)
    expect(isNewerVersion(older, newer)).toBe(false)
  })

  it.each([
    ['1.0', '1.0'],
    ['1.0', 'v1.0.0'],
    ['nightly', '1.0'],
    ['2.0', 'nightly'],
    ['3f2a9c', '1e77b0'],
    ['1.0-debian', '1.0'],
    ['1.0+build2', '1.0+build1'],
    ['1.0-3f2a9c', '1.0-1e77b0'],
  ])('%s and %s have no order', (a, b) => {
    expect(isNewerVersion(a, b)).toBe(false)
    expect(isNewerVersion(b, a)).toBe(false)
  })
})
