/**
 * A thread that hashes and decodes the stored bytes of layers, one layer after the other, and
 * writes what they unpack to into a ring (byte-ring.ts) for the other thread of its lane.
 *
 * zlib inflates here, straight into the ring, which holds up messages for a piece at a time; or a
 * program does.
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

if (parentPort === null) throw new Error('blob-thread.ts is not run by itself')
const port = parentPort
const ring = new RingWriter((workerData as LaneThreadData).ring)

/** The layer that is being read; undefined between two of them, and after its answer. */
let pass: BlobPass | undefined
let outside = false

function answer(message: BlobAnswer): void {
  pass?.destroy()
  pass = undefined
  if (message.kind === 'unsure' || message.kind === 'dropped') ring.giveUp()
  else ring.end()
  port.postMessage(message satisfies FromBlobThread)
}

function begin({ layer, expected, inflater }: BlobJob): void {
  outside = false
  const sink = (piece: Uint8Array, hashed: boolean) => ring.write(piece, hashed)
  pass = new BlobPass(
    nodeCrypto,
    expected,
    {
      layer,
      createDecoder: (encoding, into, index) => {
        if (encoding !== 'gzip' || inflater === undefined) {
          return createLayerDecoder(encoding, into, index, ring.room(true))
        }
        outside = true
        const decoder = new OutsideDecoder(inflater, ring)
        port.postMessage({ kind: 'program', pid: decoder.pid } satisfies FromBlobThread)
        return decoder
      },
    },
    sink,
  )
}

async function end(ending: BlobPass): Promise<void> {
  const { digest, encoding, decodeError } = await ending.end()
  if (pass !== ending) return
  const refused = decodeError instanceof RingRefused
  if (decodeError !== undefined && outside) answer({ kind: 'unsure' })
  else if (decodeError === undefined || refused) {
    answer({ kind: 'passed', digest, encoding, decodeError: undefined, outside })
  } else if (decodeError instanceof NormalizeError) {
    answer({ kind: 'passed', digest, encoding, decodeError: packError(decodeError), outside })
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
      answer({ kind: 'refused', error: packError(error), outside })
    })
})
