/**
 * One exchange of sync between two nodes: the two state machines of protocol/sync, with a stream
 * between them that keeps the order of frames, takes time, and may end at any moment.
 */
import type { SyncResult } from '../../protocol/sync/client.ts'
import type { ClientRun, ReceiveStep, ServerRun } from '../../protocol/sync/steps.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** A peer that says nothing is not waited for longer. */
const STALL_SECONDS = 1200
/** No exchange within the limits has so many frames. */
const MAX_FRAMES = 10_000

type Step =
  | (ServerRun extends Generator<infer S, void, void> ? S : never)
  | (ClientRun extends Generator<infer S, void, void> ? S : never)

/** One end of the stream. */
export interface ExchangeEnd {
  readonly node: string
  readonly run: Generator<Step, void, void>
  /** Does what a step asks for, beyond sending and receiving. */
  readonly perform: (step: Step) => void
  /** Is shown each frame before it goes out. */
  readonly sends?: (frame: Uint8Array) => void
  /** What becomes of a frame on its way out; nothing, where it is never sent. */
  readonly tamper?: (frame: Uint8Array) => Uint8Array | undefined
}

interface End extends ExchangeEnd {
  readonly inbox: Uint8Array[]
  waiting: ReceiveStep | undefined
  closed: boolean
  done: boolean
  /** When its last frame comes to the other one. */
  arrives: number
}

/** Where one end has thrown, which one, and what. */
export interface ExchangeOutcome {
  readonly error?: Error
  readonly node?: string
}

export class Exchange {
  readonly client: End
  readonly server: End
  readonly result: SyncResult
  readonly #world: World
  readonly #isOpen: () => boolean
  readonly #touched: (node: string) => void
  readonly #ended: (outcome: ExchangeOutcome) => void
  #over = false
  #frames = 0

  constructor(
    world: World,
    ends: { readonly client: ExchangeEnd; readonly server: ExchangeEnd },
    result: SyncResult,
    handlers: {
      /** Whether the way between the two is open. */
      readonly isOpen: () => boolean
      readonly touched: (node: string) => void
      readonly ended: (outcome: ExchangeOutcome) => void
    },
  ) {
    this.#world = world
    this.client = asEnd(ends.client)
    this.server = asEnd(ends.server)
    this.result = result
    this.#isOpen = handlers.isOpen
    this.#touched = handlers.touched
    this.#ended = handlers.ended
  }

  get isOver(): boolean {
    return this.#over
  }

  start(): void {
    const { queue } = this.#world
    queue.after(STALL_SECONDS, 'stall', () => {
      this.cut()
    })
    this.#pump(this.server)
    this.#pump(this.client)
  }

  /** The stream ends on both sides. */
  cut(): void {
    if (this.#over) return
    for (const end of [this.client, this.server]) {
      end.closed = true
      this.#pump(end)
    }
    this.#finish({})
  }

  /** One of the two is no more: it does not even learn of the end. */
  lose(node: string): void {
    for (const end of [this.client, this.server]) if (end.node === node) end.done = true
    this.cut()
  }

  #pump(end: End): void {
    if (end.done) return
    try {
      for (;;) {
        if (end.waiting !== undefined) {
          const frame = end.inbox.shift()
          if (frame === undefined && !end.closed) return
          end.waiting.frame = frame
          end.waiting = undefined
        }
        const next = end.run.next()
        if (next.done === true) break
        const step = next.value
        if (step.type === 'send') this.#send(end, step.frame)
        else if (step.type === 'receive') end.waiting = step
        else end.perform(step)
      }
      end.done = true
      if (end === this.client) this.#finish({})
      else this.#hangUp(end)
    } catch (error) {
      end.done = true
      if (!(error instanceof Error)) throw error
      this.#finish({ error, node: end.node })
    } finally {
      this.#touched(end.node)
    }
  }

  #send(from: End, frame: Uint8Array): void {
    from.sends?.(frame)
    const bytes = from.tamper === undefined ? frame : from.tamper(frame)
    if (bytes === undefined) return
    if (++this.#frames > MAX_FRAMES)
      throw new Violation('an exchange ends', 'more frames than all limits allow')
    this.#deliver(from, (to) => to.inbox.push(bytes.slice()))
  }

  #hangUp(from: End): void {
    this.#deliver(from, (to) => (to.closed = true))
  }

  #deliver(from: End, arrive: (to: End) => void): void {
    const { queue, random, plan } = this.#world
    const to = from === this.client ? this.server : this.client
    // A round trip must fit into the patience of either side many times.
    from.arrives = Math.max(from.arrives, queue.now + random.next() * Math.min(plan.delay, 10))
    queue.at(from.arrives, `frame ${from.node}>${to.node}`, () => {
      if (this.#over) return
      if (!this.#isOpen()) {
        this.cut()
        return
      }
      arrive(to)
      this.#pump(to)
    })
  }

  #finish(outcome: ExchangeOutcome): void {
    if (this.#over) return
    this.#over = true
    this.client.done = true
    this.server.done = true
    this.#ended(outcome)
  }
}

function asEnd(end: ExchangeEnd): End {
  return { ...end, inbox: [], waiting: undefined, closed: false, done: false, arrives: 0 }
}
