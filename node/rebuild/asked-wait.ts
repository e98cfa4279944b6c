/**
 * How long a server has asked to be left alone, as the log of a build has it.
 *
 * Archives throttle, and a fleet that comes back too early is throttled for longer. The queue waits
 * at least that long, and its own backoff where that is longer.
 */

/** Whoever asks for more has been misread, or does not want us at all: it is tried again then. */
const MAX_WAIT_SECONDS = 6 * 3600

/** Seconds of the last `Retry-After: N`; undefined where there is none. Dates are not read. */
export function askedWait(log: string): number | undefined {
  const seconds = [...log.matchAll(/\bretry-after:[ \t]*([0-9]{1,9})(?![0-9])/gi)].at(-1)?.[1]
  return seconds === undefined ? undefined : Math.min(MAX_WAIT_SECONDS, Number(seconds))
}
