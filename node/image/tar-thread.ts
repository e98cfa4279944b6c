/**
 * A thread that reads the tars of layers, one after the other, from the ring that the other thread
 * of its lane (blob-thread.ts) unpacks into, and that puts layers together to an image.
 *
 * It blocks while it waits for bytes. The pass is that of layer-pass.ts: the same bytes give the
 * same result or the same error here as anywhere.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { normalizeImage } from '../../protocol/normalize/image.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { parseProfile } from '../../protocol/normalize/profile.ts'
import { nodeCrypto } from '../crypto/node-crypto.ts'
import { RingReader } from './byte-ring.ts'
import { CountingBudget } from './counting-budget.ts'
import {
  openLayer,
  packError,
  packImage,
  packLayer,
  type AssembleJob,
  type LaneThreadData,
  type TarAnswer,
  type TarJob,
  type ToTarThread,
} from './layer-thread-message.ts'
import { TarPass } from './tar-pass.ts'
import { openSpace, SpaceStore } from './tree-space.ts'

if (parentPort === null) throw new Error('tar-thread.ts is not run by itself')
const port = parentPort
const ring = new RingReader((workerData as LaneThreadData).ring)

function read({ profile, layer, storedSize, before, space }: TarJob): TarAnswer {
  const budget = new CountingBudget(before)
  const pass = new TarPass(nodeCrypto, {
    profile: parseProfile(profile),
    ...(layer === undefined ? {} : { layer }),
    storedSize,
    budget,
    store: new SpaceStore(openSpace(space)),
  })
  try {
    const whole = ring.readAll((piece, hashed) => pass.write(piece, hashed))
    if (!whole) return { kind: 'given-up' }
  } catch (error) {
    // It is in what the pass has found.
    if (!(error instanceof NormalizeError)) throw error
  }
  const { diffID, limitError, normalized } = pass.end()
  const refused = normalized instanceof NormalizeError
  return {
    kind: 'passed',
    diffID,
    limitError: limitError === undefined ? undefined : packError(limitError),
    normalized: refused ? undefined : packLayer(normalized),
    error: refused ? packError(normalized) : undefined,
    taken: budget.taken,
  }
}

function assemble({ profile, manifest, config, layers, space: handle }: AssembleJob): TarAnswer {
  const space = openSpace(handle)
  try {
    const image = normalizeImage(
      { crypto: nodeCrypto },
      {
        manifest,
        config,
        layers: layers.map((layer) => openLayer(layer, space)),
        profile: parseProfile(profile),
        store: new SpaceStore(space),
      },
    )
    return { kind: 'assembled', image: packImage(image) }
  } catch (error) {
    if (!(error instanceof NormalizeError)) throw error
    return { kind: 'refused', error: packError(error) }
  }
}

port.on('message', (message: ToTarThread) => {
  port.postMessage(message.kind === 'read' ? read(message.job) : assemble(message.job))
})
