/**
 * When each project is looked at: at its interval, with jitter, so that announcers do not all come
 * at once; after failures less and less often; never before a server asked to be left alone is over.
 */
import type { ImageName, UnixSeconds } from '../../protocol/identifiers.ts'
import { unixSeconds } from '../clock.ts'
import type { Note } from './note.ts'
import {
  ProjectWatch,
  type LookReport,
  type ProjectWatchComponents,
  type WatchedProject,
} from './watcher.ts'

export interface WatchScheduleComponents extends ProjectWatchComponents {
  /** Resolves after so many milliseconds; rejects when the signal aborts. */
  readonly timers: { sleep(milliseconds: number, signal: AbortSignal): Promise<void> }
  /** From 0 to 1. */
  readonly random: () => number
  /** After each look: what became of the tags, but for those that were only seen. */
  readonly changed: (state: WatchState) => Promise<void>
}

export interface WatchState {
  readonly image: ImageName
  readonly intervalSeconds: number
  readonly lastLook: UnixSeconds | null
  readonly nextLook: UnixSeconds | null
  /** Why the last look failed. */
  readonly trouble: string | null
  /** Tags that were there before, or are the git side of an image. */
  readonly seen: number
  /** All others, the newest first. */
  readonly notes: readonly Note[]
}

interface Running {
  readonly watch: ProjectWatch
  readonly controller: AbortController
  loop: Promise<void>
  lastLook: UnixSeconds | null
  nextLook: UnixSeconds | null
  trouble: string | null
  failures: number
}

const FIRST_LOOK_SECONDS = 30
const JITTER = 0.1
const MAX_BACKOFF_SECONDS = 6 * 3600

export class WatchSchedule {
  readonly #components: WatchScheduleComponents
  readonly #running = new Map<ImageName, Running>()
  #started = false

  constructor(components: WatchScheduleComponents) {
    this.#components = components
  }

  /** Looks by itself from now on. */
  start(): void {
    this.#started = true
    for (const running of this.#running.values()) this.#begin(running)
  }

  async stop(): Promise<void> {
    this.#started = false
    await Promise.all([...this.#running.values()].map((running) => this.#halt(running)))
    this.#running.clear()
  }

  /** The projects that are to be watched, in place of those that are. */
  async update(projects: readonly WatchedProject[]): Promise<void> {
    const wanted = new Map(projects.map((each) => [each.project.image, each]))
    for (const [image, running] of [...this.#running]) {
      const next = wanted.get(image)
      if (JSON.stringify(next) === JSON.stringify(running.watch.watched)) continue
      this.#running.delete(image)
      await this.#halt(running)
      if (next === undefined) await running.watch.notebook.end()
    }
    for (const [image, watched] of wanted) {
      if (this.#running.has(image)) continue
      const running: Running = {
        watch: new ProjectWatch(this.#components, watched),
        controller: new AbortController(),
        loop: Promise.resolve(),
        lastLook: null,
        nextLook: null,
        trouble: null,
        failures: 0,
      }
      this.#running.set(image, running)
      if (this.#started) this.#begin(running)
    }
  }

  /** Looks now, also at what was refused; undefined where it is not watched. What fails is thrown. */
  async poll(image: ImageName, signal: AbortSignal): Promise<LookReport | undefined> {
    const running = this.#running.get(image)
    if (running === undefined) return undefined
    return this.#look(
      running,
      { retry: true },
      AbortSignal.any([signal, running.controller.signal]),
    )
  }

  async states(): Promise<readonly WatchState[]> {
    return Promise.all([...this.#running.values()].map((running) => this.#state(running)))
  }

  #begin(running: Running): void {
    running.loop = this.#loop(running).catch((error: unknown) => {
      if (!running.controller.signal.aborted) {
        this.#components.logger.error({ error: String(error) }, 'a watcher broke')
      }
    })
  }

  async #halt(running: Running): Promise<void> {
    running.controller.abort(new Error('the watcher is stopped'))
    await running.loop
  }

  async #loop(running: Running): Promise<void> {
    const { timers, random, clock } = this.#components
    const { signal } = running.controller
    let wait = random() * FIRST_LOOK_SECONDS
    for (;;) {
      running.nextLook = unixSeconds(clock) + Math.ceil(wait)
      await timers.sleep(wait * 1000, signal)
      let asked = 0
      try {
        await this.#look(running, { retry: false }, signal)
      } catch (error) {
        signal.throwIfAborted()
        asked = retryAfter(error)
      }
      wait = Math.max(this.#pause(running), asked)
    }
  }

  #pause({ watch, failures }: Running): number {
    const { intervalSeconds } = watch.watched.rules
    const longest = Math.max(intervalSeconds, MAX_BACKOFF_SECONDS)
    const pause = Math.min(intervalSeconds * 2 ** Math.min(failures, 16), longest)
    return pause * (1 + JITTER * (2 * this.#components.random() - 1))
  }

  async #look(
    running: Running,
    options: { readonly retry: boolean },
    signal: AbortSignal,
  ): Promise<LookReport> {
    const { clock, logger } = this.#components
    try {
      const report = await running.watch.look(options, signal)
      running.trouble = null
      running.failures = 0
      return report
    } catch (error) {
      if (!signal.aborted) {
        running.trouble = error instanceof Error ? error.message : String(error)
        running.failures++
        const { image } = running.watch.watched.project
        logger.warn({ image, error: running.trouble }, 'a look at tags failed')
      }
      throw error
    } finally {
      running.lastLook = unixSeconds(clock)
      if (!signal.aborted) await this.#components.changed(await this.#state(running))
    }
  }

  async #state({ watch, lastLook, nextLook, trouble }: Running): Promise<WatchState> {
    const { project, rules } = watch.watched
    const all = [...(await watch.notebook.read()).notes.values()]
    const notes = all.filter(({ state }) => state !== 'seen').sort((a, b) => b.at - a.at)
    const { intervalSeconds } = rules
    const seen = all.length - notes.length
    return { image: project.image, intervalSeconds, lastLook, nextLook, trouble, seen, notes }
  }
}

/** Seconds for which the server that failed wants to be left alone. */
function retryAfter(error: unknown): number {
  const { retryAfterSeconds } = error as { readonly retryAfterSeconds?: unknown }
  return typeof retryAfterSeconds === 'number' ? retryAfterSeconds : 0
}
