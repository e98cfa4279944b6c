/**
 * Normalizes one image with the compiled program's parts, and prints what it took.
 * `measure.ts REFERENCE builtin|auto [CACHE-FOLDER]`
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'

const load = async (path: string): Promise<unknown> =>
  import(new URL(`../../dist/node/${path}.js`, import.meta.url).href)

const { nodeCrypto } = (await load(
  'crypto/node-crypto',
)) as typeof import('../../node/crypto/node-crypto.ts')
const { normalizeSource } = (await load(
  'image/normalizer',
)) as typeof import('../../node/image/normalizer.ts')
const { chooseInflater } = (await load(
  'image/inflater',
)) as typeof import('../../node/image/inflater.ts')
const { LayerCache } = (await load(
  'image/layer-cache',
)) as typeof import('../../node/image/layer-cache.ts')

const RESOLUTION_MS = 2
const [reference = '', inflater, folder] = process.argv.slice(2)
const program = await chooseInflater(inflater === 'auto' ? 'auto' : 'builtin', process.env)
const cache = folder === undefined ? undefined : new LayerCache({ folder })
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()
const { normalized } = await normalizeSource(
  { crypto: nodeCrypto, cache },
  { reference, inflater: program },
)
delay.disable()
process.stdout.write(
  JSON.stringify({
    digest: normalized.normalizedDigest,
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
    maxDelayMs: Math.max(0, delay.max / 1e6 - RESOLUTION_MS),
  }),
)
process.exit(0)
