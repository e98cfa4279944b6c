/**
 * The parsers of tar, PAX, config, manifest and profile id on spoiled vectors: a value or a
 * NormalizeError, in bounded time and memory, and what is read has the laws of what is valid.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { concat, parseHex, utf8 } from '../../protocol/bytes.ts'
import { parseConfig } from '../../protocol/normalize/config.ts'
import { parseManifestOrIndex } from '../../protocol/normalize/manifest.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE, parseProfile } from '../../protocol/normalize/profile.ts'
import { mutateBytes, mutateTar, mutateText } from '../support/byte-mutations.ts'
import { fuzz, FUZZ_TIMEOUT_MS, type FuzzTarget } from '../support/fuzz.ts'
import { loadLayerVectors, vectorTar } from '../support/layer-vectors.ts'
import { tryLayer } from '../support/read-layer.ts'
import { randomMembers } from '../support/random-layers.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { makeTar, paxRecord, writePax, writeRaw } from '../support/tar-writer.ts'

const MAX_CORPUS_BYTES = 16_384

function loadDocuments(name: string): Uint8Array[] {
  const file = new URL(`../vectors/normalize/${name}.json`, import.meta.url)
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
    vectors: readonly { readonly json?: string; readonly hex?: string; readonly id?: string }[]
  }
  return vectors
    .map(({ json, hex, id }) =>
      hex === undefined ? utf8(json ?? id ?? '') : (parseHex(hex) ?? new Uint8Array()),
    )
    .filter(({ length }) => length > 0 && length <= MAX_CORPUS_BYTES)
}

/** The value, or undefined where a NormalizeError came. Anything else that is thrown goes on. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof NormalizeError) return undefined
    throw error
  }
}

const VECTORS = loadLayerVectors()
  .map((vector) => ({ tar: vectorTar(vector), accepted: vector.digest !== undefined }))
  .filter(({ tar }) => tar.length >= 512 && tar.length <= MAX_CORPUS_BYTES)
const TARS = VECTORS.map(({ tar }) => tar)
const ACCEPTED_TARS = VECTORS.filter(({ accepted }) => accepted).map(({ tar }) => tar)

/** One outcome, however the bytes are cut, and a place within them. */
function expectOneOutcome(tar: Uint8Array, random: SeededRandom): void {
  const whole = tryLayer(tar)
  expect(tryLayer(tar, { pieceBytes: 1 + random.integer(1500) })).toEqual(whole)
  if ('error' in whole) expect(whole.error.offset ?? 0).toBeLessThanOrEqual(tar.length)
}

const KEYWORDS = [
  ...['path', 'linkpath', 'size', 'uid', 'gid', 'mtime', 'atime', 'uname', 'comment', 'charset'],
  ...['hdrcharset', 'SCHILY.xattr.user.k', 'SCHILY.xattr.', 'SCHILY.realsize', 'GNU.sparse.size'],
  ...['LIBARCHIVE.creationtime', 'SCHILY.ino', 'é'],
]
const VALUES = [
  '',
  '0',
  '1',
  '01',
  '-1',
  '1.5',
  '9007199254740993',
  '8589934592',
  'a',
  'a/../b',
  '\0',
]

function makePaxTar(random: SeededRandom): Uint8Array {
  const count = random.integer(6)
  const records = Array.from({ length: count }, () =>
    paxRecord(random.pick(KEYWORDS), random.pick(VALUES)),
  )
  const block = concat(...records)
  const data = block.length > 0 && random.chance(0.6) ? mutateBytes(block, random) : block
  const kind = random.chance(0.15) ? 'pax-global' : 'pax'
  const member = { path: 'f', content: random.pick(['', 'a', 'x'.repeat(600)]) }
  return concat(...writePax(data, kind), ...writeRaw(member), makeTar([]))
}

const TOKENS = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', 'null', 'true', 'false', '0', '-0', '1e3', '1.5'],
  ...['9007199254740993', '\\u0000', '\\ud800', '\ufeff', 'ſ', '""', '{}', '[]', '['.repeat(40)],
  ...['"layers":', '"Layers":', '"layerſ":', '"config":', '"manifests":[]', '"rootfs":', '"Env":'],
  ...['"__proto__":{}', '"constructor":1', '"diff_ids":', '"Labels":{"a":null}', '"os":"linux",'],
]

const CONFIGS = [...loadDocuments('configs'), ...loadDocuments('documents')]
const MANIFESTS = [...loadDocuments('manifests'), ...loadDocuments('documents')]
const PROFILES = loadDocuments('profiles')
const PROFILE_TOKENS = [
  ';',
  '=',
  '%',
  '%41',
  '%2F',
  '/',
  'drop=',
  'xattr-=',
  'label-=',
  'mtime=clamp:',
  '9',
]

const decoder = new TextDecoder()
/** Erases the type of a target's input, which nothing but itself sees. */
const target = <T>(
  given: FuzzTarget<T>,
): { readonly name: string; readonly run: () => Promise<void> } => ({
  name: given.name,
  run: () => fuzz(given),
})

const TARGETS = [
  target({
    name: 'tar',
    make: (random) =>
      mutateTar(random.pick(random.chance(0.8) ? ACCEPTED_TARS : TARS), TARS, random),
    execute: expectOneOutcome,
  }),
  target({
    name: 'entries',
    make: (random) => randomMembers(random, 8),
    execute: (members, random) => {
      const result = tryLayer(makeTar(members))
      const other = tryLayer(makeTar(random.shuffle(members)))
      // Another order may be refused. Where it is not, it says the same.
      if ('digest' in result && 'digest' in other) expect(other).toEqual(result)
    },
  }),
  target({ name: 'PAX', make: makePaxTar, execute: expectOneOutcome }),
  target({
    name: 'config',
    make: (random) => mutateText(random.pick(CONFIGS), CONFIGS, TOKENS, random),
    execute: (bytes) => {
      const config = attempt(() => parseConfig(bytes, DEFAULT_PROFILE))
      if (config === undefined) return
      // The canonical form says the same as what it was made of.
      const { canonical } = config
      expect(parseConfig(utf8(canonical), DEFAULT_PROFILE).canonical).toBe(canonical)
    },
  }),
  target({
    name: 'manifest',
    make: (random) => mutateText(random.pick(MANIFESTS), MANIFESTS, TOKENS, random),
    execute: (bytes) => {
      const manifest = attempt(() => parseManifestOrIndex(bytes))
      if (manifest === undefined) return
      const descriptors =
        manifest.kind === 'index' ? manifest.manifests : [manifest.config, ...manifest.layers]
      for (const { digest, size } of descriptors) {
        expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
        expect(Number.isSafeInteger(size) && size >= 0).toBe(true)
      }
    },
  }),
  target({
    name: 'profile id',
    make: (random) => mutateText(random.pick(PROFILES), PROFILES, PROFILE_TOKENS, random),
    execute: (bytes) => {
      const id = decoder.decode(bytes)
      const profile = attempt(() => parseProfile(id))
      if (profile !== undefined) expect(profile.id).toBe(id)
    },
  }),
]

describe('spoiled input gives a value or a NormalizeError, in bounded time and memory', () => {
  it.each(TARGETS)('$name', { timeout: FUZZ_TIMEOUT_MS }, ({ run }) => run())
})
