/**
 * Notices when time, or a head, changes who of the policy's operators can be relied on.
 *
 * Whoever was fresh becomes stale without any message; the answers that stand on it are asked again
 * then, and only those.
 */
import type { ImageName, UnixSeconds } from '../../protocol/identifiers.ts'
import { rulesFor, type Policy } from '../../protocol/policy.ts'
import type { LogView } from '../../protocol/verdict/log-view.ts'

const CHECK_INTERVAL_MS = 60_000
/** Heads come in crowds; one look serves them all. */
const SETTLE_MS = 500

export interface FreshnessComponents {
  readonly view: () => LogView
  readonly now: () => UnixSeconds
  readonly policy: () => Policy
  readonly images: () => readonly ImageName[]
  readonly changed: (images: readonly ImageName[]) => void
}

export class FreshnessWatch {
  readonly #components: FreshnessComponents
  readonly #last = new Map<ImageName, string>()
  #interval: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined

  constructor(components: FreshnessComponents) {
    this.#components = components
  }

  start(): void {
    this.check()
    this.#interval = setInterval(() => this.check(), CHECK_INTERVAL_MS)
    this.#interval.unref()
  }

  stop(): void {
    clearInterval(this.#interval)
    clearTimeout(this.#settling)
  }

  /** Looks again soon: a head has come. */
  checkSoon(): void {
    if (this.#settling !== undefined) return
    this.#settling = setTimeout(() => {
      this.#settling = undefined
      this.check()
    }, SETTLE_MS)
    this.#settling.unref()
  }

  check(): void {
    const { images, changed } = this.#components
    const different = images().filter((image) => {
      const standing = this.#standing(image)
      const before = this.#last.get(image)
      this.#last.set(image, standing)
      return before !== standing
    })
    if (different.length > 0) changed(different)
  }

  /** All that an answer about the image takes from the logs' heads, in short. */
  #standing(image: ImageName): string {
    const { view: read, now, policy: readPolicy } = this.#components
    const policy = readPolicy()
    const view = read()
    const { rules } = rulesFor(policy, image)
    const operators = policy.operators.map(({ id }) => {
      if (view.isEquivocator(id)) return 'forked'
      const upTo = view.completeUpTo(id, image)
      return upTo !== undefined && now() - upTo < rules.maxAgeSeconds ? 'fresh' : 'silent'
    })
    return [String(view.clockSuspect), ...operators].join(' ')
  }
}
