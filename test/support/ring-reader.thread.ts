/** Reads one stream after the other from a ring, and posts what each one was. */
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { RingReader } from '../../node/image/byte-ring.ts'

const { ring } = workerData as { ring: SharedArrayBuffer }
const reader = new RingReader(ring)

/** `most`: bytes after which it wants no more. */
parentPort?.on('message', (most: number) => {
  const hash = createHash('sha256')
  let bytes = 0
  let flagged = false
  let whole = false
  let refused = false
  try {
    whole = reader.readAll((piece, flag) => {
      bytes += piece.length
      if (bytes > most) throw new Error('enough')
      hash.update(piece)
      flagged = flag
    })
  } catch {
    refused = true
  }
  parentPort?.postMessage({ sha256: hash.digest('hex'), flagged, whole, refused })
})
