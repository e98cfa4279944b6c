/**
 * When builds may begin: windows of local time, such as `22:00-06:00` or `mon-fri 22:00-06:00`.
 *
 * A window that ends before it begins goes over midnight, and its days are those on which it begins.
 * It is the clock on the wall that is asked, minute by minute: where the hour of a change to or from
 * summer time is skipped or comes twice, so does what the window has of it.
 */
export interface ScheduleWindow {
  /** 0 is Sunday. */
  readonly days: readonly number[]
  /** Minutes since midnight; `to` is the first that does not belong to it. */
  readonly from: number
  readonly to: number
}

/** What a clock on the wall shows. */
export interface WallTime {
  /** 0 is Sunday. */
  readonly day: number
  /** Since midnight. */
  readonly minute: number
}

export type WallClock = (milliseconds: number) => WallTime

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const EVERY_DAY = DAYS.map((_, day) => day)
const MINUTES_A_DAY = 24 * 60
const MINUTE_MS = 60_000
/** A week, and what summer time may shift. */
const MAX_MINUTES_AHEAD = 8 * MINUTES_A_DAY

/** The local time of this machine. */
export function localWallClock(milliseconds: number): WallTime {
  const date = new Date(milliseconds)
  return { day: date.getDay(), minute: date.getHours() * 60 + date.getMinutes() }
}

/** Undefined where `text` is no window; a window of no length is none. */
export function parseScheduleWindow(text: string): ScheduleWindow | undefined {
  const match = /^(?:([a-z,-]+) +)?(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text)
  if (match === null) return undefined
  const days = match[1] === undefined ? EVERY_DAY : parseDays(match[1])
  const from = parseTime(match[2], match[3])
  const to = parseTime(match[4], match[5])
  if (days === undefined || from === undefined || to === undefined) return undefined
  if (from === to || from === MINUTES_A_DAY) return undefined
  return { days, from, to }
}

export function isOpen(windows: readonly ScheduleWindow[], { day, minute }: WallTime): boolean {
  const yesterday = (day + 6) % 7
  return windows.some(({ days, from, to }) =>
    from < to
      ? days.includes(day) && minute >= from && minute < to
      : (days.includes(day) && minute >= from) || (days.includes(yesterday) && minute < to),
  )
}

/** The next minute, in ms, in which it is open where it is closed now, or the other way round. */
export function nextChange(
  windows: readonly ScheduleWindow[],
  now: number,
  wallClock: WallClock,
): number | undefined {
  const open = isOpen(windows, wallClock(now))
  const thisMinute = Math.floor(now / MINUTE_MS) * MINUTE_MS
  for (let ahead = 1; ahead <= MAX_MINUTES_AHEAD; ahead++) {
    const at = thisMinute + ahead * MINUTE_MS
    if (isOpen(windows, wallClock(at)) !== open) return at
  }
  return undefined
}

function parseTime(hours = '', minutes = ''): number | undefined {
  const [hour, minute] = [Number(hours), Number(minutes)]
  const time = hour * 60 + minute
  return minute < 60 && time <= MINUTES_A_DAY ? time : undefined
}

/** `sat,sun`, `mon-fri`, `fri-mon`. */
function parseDays(text: string): readonly number[] | undefined {
  const days = new Set<number>()
  for (const part of text.split(',')) {
    const [first = -1, last = first, ...more] = part
      .split('-')
      .map((name) => DAYS.indexOf(name as (typeof DAYS)[number]))
    if (first < 0 || last < 0 || more.length > 0) return undefined
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day)
      if (day === last) break
    }
  }
  return [...days].sort((a, b) => a - b)
}
