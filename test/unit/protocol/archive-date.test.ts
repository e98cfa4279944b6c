import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { archiveDates, parseArchiveDate } from '../../../protocol/archive-date.ts'

const DAY = 86_400

describe('archive dates', () => {
  it('stand for the midnight in UTC with which the day begins', () => {
    expect(parseArchiveDate('19700101')).toBe(0)
    expect(parseArchiveDate('20260610')).toBe(Date.UTC(2026, 5, 10) / 1000)
    expect(parseArchiveDate('2024-02-29')).toBe(Date.UTC(2024, 1, 29) / 1000)
  })

  it.each(['20260230', '20261301', '20260100', '2026-0610', '202606', '1969-12-31', ' 20260610'])(
    '%s is none',
    (text) => {
      expect(parseArchiveDate(text)).toBeUndefined()
    },
  )

  it('are those that the calendar of the machine gives, there and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_932_896 }), (day) => {
        const iso = new Date(day * DAY * 1000).toISOString().slice(0, 10)
        expect(archiveDates(day * DAY)).toEqual([iso.replaceAll('-', ''), iso])
        expect(parseArchiveDate(iso)).toBe(day * DAY)
        expect(parseArchiveDate(iso.replaceAll('-', ''))).toBe(day * DAY)
      }),
    )
  })

  it('are not of a time within the day, or before 1970', () => {
    expect(archiveDates(DAY + 1)).toEqual([])
    expect(archiveDates(-DAY)).toEqual([])
    expect(archiveDates(Number.NaN)).toEqual([])
  })
})
