/** Timers that stand still until they are told. */
import type { Timers } from '../../node/alert/timers.ts'

export interface Sleeper {
  readonly milliseconds: number
  /** Ends this wait. */
  readonly wake: () => void
}

export class ManualTimers implements Timers {
  #sleepers: Sleeper[] = []
  #watchers: {
    readonly wanted: (sleeper: Sleeper) => boolean
    readonly found: (sleeper: Sleeper) => void
  }[] = []

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#sleepers = this.#sleepers.filter((each) => each !== sleeper)
      }
      const sleeper: Sleeper = {
        milliseconds,
        wake: () => {
          end()
          resolve()
        },
      }
      const abort = (): void => {
        end()
        reject(signal.reason as Error)
      }
      if (signal.aborted) {
        abort()
        return
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#sleepers.push(sleeper)
      const told = this.#watchers.filter(({ wanted }) => wanted(sleeper))
      this.#watchers = this.#watchers.filter((each) => !told.includes(each))
      for (const { found } of told) found(sleeper)
    })
  }

  /** The first wait of which `wanted` holds, as soon as somebody waits so. */
  sleeper(wanted: (sleeper: Sleeper) => boolean): Promise<Sleeper> {
    const present = this.#sleepers.find(wanted)
    if (present !== undefined) return Promise.resolve(present)
    return new Promise((resolve) => this.#watchers.push({ wanted, found: resolve }))
  }
}
