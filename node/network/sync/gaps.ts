/**
 * Heads whose leaves are not here, gathered for a moment: one exchange with the peer that brought
 * them fills them all. Bounded; what falls out comes in the next round.
 */
import type { Head } from '../../../protocol/log/head.ts'
import { MAX_GAPS } from './limits.ts'

export class Gaps {
  readonly #delayMs: number
  readonly #fill: (peer: string, heads: readonly Head[]) => void
  /** By peer, and by log the largest head. */
  readonly #waiting = new Map<string, Map<string, Head>>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(delayMs: number, fill: (peer: string, heads: readonly Head[]) => void) {
    this.#delayMs = delayMs
    this.#fill = fill
  }

  add(head: Head, peer: string): void {
    if (this.#stopped) return
    const heads = this.#waiting.get(peer) ?? new Map<string, Head>()
    const { text } = head.origin
    const known = heads.get(text)
    if (known !== undefined && known.size >= head.size) return
    if (known === undefined && heads.size >= MAX_GAPS) return
    this.#waiting.set(peer, heads.set(text, head))
    this.#timer ??= setTimeout(() => this.#flush(), this.#delayMs)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #flush(): void {
    this.#timer = undefined
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const [peer, heads] of waiting) this.#fill(peer, [...heads.values()])
  }
}
