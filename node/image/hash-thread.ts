/** A thread that hashes what passes through the ring it is given (hash-ring.ts). */
import { workerData } from 'node:worker_threads'
import { nodeCrypto } from '../crypto/node-crypto.ts'
import { serveHashRing } from './hash-ring.ts'
import type { LayerThreadData } from './layer-thread-message.ts'

serveHashRing(nodeCrypto, (workerData as LayerThreadData).ring)
