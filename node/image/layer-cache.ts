/**
 * What layers were found to be, so that a second run skips those it has read before.
 *
 * A record says: *the blob with this digest and this size unpacks to this diffID, and under this
 * profile its layer digest and tree are these.* That is a fact about bytes, the same wherever the
 * blob lies, so it is written only after a whole pass has verified it, and used only where digest,
 * size, diffID and profile are all those that are asked for; the media type is checked anew. A
 * docker-archive names no blob digests, so its layers are always read. What a hit does not say is
 * that *this* copy of the blob is intact.
 *
 * A record carries a digest over all of itself, and the folder belongs to its user alone: damage
 * makes a record absent, and nobody else can write one. Nothing that goes wrong here is an error.
 */
import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Digest } from '../../protocol/identifiers.ts'
import { BLOCK_BYTES } from '../../protocol/normalize/tree-bytes.ts'
import type { Taken } from './counting-budget.ts'
import { checkEncoding, type LayerEncoding } from './layer-encoding.ts'
import type { ExpectedLayer } from './blob-pass.ts'
import type { PackedLayer, PackedReadLayer } from './layer-thread-message.ts'
import { type Space, SpaceStore, type StoredBlocks } from './tree-space.ts'

interface CachedLayer {
  readonly layer: PackedReadLayer
  readonly taken: Taken
}

export interface LayerCacheOptions {
  readonly folder: string
  /** All records together; the longest unused go first. */
  readonly maxBytes?: number
}

interface Header {
  readonly key: string
  readonly digest: Digest
  readonly diffID: Digest
  readonly encoding: LayerEncoding
  readonly normalized: Omit<PackedLayer, 'tree'>
  readonly root: number
  readonly taken: Taken
}

/** Changes with whatever changes what is in a record, or what a layer is refused for. */
const FORMAT = 'rebuildnet/layer-cache/4'
const DEFAULT_MAX_BYTES = 512 * 1024 * 1024
const DIGEST_BYTES = 32
const LENGTH_BYTES = 4
const MAX_HEADER_BYTES = 4000
/** Hashed, read and written at once: never long enough to hold up the event loop. */
const STEP_BYTES = 1024 * 1024
const NAME = /^[0-9a-f]{64}$/

/** `REBUILDNET_CACHE`, else the user's cache folder; undefined where there is no home either. */
export function chooseLayerCacheFolder(environment: NodeJS.ProcessEnv): string | undefined {
  const own = environment.REBUILDNET_CACHE ?? ''
  if (own !== '') return join(own, 'layers')
  const cache = environment.XDG_CACHE_HOME ?? ''
  if (isAbsolute(cache)) return join(cache, 'rebuildnet', 'layers')
  const home = environment.HOME ?? ''
  return isAbsolute(home) ? join(home, '.cache', 'rebuildnet', 'layers') : undefined
}

export class LayerCache {
  readonly #folder: string
  readonly #maxBytes: number

  constructor({ folder, maxBytes = DEFAULT_MAX_BYTES }: LayerCacheOptions) {
    this.#folder = folder
    this.#maxBytes = maxBytes
  }

