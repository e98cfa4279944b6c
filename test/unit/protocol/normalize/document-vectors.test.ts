import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../../protocol/bytes.ts'
import { fromByteString } from '../../../../protocol/normalize/byte-string.ts'
import { parseConfig } from '../../../../protocol/normalize/config.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../../../protocol/normalize/limits.ts'
import type { NormalizeLimits } from '../../../../protocol/normalize/limits.ts'
import { parseManifestOrIndex } from '../../../../protocol/normalize/manifest.ts'
import {
  IMAGE_ERROR_CODES,
  NormalizeError,
  PROFILE_ERROR_CODES,
} from '../../../../protocol/normalize/normalize-error.ts'
import { parseProfile } from '../../../../protocol/normalize/profile.ts'
import { SeededRandom } from '../../../support/seeded-random.ts'

interface Expectation {
  readonly error?: string
  readonly limits?: Partial<NormalizeLimits>
}
interface ConfigVector extends Expectation {
  readonly name: string
  readonly json: string
  readonly profile?: string
  readonly canonical?: string
  readonly platform?: string
  readonly diffIDs?: number
}
interface ManifestVector extends Expectation {
  readonly name: string
  readonly json: string
  readonly kind?: string
  readonly platforms?: readonly (string | null)[]
}
interface ProfileVector extends Expectation {
  readonly id: string
  readonly drop?: readonly string[]
  readonly ignoreLabels?: readonly string[]
  readonly mtimeClamp?: number
  readonly ignoreXattrs?: readonly string[]
}

function load(name: string): readonly unknown[] {
  const url = new URL(`../../../vectors/normalize/${name}.json`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { vectors: readonly unknown[] }).vectors
}

const configs = load('configs') as readonly ConfigVector[]
const manifests = load('manifests') as readonly ManifestVector[]
const profiles = load('profiles') as readonly ProfileVector[]

/** The value, or the code of the error: what a vector says. */
function attempt<T>(read: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: read() }
  } catch (error) {
    if (error instanceof NormalizeError) return { code: error.code }
    throw error
  }
}

function withLimits(limits: Partial<NormalizeLimits> | undefined): NormalizeLimits {
  return { ...DEFAULT_NORMALIZE_LIMITS, ...limits }
}

const readConfig = ({ json, profile, limits }: ConfigVector) =>
  attempt(() =>
    parseConfig(utf8(json), parseProfile(profile ?? 'rebuildnet/1'), withLimits(limits)),
  )

const readManifest = ({ json, limits }: ManifestVector) =>
  attempt(() => parseManifestOrIndex(utf8(json), withLimits(limits)))

describe('config vectors', () => {
  it.each(configs)('$name', (vector) => {
    const result = readConfig(vector)
    if ('code' in result) {
      expect(result.code).toBe(vector.error)
      return
    }
    expect(result.value.canonical).toBe(vector.canonical)
    expect(result.value.platform).toBe(vector.platform ?? 'linux/amd64')
    expect(result.value.diffIDs).toHaveLength(vector.diffIDs ?? 1)
  })

  it('are refused with a NormalizeError where they are not UTF-8', () => {
    const broken = utf8(configs[0]!.json)
    broken[broken.indexOf(0x6d)] = 0xff
    const result = attempt(() => parseConfig(broken, parseProfile('rebuildnet/1')))
    expect(result).toEqual({ code: 'config-json-not-utf8' })
  })
})

describe('manifest vectors', () => {
  it.each(manifests)('$name', (vector) => {
    const result = readManifest(vector)
    if ('code' in result) {
      expect(result.code).toBe(vector.error)
      return
    }
    expect(result.value.kind).toBe(vector.kind)
    if (result.value.kind === 'index' && vector.platforms !== undefined) {
      const platforms = result.value.manifests.map((each) => each.platform ?? null)
      expect(platforms).toEqual(vector.platforms)
    }
  })
})

describe('profile vectors', () => {
  it.each(profiles)('$id', (vector) => {
    const result = attempt(() => parseProfile(vector.id))
    if ('code' in result) {
      expect(result.code).toBe(vector.error)
      return
    }
    expect(vector.error).toBeUndefined()
    const { id, drop, ignoreLabels, mtimeClamp, ignoreXattrs } = result.value
    expect(id).toBe(vector.id)
    expect([...drop]).toEqual(vector.drop ?? [])
    expect([...ignoreLabels]).toEqual(vector.ignoreLabels ?? [])
    expect(mtimeClamp).toBe(vector.mtimeClamp)
    expect([...ignoreXattrs]).toEqual(vector.ignoreXattrs ?? [])
    for (const path of drop) expect(fromByteString(path)).toHaveLength(path.length)
  })
})

describe('the vectors of documents', () => {
  it('have one for every code of a manifest, a config and a profile', () => {
    const seen = new Set([...configs, ...manifests, ...profiles].map((each) => each.error))
    // These two are about an image or an index as a whole: image.test.ts, index-digest.test.ts.
    const elsewhere = new Set(['layer-count', 'index-duplicate-platform'])
    const wanted = [...IMAGE_ERROR_CODES, ...PROFILE_ERROR_CODES].filter(
      (code) => !elsewhere.has(code),
    )
    expect(wanted.filter((code) => !seen.has(code))).toEqual([])
  })

  it('mutated or cut give a value or a NormalizeError', () => {
    const random = new SeededRandom(7)
    for (const vector of [...configs, ...manifests]) {
      for (let round = 0; round < 60; round++) {
        const bytes = utf8(vector.json).slice(0, random.integer(vector.json.length + 1))
        if (bytes.length > 0) bytes[random.integer(bytes.length)] = random.integer(256)
        attempt(() => parseConfig(bytes, parseProfile('rebuildnet/1')))
        attempt(() => parseManifestOrIndex(bytes))
      }
    }
    expect(random.next()).toBeLessThan(1)
  })
})
