/**
 * A thread that reads what a program inflates, and puts it into a ring for the thread that parses.
 *
 * Nothing else is done here: a pipe holds little, and a program whose pipe is full stands still. It
 * blocks while it waits for bytes.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { RingRefused, RingWriter } from './byte-ring.ts'
import { type PipeEnd, readHeldBack } from './held-back.ts'
import type { LaneThreadData } from './layer-thread-message.ts'

export interface PipeJob {
  readonly pipe: number
  readonly heldBack: number
  /** For the reader of the ring. */
  readonly flag: boolean
}

/** Undefined where the reader of the ring wants no more. */
export type PipeAnswer = PipeEnd | undefined

if (parentPort === null) throw new Error('pipe-thread.ts is not run by itself')
const port = parentPort
const ring = new RingWriter((workerData as LaneThreadData).ring)

function read({ pipe, heldBack, flag }: PipeJob): PipeAnswer {
  try {
    return readHeldBack(pipe, heldBack, ring.room(flag))
  } catch (error) {
    if (!(error instanceof RingRefused)) throw error
    return undefined
  }
}

port.on('message', (job: PipeJob) => port.postMessage(read(job)))
