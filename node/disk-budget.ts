/**
 * Keeps what builds leave on the disk within what its operator gives: work folders that were left
 * behind, logs of builds, kept trees. Of what nothing needs, the longest unused goes first.
 *
 * What is needed stays, also where it alone is too much: that is said then. What builds that run
 * have in their work folders is no part of it (they have limits of their own), nor are statements,
 * which are node/pruning.ts's.
 */
import type { DiskSummary } from './http/disk-summary.ts'
import type { Logger } from './logger.ts'
import { Turns } from './turns.ts'

/** Something that can be let go of. */
export interface Held {
  readonly name: string
  readonly bytes: number
  /** Last used, in milliseconds since 1970. */
  readonly used: number
  /** A build that waits, a result that is not said yet, or a dispute may ask for it. */
  readonly needed: boolean
  letGo(): Promise<void>
}

/** A place where such things are. */
export interface Shelf {
  readonly kind: keyof DiskSummary['kinds']
  held(): Promise<readonly Held[]>
}

export interface DiskBudgetComponents {
  readonly shelves: readonly Shelf[]
  readonly logger: Logger
}

export interface DiskBudgetOptions {
  /** 0: no limit. */
  readonly maxBytes: number
}

const LOOK_MS = 600_000

export class DiskBudget {
  readonly #components: DiskBudgetComponents
  readonly #maxBytes: number
  readonly #turns = new Turns()
  #timer: NodeJS.Timeout | undefined
  #last: DiskSummary | undefined
  #gone = { items: 0, bytes: 0 }
  #complained = false

  constructor(components: DiskBudgetComponents, { maxBytes }: DiskBudgetOptions) {
    this.#components = components
    this.#maxBytes = maxBytes
  }

  /** Looks by itself from now on. */
  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
    this.look()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#turns.ended()
  }

  /** Looks soon, as after a build; returns at once. */
  look(): void {
    this.keep().catch((error: unknown) => {
      this.#components.logger.error({ error: String(error) }, 'the disk budget was not kept to')
    })
  }

  /** Lets go of what is too much. */
  keep(): Promise<DiskSummary> {
    return this.#turns.take(() => this.#keep())
  }

  /** What is there: as of the last look, or now where there was none. */
  async summary(): Promise<DiskSummary> {
    return this.#last ?? this.#summarize(await this.#take())
  }

  async #keep(): Promise<DiskSummary> {
    const { logger } = this.#components
    let all = await this.#take()
    const gone: Placed[] = []
    if (this.#maxBytes > 0) {
      let total = sum(all)
      const disposable = all.filter(({ held }) => !held.needed)
      disposable.sort((a, b) => a.held.used - b.held.used)
      for (const each of disposable) {
        if (total <= this.#maxBytes) break
        if (!(await this.#letGo(each))) continue
        total -= each.held.bytes
        gone.push(each)
      }
      all = all.filter((each) => !gone.includes(each))
    }
    if (gone.length > 0) {
      const bytes = sum(gone)
      this.#gone = { items: this.#gone.items + gone.length, bytes: this.#gone.bytes + bytes }
      const kinds = kindsOf(gone)
      logger.info({ items: gone.length, bytes, kinds }, 'let go of what was over the disk budget')
    }
    const summary = this.#summarize(all)
    // Once for each time that it comes to be so.
    if (summary.over && !this.#complained) {
      const { heldBytes, budgetBytes } = summary
      logger.warn({ heldBytes, budgetBytes }, 'what is needed is more than the disk budget')
    }
    this.#complained = summary.over
    this.#last = summary
    return summary
  }

  /** False where it could not be: it stays, and others go in its place. */
  async #letGo({ kind, held }: Placed): Promise<boolean> {
    const { logger } = this.#components
    const { name } = held
    try {
      await held.letGo()
      logger.debug({ kind, name }, 'let go of, for the disk budget')
      return true
    } catch (error) {
      logger.warn({ kind, name, error: String(error) }, 'could not be let go of')
      return false
    }
  }

  async #take(): Promise<Placed[]> {
    const all: Placed[] = []
    for (const shelf of this.#components.shelves) {
      for (const held of await shelf.held()) all.push({ kind: shelf.kind, held })
    }
    return all
  }

  #summarize(all: readonly Placed[]): DiskSummary {
    const heldBytes = sum(all)
    return {
      budgetBytes: this.#maxBytes === 0 ? null : this.#maxBytes,
      heldBytes,
      neededBytes: sum(all.filter(({ held }) => held.needed)),
      kinds: kindsOf(all),
      over: this.#maxBytes > 0 && heldBytes > this.#maxBytes,
      gone: this.#gone,
    }
  }
}

interface Placed {
  readonly kind: Shelf['kind']
  readonly held: Held
}

function sum(all: readonly Placed[]): number {
  return all.reduce((bytes, { held }) => bytes + held.bytes, 0)
}

function kindsOf(all: readonly Placed[]): DiskSummary['kinds'] {
  const of = (kind: Shelf['kind']): number => sum(all.filter((each) => each.kind === kind))
  return { work: of('work'), logs: of('logs'), trees: of('trees') }
}
