/**
 * Verifies signatures off the main thread when many come at once.
 *
 * It only works ahead: whoever opens a statement afterwards asks all that it would have asked, in
 * the same order, and finds the answer about the signature ready. Where a thread fails there is none,
 * and the main thread does the work. A few statements are not worth the way.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { concat } from '../../protocol/bytes.ts'
import { preAuthEncoding } from '../../protocol/dsse.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import type { KnownAnswers } from './known-answers.ts'
import { knownAnswers } from './node-crypto.ts'
import type { VerifyReply, VerifyRequest } from './verify-thread.ts'

export interface VerifierOptions {
  readonly threads: number
  /** Fewer at a time are left to the main thread. */
  readonly minBurst: number
}

const defaultVerifierOptions: VerifierOptions = Object.freeze({
  threads: Math.min(4, availableParallelism()),
  minBurst: 8,
})

/** Without work for so long, the threads end. */
const IDLE_MS = 30_000
/** More at once wait for their turn, so that a flood holds no memory twice. */
const MAX_AT_ONCE = 512

interface Waiting {
  readonly bytes: Uint8Array
  readonly done: () => void
}

export class Verifier {
  readonly #options: VerifierOptions
  readonly #answers: KnownAnswers
  #threads: VerifyThread[] = []
  #waiting: Waiting[] = []
  #gathering = false
  #working: Promise<void> = Promise.resolve()
  #idle: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: Partial<VerifierOptions> = {}, answers: KnownAnswers = knownAnswers) {
    this.#options = { ...defaultVerifierOptions, ...options }
    this.#answers = answers
  }

  /** Resolves when these can be opened quickly, or must be opened slowly; never rejects. */
  async prepare(statements: readonly Uint8Array[]): Promise<void> {
    if (this.#stopped) return
    await Promise.all(
      statements
        .map((bytes) => new Promise<void>((done) => this.#waiting.push({ bytes, done })))
        .concat(this.#gather()),
    )
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#idle)
    for (const { done } of this.#waiting.splice(0)) done()
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()))
  }

  /** What comes within one turn of the loop is looked at together. */
  #gather(): Promise<void> {
    if (this.#gathering) return this.#working
    this.#gathering = true
    this.#working = this.#working.then(async () => {
      await new Promise<void>((resolve) => setImmediate(resolve))
      this.#gathering = false
      while (this.#waiting.length > 0) await this.#work(this.#waiting.splice(0, MAX_AT_ONCE))
    })
    return this.#working
  }

  async #work(statements: readonly Waiting[]): Promise<void> {
    if (statements.length >= this.#options.minBurst && !this.#stopped) {
      this.#keepThreads()
      const share = Math.ceil(statements.length / Math.max(1, this.#threads.length))
      await Promise.all(
        this.#threads.map((thread, i) =>
          this.#verify(
            thread,
            statements.slice(i * share, (i + 1) * share).map(({ bytes }) => bytes),
          ),
        ),
      )
    }
    for (const { done } of statements) done()
  }

  async #verify(thread: VerifyThread, statements: readonly Uint8Array[]): Promise<void> {
    if (statements.length === 0) return
    const reply = await thread.ask(statements)
    for (const [i, bytes] of statements.entries()) {
      const answer = reply?.[i]
      // Only of what is an envelope is there an answer.
      if (answer === undefined) continue
      const { publicKey, signature, payload } = parseEnvelope(bytes)
      this.#answers.add(publicKey, preAuthEncoding(payload), signature, answer)
    }
  }

  #keepThreads(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      for (const thread of this.#threads.splice(0)) void thread.stop()
    }, IDLE_MS)
    this.#idle.unref()
    this.#threads = this.#threads.filter((thread) => !thread.ended)
    while (this.#threads.length < this.#options.threads) this.#threads.push(new VerifyThread())
  }
}

class VerifyThread {
  readonly #worker: Worker
  #ended = false
  #reply: ((reply: VerifyReply | undefined) => void) | undefined

  constructor() {
    // From dist/ the compiled file, from the sources the source.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#worker = new Worker(new URL(`./verify-thread.${extension}`, import.meta.url), {
      name: 'rebuildnet verify',
      execArgv: [],
    })
    this.#worker.unref()
    const end = (): void => {
      this.#ended = true
      this.#reply?.(undefined)
    }
    this.#worker.on('message', (reply: VerifyReply) => this.#reply?.(reply))
    this.#worker.on('error', end)
    this.#worker.on('exit', end)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** One request at a time; undefined where the thread has ended. */
  async ask(statements: readonly Uint8Array[]): Promise<VerifyReply | undefined> {
    if (this.#ended) return undefined
    const request: VerifyRequest = {
      bytes: concat(...statements),
      lengths: statements.map(({ length }) => length),
    }
    const replied = new Promise<VerifyReply | undefined>((resolve) => (this.#reply = resolve))
    this.#worker.postMessage(request, [request.bytes.buffer])
    try {
      return await replied
    } finally {
      this.#reply = undefined
    }
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
