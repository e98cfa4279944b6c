/**
 * Normalizes one image with the compiled program's parts, and prints what it took. Plain
 * JavaScript: what strips types takes memory and time that are not the program's.
 * `measure.mjs REFERENCE builtin|auto [CACHE-FOLDER]`
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { nodeCrypto } from '../../dist/node/crypto/node-crypto.js'
import { chooseInflater } from '../../dist/node/image/inflater.js'
import { LayerCache } from '../../dist/node/image/layer-cache.js'
import { normalizeSource } from '../../dist/node/image/normalizer.js'

const RESOLUTION_MS = 2
const [reference = '', inflater, folder] = process.argv.slice(2)
const program = await chooseInflater(inflater === 'auto' ? 'auto' : 'builtin', process.env)
const cache = folder === undefined ? undefined : new LayerCache({ folder })
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
const { normalized, layers } = await normalizeSource(
  { crypto: nodeCrypto, cache },
  { reference, inflater: program },
)
delay.disable()
process.stdout.write(
  JSON.stringify({
    digest: normalized.normalizedDigest,
    bytes: normalized.layers.reduce((sum, { bytes }) => sum + bytes, 0),
    entries: layers.reduce((sum, { entries }) => sum + entries, 0),
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
    maxDelayMs: Math.max(0, delay.max / 1e6 - RESOLUTION_MS),
  }),
)
process.exit(0)
