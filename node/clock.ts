/** The clock port: the only place where time comes in. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

/** Whole seconds since 1970, as statements carry them. */
export function unixSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000)
}
