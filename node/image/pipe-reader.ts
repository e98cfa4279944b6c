/** A thread (pipe-thread.ts) of one that cannot wait for a program: what comes out goes to its ring. */
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { RingRefused } from './byte-ring.ts'
import type { PipeEnd } from './held-back.ts'
import type { LaneThreadData } from './layer-thread-message.ts'
import type { PipeAnswer, PipeJob } from './pipe-thread.ts'
import { startThread } from './start-thread.ts'

export class PipeReader {
  readonly #data: LaneThreadData
  #worker: Worker | undefined

  constructor(data: LaneThreadData) {
    this.#data = data
  }

  /**
   * Resolves once `pipe` has been read to its end, and closed: with what it gave, of which the last
   * `heldBack` bytes, at least one, are not in the ring. Rejects with RingRefused where the reader
   * of the ring wants no more. One after the other.
   */
  async read(pipe: number, heldBack: number, flag: boolean): Promise<PipeEnd> {
    // Not before a program is used, and then for all layers.
    this.#worker ??= startThread('pipe-thread', this.#data)
    const answer = once(this.#worker, 'message')
    this.#worker.postMessage({ pipe, heldBack, flag } satisfies PipeJob)
    const [end] = (await answer.catch((error: unknown) => {
      this.#worker = undefined
      throw error
    })) as [PipeAnswer]
    if (end === undefined) throw new RingRefused('no more is wanted')
    return end
  }
}
