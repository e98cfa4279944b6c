/** The timers port: waiting, so that tests need not. */
import { setTimeout as wait } from 'node:timers/promises'

export interface Timers {
  /** Resolves after so many milliseconds; rejects when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export const systemTimers: Timers = {
  sleep: async (milliseconds, signal) => {
    await wait(milliseconds, undefined, { signal })
  },
}
