/**
 * Every vector, cut off at every byte: never the value of the whole, and only errors of the family.
 *
 * By default tars are cut where their bytes change and around every block; at more depth, and
 * documents and stored layers always, at each byte.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { parseConfig } from '../../protocol/normalize/config.ts'
import { parseManifestOrIndex } from '../../protocol/normalize/manifest.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { loadBlobVectors, tryBlob, vectorBlob } from '../support/blob-vectors.ts'
import { FUZZ_TIMEOUT_MS } from '../support/fuzz.ts'
import { loadLayerVectors, vectorOptions, vectorTar } from '../support/layer-vectors.ts'
import { tryLayer } from '../support/read-layer.ts'
import { BLOCK } from '../support/tar-writer.ts'

const EVERY_BYTE = (process.env.REBUILDNET_TEST_DEPTH ?? 'default') !== 'default'
const MAX_TAR_BYTES = 16_384
const MAX_DOCUMENT_BYTES = 4096
const MAX_BLOB_BYTES = 1024

function cuts(tar: Uint8Array): readonly number[] {
  const all = Array.from({ length: tar.length }, (_, length) => length)
  if (EVERY_BYTE) return all
  return all.filter(
    (length) =>
      (length + 1) % BLOCK <= 2 ||
      tar[length] !== tar[length - 1] ||
      tar[length] !== tar[length + 1],
  )
}

interface TextVector {
  readonly json: string
  readonly error?: string
}

function loadTexts(name: string): readonly TextVector[] {
  const file = new URL(`../vectors/normalize/${name}.json`, import.meta.url)
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly TextVector[] }
  return vectors.map(({ json, ...rest }) => ({ ...rest, json: json.trimEnd() }))
}

/** Whether there is a value. What is no NormalizeError goes on. */
function isRead(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof NormalizeError) return false
    throw error
  }
}

describe('cut off at every byte', { timeout: FUZZ_TIMEOUT_MS }, () => {
  it('a tar is truncated, but at the end of an entry or in the zeros after the last', () => {
    const vectors = loadLayerVectors()
      .map((vector) => ({ vector, tar: vectorTar(vector) }))
      .filter(({ vector, tar }) => vector.digest !== undefined && tar.length <= MAX_TAR_BYTES)
    for (const { vector, tar } of vectors) {
      const whole = tryLayer(tar, vectorOptions(vector))
      const lastByte = tar.findLastIndex((byte) => byte !== 0)
      const entriesEnd = Math.ceil((lastByte + 1) / BLOCK) * BLOCK
      for (const length of cuts(tar)) {
        const cut = tryLayer(tar.subarray(0, length), vectorOptions(vector))
        const where = `${vector.name}, cut at ${length}`
        if (length % BLOCK !== 0 && length < entriesEnd + 2 * BLOCK) {
          expect('error' in cut ? cut.error.code : 'none', where).toMatch(/^truncated$|^hardlink/)
        } else if (length >= entriesEnd) {
          expect(cut, where).toEqual(whole)
        }
      }
    }
  })

  it('a tar that is refused gives an error of the family, or a layer of what came before', () => {
    for (const vector of loadLayerVectors()) {
      const tar = vectorTar(vector)
      if (vector.error === undefined || tar.length > MAX_TAR_BYTES) continue
      for (const length of cuts(tar)) {
        const cut = tryLayer(tar.subarray(0, length), vectorOptions(vector))
        const ended = tar.subarray(Math.max(0, length - 2 * BLOCK), length).every((b) => b === 0)
        if ('digest' in cut && !ended) expect(length % BLOCK, `${vector.name}, ${length}`).toBe(0)
      }
    }
  })

  it.each(['configs', 'manifests'] as const)('none of the %s is read', (name) => {
    const parse = (cut: Uint8Array): unknown =>
      name === 'configs' ? parseConfig(cut, DEFAULT_PROFILE) : parseManifestOrIndex(cut)
    for (const { json, error } of loadTexts(name)) {
      const bytes = utf8(json)
      for (let length = 0; length < Math.min(bytes.length, MAX_DOCUMENT_BYTES); length++) {
        const read = isRead(() => parse(bytes.subarray(0, length)))
        // One that is refused may be so for what stands after its end.
        if (error === undefined) expect(read, `${json}, cut at ${length}`).toBe(false)
      }
    }
  })

  it('a stored layer is truncated, but between two members or frames', async () => {
    for (const vector of loadBlobVectors()) {
      const blob = vectorBlob(vector)
      if (vector.layerDigest === undefined || blob.length > MAX_BLOB_BYTES) continue
      let values = 0
      for (let length = 0; length < blob.length; length++) {
        const cut = await tryBlob(blob.subarray(0, length))
        if ('code' in cut) expect(cut.code, `${vector.name}, ${length}`).toMatch(/truncated$/)
        else values++
      }
      // No bytes are an empty layer, and the members of an empty one at the end add nothing.
      expect(values, vector.name).toBeLessThanOrEqual(3)
    }
  })
})
