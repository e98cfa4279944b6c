/**
 * The threads that read layers, one set for the whole process however many images are read at
 * once: a machine has so many cores, and each thread takes memory.
 *
 * They are started when they are first needed and ended soon after they were last used; idle ones
 * do not keep the process alive.
 */
import { availableParallelism } from 'node:os'
import { LayerLane } from './layer-lane.ts'

/** More would not help: each has a thread to parse, one to hash, and one that inflates. */
export const MAX_LANES = Math.min(2, availableParallelism())
const IDLE_MS = 2_000

class LanePool {
  readonly #idle: { readonly lane: LayerLane; readonly timer: NodeJS.Timeout }[] = []
  readonly #waiting: (() => void)[] = []
  #used = 0

  /** Runs `work` with a lane that nobody else has, once there is one. */
  async use<T>(work: (lane: LayerLane) => Promise<T>): Promise<T> {
    while (this.#used >= MAX_LANES) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#used++
    const lane = this.#take()
    try {
      return await work(lane)
    } finally {
      this.#used--
      this.#giveBack(lane)
      this.#waiting.shift()?.()
    }
  }

  #take(): LayerLane {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      clearTimeout(idle.timer)
      if (idle.lane.isClosed) continue
      idle.lane.isBusy = true
      return idle.lane
    }
    return new LayerLane()
  }

  #giveBack(lane: LayerLane): void {
    if (lane.isClosed) return void lane.close()
    lane.isBusy = false
    const timer = setTimeout(() => {
      const at = this.#idle.findIndex((idle) => idle.lane === lane)
      if (at >= 0) this.#idle.splice(at, 1)
      void lane.close()
    }, IDLE_MS).unref()
    this.#idle.push({ lane, timer })
  }
}

export const lanePool = new LanePool()
