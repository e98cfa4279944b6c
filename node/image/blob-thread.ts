/**
 * A thread that hashes and decodes the stored bytes of layers, one layer after the other, and
 * writes what they unpack to into a ring (byte-ring.ts) for the other thread of its lane.
 *
 * zlib inflates here, straight into the ring, which holds up messages for a piece at a time; or a
 * program does, whose output a third thread puts into the ring (pipe-thread.ts).
 */
import { parentPort, workerData } from 'node:worker_threads'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { nodeCrypto } from '../crypto/node-crypto.ts'
import { BlobPass } from './blob-pass.ts'
import { RingRefused, RingWriter } from './byte-ring.ts'
import { createLayerDecoder } from './layer-decoder.ts'
import {
  packError,
  type BlobAnswer,
  type BlobJob,
  type FromBlobThread,
  type LaneThreadData,
  type ToBlobThread,
} from './layer-thread-message.ts'
import { OutsideDecoder } from './outside-decoder.ts'
import { PipeReader } from './pipe-reader.ts'

if (parentPort === null) throw new Error('blob-thread.ts is not run by itself')
const port = parentPort
const data = workerData as LaneThreadData
const ring = new RingWriter(data.ring)
const pipes = new PipeReader(data)

/** The layer that is being read; undefined between two of them, and after its answer. */
let pass: BlobPass | undefined
/** Settles once the output of a program has been read; undefined where none inflates the layer. */
let outside: Promise<unknown> | undefined
function answer(message: BlobAnswer): void {
  pass?.destroy()
  pass = undefined
  const tell = () => {
    if (message.kind === 'unsure' || message.kind === 'dropped') ring.giveUp()
    else ring.end()
    port.postMessage(message satisfies FromBlobThread)
  }
  // What is still being read must not get into the next layer.
  if (outside === undefined) tell()
  else void outside.then(tell, tell)
}

function begin({ layer, expected, inflater }: BlobJob): void {
  outside = undefined
  pass = new BlobPass(
    nodeCrypto,
    expected,
    {
      layer,
      createDecoder: (encoding, into, index) => {
        if (encoding === 'gzip' && inflater !== undefined) return startProgram(inflater)
        return createLayerDecoder(encoding, into, index, ring.room(true))
      },
    },
    (piece, hashed) => ring.write(piece, hashed),
  )
}

function startProgram(inflater: string): OutsideDecoder {
  const decoder = new OutsideDecoder(inflater, (pipe, heldBack) => {
    const reading = pipes.read(pipe, heldBack, true)
    outside = reading
    return reading
  })
  port.postMessage({ kind: 'program', pid: decoder.pid } satisfies FromBlobThread)
  return decoder
}

async function end(ending: BlobPass): Promise<void> {
  const { digest, encoding, decodeError } = await ending.end()
  if (pass !== ending) return
  const isOutside = outside !== undefined
  const passed = { kind: 'passed', digest, encoding, outside: isOutside } as const
  const refused = decodeError instanceof RingRefused
  if (decodeError !== undefined && isOutside) answer({ kind: 'unsure' })
  else if (decodeError === undefined || refused) answer({ ...passed, decodeError: undefined })
  else if (decodeError instanceof NormalizeError) {
    answer({ ...passed, decodeError: packError(decodeError) })
  } else throw decodeError
}

async function handle(message: ToBlobThread): Promise<void> {
  if (message.kind === 'begin') begin(message.job)
  else if (message.kind === 'end') {
    if (pass !== undefined) await end(pass)
  } else if (message.kind === 'piece') {
    const { buffer, length } = message
    await pass?.write(new Uint8Array(buffer, 0, length))
    port.postMessage({ kind: 'free', buffer } satisfies FromBlobThread, [buffer])
  }
}

let last = Promise.resolve()
port.on('message', (message: ToBlobThread) => {
  // At once: what is being awaited may be a program that does not answer.
  if (message.kind === 'drop') {
    if (pass !== undefined) answer({ kind: 'dropped' })
    return
  }
  const before = pass
  last = last
    .then(() => handle(message))
    .catch((error: unknown) => {
      // It was dropped meanwhile: what was under way for it may fail as it likes.
      if (before !== undefined && pass === undefined) return
      if (!(error instanceof NormalizeError)) throw error
      answer({ kind: 'refused', error: packError(error), outside: outside !== undefined })
    })
})
