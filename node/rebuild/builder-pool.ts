/**
 * The builders of a node, and which of them takes the next build.
 *
 * Of those that the recipe allows and that build its platform, the first kind in the node's order;
 * of that kind the one with the most room. One that does not answer is passed over, and asked again
 * the next time.
 */
import {
  allowedBuilders,
  type AvailableBuilder,
  type Builder,
  type BuildResult,
} from './builder.ts'
import type { BuilderPin } from '../../protocol/recipe.ts'

const DETECT_TIMEOUT_MS = 30_000

export interface PooledBuild {
  readonly chosen: AvailableBuilder
  readonly result: BuildResult
}

export class BuilderPool {
  readonly #builders: readonly Builder[]
  readonly #found = new Map<Builder, Promise<AvailableBuilder | undefined>>()
  readonly #running = new Map<Builder, number>()
  readonly #waiting: (() => void)[] = []

  constructor(builders: readonly Builder[]) {
    this.#builders = builders
  }

  /** Those that answer, in the node's order. */
  async available(): Promise<readonly AvailableBuilder[]> {
    const asked = await Promise.all(this.#builders.map((builder) => this.#detect(builder)))
    return asked.flatMap((each) => each ?? [])
  }

  /** Whether a builder elsewhere was said to build this platform natively. */
  isNative(platform: string): boolean {
    return this.#builders.some(({ platforms }) => platforms?.includes(platform) === true)
  }

  /** The one that would take the build now; undefined where none may. */
  async choose(
    allowed: readonly BuilderPin[],
    platform?: string,
  ): Promise<AvailableBuilder | undefined> {
    return this.#roomiest(allowedBuilders(allowed, await this.available(), platform))
  }

  /**
   * Runs `build` with the builder that takes it, once it has room, and with another one where the
   * first does not answer. Undefined where none may. Throws the signal's reason.
   */
  async run(
    allowed: readonly BuilderPin[],
    platform: string,
    build: (chosen: AvailableBuilder) => Promise<BuildResult>,
    signal: AbortSignal,
  ): Promise<PooledBuild | undefined> {
    const silent = new Set<Builder>()
    let last: PooledBuild | undefined
    for (;;) {
      const chosen = await this.#take(allowed, platform, silent, signal)
      if (chosen === undefined) return last
      const { builder } = chosen
      try {
        const result = await build(chosen)
        last = { chosen, result }
        if (result.kind === 'built' || result.code !== 'builder-unreachable') return last
      } finally {
        this.#leave(builder)
      }
      silent.add(builder)
      this.#found.delete(builder)
    }
  }

  async #take(
    allowed: readonly BuilderPin[],
    platform: string,
    silent: ReadonlySet<Builder>,
    signal: AbortSignal,
  ): Promise<AvailableBuilder | undefined> {
    for (;;) {
      signal.throwIfAborted()
      const candidates = allowedBuilders(allowed, await this.available(), platform).filter(
        ({ builder }) => !silent.has(builder),
      )
      const chosen = this.#roomiest(candidates)
      if (chosen === undefined) return undefined
      if (this.#room(chosen.builder) > 0) {
        const { builder } = chosen
        this.#running.set(builder, (this.#running.get(builder) ?? 0) + 1)
        return chosen
      }
      await this.#untilRoom(signal)
    }
  }

  #leave(builder: Builder): void {
    this.#running.set(builder, (this.#running.get(builder) ?? 1) - 1)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async #untilRoom(signal: AbortSignal): Promise<void> {
    // An event that has been is not heard any more.
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Builds that it would still take. */
  #room(builder: Builder): number {
    return (builder.slots ?? Infinity) - (this.#running.get(builder) ?? 0)
  }

  #roomiest(candidates: readonly AvailableBuilder[]): AvailableBuilder | undefined {
    const [first] = candidates
    if (first === undefined) return undefined
    return candidates
      .filter(({ builder }) => builder.name === first.builder.name)
      .reduce((best, each) => (this.#room(each.builder) > this.#room(best.builder) ? each : best))
  }

  async #detect(builder: Builder): Promise<AvailableBuilder | undefined> {
    const asking =
      this.#found.get(builder) ??
      builder
        .detect(AbortSignal.timeout(DETECT_TIMEOUT_MS))
        .then((detected) => (detected === undefined ? undefined : { builder, detected }))
    this.#found.set(builder, asking)
    const found = await asking
    // What is installed here stays as it is; a daemon elsewhere comes and goes.
    if (found === undefined && builder.place !== undefined) this.#found.delete(builder)
    return found
  }
}
