/**
 * The dates by which snapshot archives are named, `20260610` or `2026-06-10`, and the times for
 * which they stand: the midnight in UTC with which the day begins.
 *
 * Calendar arithmetic of its own, since protocol/ has no clock: days since 1970 of the proleptic
 * Gregorian calendar, by years that begin in March.
 */
import type { UnixSeconds } from './identifiers.ts'

const SECONDS_PER_DAY = 86_400
const DAYS_PER_ERA = 146_097
/** From the first of March of the year 0 to 1970. */
const DAYS_TO_1970 = 719_468

/** Seconds since 1970; undefined where `text` is no date from 1970 on. */
export function parseArchiveDate(text: string): UnixSeconds | undefined {
  const [, year, dash, month, day] =
    /^([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})$/.exec(text)?.map(String) ?? []
  if (year === undefined || dash === undefined) return undefined
  const seconds = daysOf(Number(year), Number(month), Number(day)) * SECONDS_PER_DAY
  // The thirtieth of February is another day, and so is not this one.
  return seconds >= 0 && archiveDates(seconds).includes(text) ? seconds : undefined
}

/** Both spellings of the day that begins then; none where no day begins then. */
export function archiveDates(seconds: UnixSeconds): readonly string[] {
  if (seconds < 0 || seconds % SECONDS_PER_DAY !== 0) return []
  const days = seconds / SECONDS_PER_DAY + DAYS_TO_1970
  const era = Math.floor(days / DAYS_PER_ERA)
  const dayOfEra = days - era * DAYS_PER_ERA
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const parts = [String(year).padStart(4, '0'), two(month), two(day)]
  return [parts.join(''), parts.join('-')]
}

function daysOf(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year
  const era = Math.floor(shiftedYear / 400)
  const yearOfEra = shiftedYear - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_PER_ERA + dayOfEra - DAYS_TO_1970
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
