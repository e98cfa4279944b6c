/**
 * The vectors of stored layers, images and indexes; and that each code of the profile has one, so
 * that another implementation can be held to all of it.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  NormalizeError,
  type NormalizeErrorCode,
} from '../../protocol/normalize/normalize-error.ts'
import { loadBlobVectors, tryBlob, vectorBlob } from '../support/blob-vectors.ts'
import {
  loadDocumentVectors,
  loadImageVectors,
  loadIndexVectors,
  readDocumentVector,
  readImageVector,
  readIndexVector,
} from '../support/image-vectors.ts'

const codeOf = (read: () => unknown): string => {
  try {
    read()
  } catch (error) {
    if (error instanceof NormalizeError) return error.code
    throw error
  }
  return 'none'
}

describe('vectors of stored layers', () => {
  it.each(loadBlobVectors())('$name', async (vector) => {
    const blob = vectorBlob(vector)
    const wanted =
      vector.error === undefined ? { digest: vector.layerDigest } : { code: vector.error }
    for (const step of blob.length > 100_000 ? [blob.length] : [blob.length, 4096, 7]) {
      expect(await tryBlob(blob, vector, Math.max(1, step)), `in pieces of ${step}`).toEqual(wanted)
    }
  })
})

describe('vectors of images', () => {
  const vectors = loadImageVectors()

  it.each(vectors.filter(({ error }) => error === undefined))('$name', (vector) => {
    const image = readImageVector(vector)
    expect(image.config).toBe(vector.canonical)
    expect(image.normalizedDigest).toBe(vector.normalizedDigest)
    expect(image.rootfsDigest).toBe(vector.rootfsDigest)
    expect(image.rootfsError?.code).toBe(vector.rootfsError)
  })

  it.each(vectors.filter(({ error }) => error !== undefined))('$name', (vector) => {
    expect(codeOf(() => readImageVector(vector))).toBe(vector.error)
  })
})

describe('vectors of indexes', () => {
  it.each(loadIndexVectors())('$name', (vector) => {
    if (vector.error === undefined) expect(readIndexVector(vector)).toBe(vector.digest)
    else expect(codeOf(() => readIndexVector(vector))).toBe(vector.error)
  })
})

describe('vectors of documents that are no text', () => {
  it.each(loadDocumentVectors())('$name', (vector) => {
    expect(codeOf(() => readDocumentVector(vector))).toBe(vector.error)
  })
})

/** Each code of the profile; one that is missing here does not compile. False: it cannot come. */
const CODES: Readonly<Record<NormalizeErrorCode, boolean>> = {
  'profile-unknown': true,
  'profile-syntax': true,
  'header-checksum': true,
  'header-magic': true,
  'header-number': true,
  'header-string': true,
  'header-padding': true,
  'type-unknown': true,
  'type-dialect': true,
  sparse: true,
  'path-empty': true,
  'path-dotdot': true,
  'path-nul': true,
  'path-trailing-slash': true,
  'path-too-long': true,
  'component-too-long': true,
  'path-too-deep': true,
  'link-empty': true,
  'link-nul': true,
  'link-too-long': true,
  'link-unexpected': true,
  'size-unexpected': true,
  'mode-bits': true,
  'mode-type': true,
  'owner-range': true,
  'device-range': true,
  'content-padding': true,
  'pax-grammar': true,
  'pax-duplicate-key': true,
  'pax-value': true,
  'pax-size': true,
  'pax-global': true,
  'pax-charset': true,
  'extension-repeated': true,
  'extension-mixed': true,
  'extension-dangling': true,
  duplicate: true,
  'parent-not-directory': true,
  'hardlink-target-later': true,
  'hardlink-target-directory': true,
  'hardlink-target-hidden': true,
  'hardlink-meta': true,
  'whiteout-name': true,
  'whiteout-kind': true,
  'whiteout-size': true,
  'whiteout-attributes': true,
  'whiteout-parent': true,
  'whiteout-target': true,
  estargz: true,
  'zero-block': true,
  'trailing-data': true,
  truncated: true,
  'limit-layer': true,
  'limit-image': true,
  'limit-entries': true,
  'limit-metadata': true,
  'limit-pax': true,
  'limit-xattr': true,
  'limit-xattrs': true,
  'gzip-corrupt': true,
  'gzip-truncated': true,
  'gzip-trailing-bytes': true,
  'zstd-corrupt': true,
  'zstd-truncated': true,
  'zstd-trailing-bytes': true,
  'zstd-window': true,
  'zstd-dictionary': true,
  'zstd-chunked': true,
  'layer-encoding': true,
  'blob-digest-mismatch': true,
  'blob-size-mismatch': true,
  'diffid-mismatch': true,
  'limit-blob': true,
  'limit-ratio': true,
  'limit-zstd-frames': true,
  'manifest-case-folded-key': true,
  'manifest-type': true,
  'manifest-schema-version': true,
  'manifest-media-type': true,
  'manifest-layers-and-manifests': true,
  'manifest-digest': true,
  'manifest-size': true,
  'manifest-config-media-type': true,
  'manifest-layer-media-type': true,
  'manifest-annotations': true,
  'foreign-layer': true,
  platform: true,
  'index-duplicate-platform': true,
  'config-case-folded-key': true,
  'config-type': true,
  'config-null-entry': true,
  'config-rootfs': true,
  'config-diffid': true,
  'layer-count': true,
  'limit-manifest': true,
  'limit-config': true,
  'limit-layers': true,
  'flatten-symlink-parent': true,
  'flatten-parent-not-directory': true,
  'flatten-hardlink': true,
  'flatten-device-0-0': true,
  'manifest-json-syntax': true,
  'manifest-json-not-utf8': true,
  'manifest-json-duplicate-key': true,
  'manifest-json-number': true,
  'manifest-json-depth': true,
  // A string is no longer than its document, whose size is limited to the same figure.
  'manifest-json-string-too-long': false,
  'config-json-syntax': true,
  'config-json-not-utf8': true,
  'config-json-duplicate-key': true,
  'config-json-number': true,
  'config-json-depth': true,
  'config-json-string-too-long': false,
}

const FILES = [
  'layers',
  'configs',
  'manifests',
  'profiles',
  'blobs',
  'images',
  'indexes',
  'documents',
]

describe('the vectors', () => {
  const seen = new Set<string>()
  for (const name of FILES) {
    const file = new URL(`../vectors/normalize/${name}.json`, import.meta.url)
    const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
      vectors: readonly { readonly error?: string; readonly rootfsError?: string }[]
    }
    for (const { error, rootfsError } of vectors) {
      for (const code of [error, rootfsError]) if (code !== undefined) seen.add(code)
    }
  }

  it.each(Object.entries(CODES))('hold the code %s: %s', (code, comes) => {
    expect(seen.has(code)).toBe(comes)
  })

  it('hold no other code', () => {
    expect([...seen].filter((code) => !Object.hasOwn(CODES, code))).toEqual([])
  })
})
