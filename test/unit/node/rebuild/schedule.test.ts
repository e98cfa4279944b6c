import { describe, expect, it } from 'vitest'
import {
  isOpen,
  localWallClock,
  nextChange,
  parseScheduleWindow,
  type ScheduleWindow,
  type WallClock,
} from '../../../../node/rebuild/schedule.ts'

const HOUR_MS = 3_600_000
const window = (text: string): ScheduleWindow => parseScheduleWindow(text)!
const at = (day: number, time: string) => {
  const [hour = 0, minute = 0] = time.split(':').map(Number)
  return { day, minute: hour * 60 + minute }
}
/** Time that begins on a Sunday at midnight. */
const plain: WallClock = (ms) => {
  const minutes = Math.floor(ms / 60_000)
  return { day: Math.floor(minutes / 1440) % 7, minute: minutes % 1440 }
}

describe('a window of the schedule', () => {
  it.each([
    ['22:00-06:00', { days: [0, 1, 2, 3, 4, 5, 6], from: 1320, to: 360 }],
    ['mon-fri 00:00-24:00', { days: [1, 2, 3, 4, 5], from: 0, to: 1440 }],
    ['fri-mon 01:30-02:00', { days: [0, 1, 5, 6], from: 90, to: 120 }],
    ['sat,sun 08:00-08:01', { days: [0, 6], from: 480, to: 481 }],
    ['wed 24:00-01:00', undefined],
    ['22:00-22:00', undefined],
    ['24:30-01:00', undefined],
    ['22:60-06:00', undefined],
    ['9:00-10:00', undefined],
    ['noday 09:00-10:00', undefined],
    ['mon-tue-wed 09:00-10:00', undefined],
    ['mon, 09:00-10:00', undefined],
    ['', undefined],
  ])('reads %j', (text, expected) => {
    expect(parseScheduleWindow(text)).toEqual(expected)
  })

  it.each([
    ['22:00-06:00', 3, '22:00', true],
    ['22:00-06:00', 3, '21:59', false],
    ['22:00-06:00', 3, '05:59', true],
    ['22:00-06:00', 3, '06:00', false],
    ['mon-fri 22:00-06:00', 6, '05:00', true],
    ['mon-fri 22:00-06:00', 1, '05:00', false],
    ['mon-fri 22:00-06:00', 0, '23:00', false],
    ['sat,sun 00:00-24:00', 6, '23:59', true],
    ['sat,sun 00:00-24:00', 1, '00:00', false],
  ])('%s on day %i at %s: %s', (text, day, time, open) => {
    expect(isOpen([window(text)], at(day, time))).toBe(open)
  })

  it('opens where any of several does', () => {
    const windows = [window('mon-fri 22:00-06:00'), window('sat,sun 00:00-24:00')]
    expect(isOpen(windows, at(0, '12:00'))).toBe(true)
    expect(isOpen(windows, at(2, '12:00'))).toBe(false)
  })
})

describe('the next change', () => {
  it('is the minute in which it opens or closes', () => {
    const nights = [window('22:00-06:00')]
    expect(nextChange(nights, 8 * HOUR_MS + 5, plain)).toBe(22 * HOUR_MS)
    expect(nextChange(nights, 23 * HOUR_MS, plain)).toBe(30 * HOUR_MS)
    expect(nextChange([window('sat 10:00-11:00')], 0, plain)).toBe((6 * 24 + 10) * HOUR_MS)
  })

  it('never comes where it is always open', () => {
    expect(nextChange([window('00:00-24:00')], 0, plain)).toBeUndefined()
  })

  it('follows the clock on the wall over the change to summer time', () => {
    // At 02:00 it becomes 03:00: the window of 02:30 begins half of an hour late, at 03:00.
    const summer: WallClock = (ms) => plain(ms >= 2 * HOUR_MS ? ms + HOUR_MS : ms)
    expect(nextChange([window('02:30-04:00')], HOUR_MS, summer)).toBe(2 * HOUR_MS)
  })

  it('agrees with the local time of this machine', () => {
    const now = Date.now()
    const { day, minute } = localWallClock(now)
    const date = new Date(now)
    expect([day, minute]).toEqual([date.getDay(), date.getHours() * 60 + date.getMinutes()])
  })
})
