/**
 * A thread that reads layers, one after the other, away from the event loop of the main thread.
 *
 * It parses and hashes files; zlib inflates on its own threads or in a program, and the tar is
 * hashed on a third (hash-thread.ts). The pass is that of layer-pass.ts: the same bytes give the
 * same result or the same error here as anywhere.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { normalizeImage } from '../../protocol/normalize/image.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { parseProfile } from '../../protocol/normalize/profile.ts'
import { nodeCrypto } from '../crypto/node-crypto.ts'
import { CountingBudget, NOTHING_TAKEN } from './counting-budget.ts'
import { RingHasher } from './hash-ring.ts'
import { createLayerDecoder } from './layer-decoder.ts'
import { LayerPass } from './layer-pass.ts'
import {
  openLayer,
  packError,
  packImage,
  packReadLayer,
  type AssembleJob,
  type FromLayerThread,
  type LayerAnswer,
  type LayerJob,
  type LayerThreadData,
  type ToLayerThread,
} from './layer-thread-message.ts'
import { OutsideDecoder } from './outside-decoder.ts'

if (parentPort === null) throw new Error('layer-thread.ts is not run by itself')
const port = parentPort
const crypto = nodeCrypto
const tarHash = new RingHasher((workerData as LayerThreadData).ring)

let job = 0
const answer = (message: LayerAnswer): void =>
  port.postMessage({ ...message, id: job } satisfies FromLayerThread)

/** The layer that is being read; undefined between two of them, and after an error. */
let reading: { readonly pass: LayerPass; readonly budget: CountingBudget } | undefined
let outside: OutsideDecoder | undefined
/** The layer was given up: what is still under way for it may fail as it likes. */
let dropped = false

function begin({ id, profile, layer, expected, before, inflater }: LayerJob): void {
  job = id
  stop()
  dropped = false
  tarHash.reset()
  const budget = new CountingBudget(before)
  outside = undefined
  const pass = new LayerPass(crypto, expected, {
    profile: parseProfile(profile),
    ...(layer === undefined ? {} : { layer }),
    budget,
    tarHash,
    createDecoder: (encoding, sink, index) => {
      if (encoding !== 'gzip' || inflater === undefined) {
        return createLayerDecoder(encoding, sink, index)
      }
      outside = new OutsideDecoder(inflater, sink)
      return outside
    },
  })
  reading = { pass, budget }
}

function stop(): void {
  reading?.pass.destroy()
  reading = undefined
}

async function end(): Promise<void> {
  if (reading === undefined) return
  const { pass, budget } = reading
  const layer = await pass.end()
  stop()
  outside = undefined
  answer({ kind: 'read', layer: packReadLayer(layer), taken: budget.taken })
}

function assemble({ id, profile, manifest, config, layers }: AssembleJob): void {
  job = id
  dropped = false
  outside = undefined
  const image = normalizeImage(
    { crypto },
    { manifest, config, layers: layers.map(openLayer), profile: parseProfile(profile) },
  )
  answer({ kind: 'assembled', image: packImage(image) })
}

async function handle(message: ToLayerThread): Promise<void> {
  if (message.kind === 'begin') begin(message.job)
  else if (message.kind === 'end') await end()
  else if (message.kind === 'assemble') assemble(message.job)
  else if (message.kind === 'piece') {
    const { buffer, length } = message
    await reading?.pass.write(new Uint8Array(buffer, 0, length))
    port.postMessage({ kind: 'free', buffer } satisfies FromLayerThread, [buffer])
  }
}

function fail(error: unknown): void {
  const taken = reading?.budget.taken ?? NOTHING_TAKEN
  stop()
  if (dropped) return
  // Whatever went wrong with an outside inflater, only the built-in one says what it is.
  if (outside !== undefined) answer({ kind: 'unsure' })
  else if (error instanceof NormalizeError)
    answer({ kind: 'refused', error: packError(error), taken })
  else throw error
  outside = undefined
}

let last = Promise.resolve()
port.on('message', (message: ToLayerThread) => {
  // At once: what is being awaited may be a program that does not answer.
  if (message.kind === 'drop') {
    dropped = true
    stop()
  }
  last = last.then(() => handle(message)).catch(fail)
})