  /**
   * With its tree in `space`. Undefined where nothing is known, or where the layer must be read to say
   * what is wrong with it.
   */
  async load(
    profile: string,
    expected: ExpectedLayer,
    space: Space,
  ): Promise<CachedLayer | undefined> {
    const key = keyOf(profile, expected)
    if (key === undefined) return undefined
    const path = join(this.#folder, nameOf(key))
    const record = await this.#read(path, space).catch(() => undefined)
    if (record?.header.key !== key) return undefined
    const { header, blocks } = record
    const { digest, diffID, encoding, normalized, root, taken } = header
    try {
      checkEncoding(encoding, expected.mediaType, undefined)
    } catch {
      return undefined
    }
    const now = new Date()
    await utimes(path, now, now).catch(() => undefined)
    const layer = {
      digest,
      diffID,
      encoding,
      normalized: { ...normalized, tree: { blocks, root } },
    }
    return { layer, taken }
  }

  async save(
    profile: string,
    expected: ExpectedLayer,
    { layer, taken }: CachedLayer,
    space: Space,
  ): Promise<void> {
    const key = keyOf(profile, expected)
    if (key === undefined) return
    const { tree, ...normalized } = layer.normalized
    const { digest, diffID, encoding } = layer
    const header: Header = { key, digest, diffID, encoding, normalized, root: tree.root, taken }
    try {
      await this.#prepareFolder()
      await this.#write(join(this.#folder, nameOf(key)), header, new SpaceStore(space, tree.blocks))
      await this.#prune()
    } catch {
      // A full or unwritable disk: the next run reads the layer again.
    }
  }

  async #read(
    path: string,
    space: Space,
  ): Promise<{ readonly header: Header; readonly blocks: StoredBlocks } | undefined> {
    await this.#checkFolder()
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      const bodyBytes = size - DIGEST_BYTES
      if (bodyBytes < LENGTH_BYTES || size > this.#maxBytes) return undefined
      const rest = size % BLOCK_BYTES
      if (rest > MAX_HEADER_BYTES + LENGTH_BYTES + DIGEST_BYTES) return undefined
      const store = new SpaceStore(space)
      const hash = createHash('sha256')
      const step = Buffer.alloc(STEP_BYTES)
      let end = Buffer.alloc(0)
      for (let at = 0; at < size; at += STEP_BYTES) {
        const { bytesRead } = await file.read(step, 0, STEP_BYTES, at)
        if (bytesRead !== Math.min(STEP_BYTES, size - at)) return undefined
        hash.update(step.subarray(0, Math.max(0, Math.min(bytesRead, bodyBytes - at))))
        let from = 0
        for (; from + BLOCK_BYTES <= bytesRead; from += BLOCK_BYTES) {
          store.append(step.subarray(from, from + BLOCK_BYTES))
        }
        end = Buffer.from(step.subarray(from, bytesRead))
      }
      const digestAt = end.length - DIGEST_BYTES
      const headerEnd = digestAt - LENGTH_BYTES
      if (headerEnd < 0 || !hash.digest().equals(end.subarray(digestAt))) return undefined
      const json = end.toString('utf8', headerEnd - end.readUInt32BE(headerEnd), headerEnd)
      return { header: JSON.parse(json) as Header, blocks: store.stored }
    } finally {
      await file.close()
    }
  }

  /** The tree comes first, in whole blocks. */
  async #write(path: string, header: Header, tree: SpaceStore): Promise<void> {
    const encoded = Buffer.from(JSON.stringify(header))
    if (encoded.length > MAX_HEADER_BYTES) return
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32BE(encoded.length)
    const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
    try {
      const file = await open(temporary, 'wx', 0o600)
      try {
        const hash = createHash('sha256')
        const put = async (bytes: Uint8Array): Promise<void> => {
          hash.update(bytes)
          await file.writeFile(bytes)
        }
        const step = Buffer.alloc(STEP_BYTES)
        for (let block = 0; block < tree.length;) {
          let filled = 0
          for (; filled < STEP_BYTES && block < tree.length; filled += BLOCK_BYTES) {
            step.set(tree.block(block++), filled)
          }
          await put(step.subarray(0, filled))
        }
        await put(encoded)
        await put(length)
        await file.writeFile(hash.digest())
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  async #prepareFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await this.#checkFolder()
  }

  /** Whoever may write here could make one layer look like another. */
  async #checkFolder(): Promise<void> {
    const { uid, mode } = await lstat(this.#folder).then((found) =>
      found.isSymbolicLink() ? stat(this.#folder) : found,
    )
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
      throw new Error('the folder of the cache is not its user’s alone')
    }
  }

  async #prune(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => NAME.test(name))
    const records = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name)
        const { size, mtimeMs } = await stat(path)
        return { path, size, mtimeMs }
      }),
    )
    let total = 0
    for (const { path, size } of records.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      total += size
      if (total > this.#maxBytes) await rm(path, { force: true })
    }
  }
}

/** All that a record is about; undefined where too little is known beforehand. */
function keyOf(profile: string, { digest, diffID, size }: ExpectedLayer): string | undefined {
  if (digest === undefined || diffID === undefined) return undefined
  return [FORMAT, profile, digest, String(size), diffID].join('\n')
}

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
