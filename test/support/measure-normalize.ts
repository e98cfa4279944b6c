/** Normalizes the image that it is given and prints the peak of its memory: run as a process of its own. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'

const reference = process.argv[2] ?? ''
const started = performance.now()
const { normalized, layers } = await normalizeSource({ crypto: nodeCrypto }, { reference })
const bytes = normalized.layers.reduce((sum, layer) => sum + layer.bytes, 0)
process.stdout.write(
  JSON.stringify({
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
    bytes,
    entries: layers.reduce((sum, { entries }) => sum + entries, 0),
    seconds: (performance.now() - started) / 1000,
  }),
)
