import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Room, SLOT_BYTES } from '../../../../node/image/byte-ring.ts'
import { createLayerDecoder, type LayerDecoder } from '../../../../node/image/layer-decoder.ts'
import { detectEncoding } from '../../../../node/image/layer-encoding.ts'
import { isDirectZlib } from '../../../../node/image/zlib-direct.ts'
import { NormalizeError } from '../../../../protocol/normalize/normalize-error.ts'
import { loadBlobVectors, vectorBlob } from '../../../support/blob-vectors.ts'

const PIECE_BYTES = 1024 * 1024
const MODULES = join(import.meta.dirname, '../../../../node_modules')
const SOURCE = join(import.meta.dirname, '../../../../node/image/zlib-direct.ts')

/** What was lent and taken, in one array; a stream begins with a whole slot. */
class Heap implements Room {
  readonly #slot = Buffer.alloc(SLOT_BYTES)
  readonly parts: Buffer[] = []
  #at = 0

  lend(): Uint8Array {
    return this.#slot.subarray(this.#at)
  }

  take(count: number): void {
    this.parts.push(Buffer.from(this.#slot.subarray(this.#at, this.#at + count)))
    this.#at = (this.#at + count) % SLOT_BYTES
  }
}

async function decode(decoder: LayerDecoder, blob: Buffer): Promise<string> {
  try {
    for (let at = 0; at < blob.length; at += PIECE_BYTES) {
      await decoder.write(blob.subarray(at, at + PIECE_BYTES))
    }
    await decoder.end()
    return 'decoded'
  } catch (error) {
    if (error instanceof NormalizeError) return `${error.code}: ${error.message}`
    throw error
  } finally {
    decoder.destroy()
  }
}

const BLOBS = loadBlobVectors()
  .map((vector) => [vector.name, vectorBlob(vector)] as const)
  .filter(([, blob]) => detectEncoding(blob) !== 'plain')

describe('a zlib stream that is driven directly', () => {
  it.each(BLOBS)('gives what it gives as a stream: %s', async (_name, blob) => {
    const encoding = detectEncoding(blob)
    const parts: Buffer[] = []
    const sink = (piece: Uint8Array) => void parts.push(Buffer.from(piece))
    const streamed = await decode(createLayerDecoder(encoding, sink, 3), blob)
    const heap = new Heap()
    const refused = () => expect.unreachable('it goes into the room')
    expect(await decode(createLayerDecoder(encoding, refused, 3, heap), blob)).toBe(streamed)
    expect(Buffer.concat(heap.parts).equals(Buffer.concat(parts))).toBe(true)
  })

  it('goes no further than its room', async () => {
    const [, blob] = BLOBS.find(([name]) => name.includes('gzip')) ?? expect.unreachable('no gzip')
    const full: Room = {
      lend: () => {
        throw new RangeError('full')
      },
      take: () => undefined,
    }
    const decoder = createLayerDecoder('gzip', () => undefined, 0, full)
    await expect(decoder.write(blob)).rejects.toThrow('full')
    decoder.destroy()
  })

  it.each(['node22', 'node', 'node26'])('is what %s has', (name) => {
    const script = `import { isDirectZlib } from ${JSON.stringify(SOURCE)}; console.log(isDirectZlib())`
    const node = join(MODULES, name, 'bin', 'node')
    const said = execFileSync(node, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    expect(said).toBe('true\n')
    expect(isDirectZlib()).toBe(true)
  })
})
