import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../../protocol/bytes.ts'
import { parseConfig } from '../../../../protocol/normalize/config.ts'
import { normalizeImage } from '../../../../protocol/normalize/image.ts'
import { DEFAULT_NORMALIZE_LIMITS } from '../../../../protocol/normalize/limits.ts'
import { DEFAULT_PROFILE } from '../../../../protocol/normalize/profile.ts'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { type ImageOptions, makeImage } from '../../../support/make-image.ts'
import type { TarMember } from '../../../support/tar-writer.ts'

const A: TarMember = { path: 'a', content: 'Z' }
const B: TarMember = { path: 'b', content: 'Y' }

const normalized = (layers: readonly (readonly TarMember[])[], options?: ImageOptions) =>
  makeImage(layers, options).normalizedDigest

const H = (...parts: (string | Uint8Array)[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
/** T(kind, d), written out once more. */
const T = (kind: string, d: Uint8Array): Buffer => {
  const tag = H('rebuildnet/1', Uint8Array.of(0), kind)
  return H(tag, tag, d)
}
const hex = (text: string): Buffer => Buffer.from(text, 'hex')

describe('the normalized digest', () => {
  it('is the tagged hash of config, annotations and layers', () => {
    const image = makeImage([[A]], {
      annotations: { b: '2', a: '1' },
      layerAnnotations: [{ 'containerd.io/uncompressed': 'x' }],
    })
    const none = T('ann', hex('00000000'))
    const annotations = T(
      'ann',
      hex('00000002' + '000161' + '0000000131' + '000162' + '0000000132'),
    )
    const config = '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}'
    const layer = hex('1eac6ec462c208ec2896f94f4cb463065dbbd5e1055d2bc759d27efe435523b5')
    const d = Buffer.concat([T('config', utf8(config)), annotations, hex('00000001'), layer, none])
    expect(image.normalizedDigest).toBe(`rebuildnet/1:sha256:${T('image', d).toString('hex')}`)
    expect(image.config).toBe(config)
    expect(image.platform).toBe('linux/amd64')
  })

  it('is that of the docker-archive where all annotations are excluded', () => {
    const annotations = {
      'org.opencontainers.image.created': 'x',
      'org.opencontainers.image.ref.name': 'x',
      'io.containerd.image.name': 'x',
      'org.opencontainers.image.base.name': 'x',
      'org.opencontainers.image.base.digest': 'x',
    }
    const layerAnnotations = [
      {
        'org.opencontainers.image.created': 'x',
        'org.opencontainers.image.ref.name': 'x',
        'io.containerd.image.name': 'x',
        'containerd.io/uncompressed': 'x',
        'buildkit/rewritten-epoch': 'x',
      },
    ]
    const archive = normalized([[A]], { manifest: false })
    expect(normalized([[A]], { annotations, layerAnnotations })).toBe(archive)
    expect(normalized([[A]])).toBe(archive)
  })

  it.each<[string, ImageOptions]>([
    ['an annotation', { annotations: { 'org.opencontainers.image.version': '1' } }],
    ['a layer annotation on the manifest', { annotations: { 'containerd.io/uncompressed': 'x' } }],
    [
      'a manifest annotation on a layer',
      { layerAnnotations: [{ 'org.opencontainers.image.base.name': 'x' }] },
    ],
    ['a label', { config: { config: { Labels: { a: 'b' } } } }],
    ['a health check', { config: { config: { Healthcheck: { Test: ['NONE'] } } } }],
    ['the architecture', { config: { architecture: 'arm64' } }],
    ['an unknown key', { config: { future: '' } }],
  ])('depends on %s', (_, options) => {
    expect(normalized([[A]], options)).not.toBe(normalized([[A]]))
  })

  it('depends on the order and the split of layers', () => {
    const digests = [
      normalized([[A], [B]]),
      normalized([[B], [A]]),
      normalized([[A, B]]),
      normalized([[A], [B], []]),
    ]
    expect(new Set(digests).size).toBe(4)
  })

  it('carries the profile, and is another one under another profile', () => {
    const profile = 'rebuildnet/1;drop=nowhere'
    const image = makeImage([[A]], { profile })
    expect(image.normalizedDigest).toMatch(/^rebuildnet\/1;drop=nowhere:sha256:[0-9a-f]{64}$/)
    expect(image.normalizedDigest.slice(-64)).not.toBe(normalized([[A]]).slice(-64))
  })

  it('reports files that the profile drops', () => {
    const layers = [[A, { path: 'd/%', content: '1' }], [{ ...A, content: 'other' }]]
    const image = makeImage(layers, { profile: 'rebuildnet/1;drop=a;drop=d/%25' })
    expect(image.dropped).toEqual([
      { layer: 0, path: 'a' },
      { layer: 0, path: 'd/%25' },
      { layer: 1, path: 'a' },
    ])
  })

  it('ignores the label that the profile names, and no other', () => {
    const profile = 'rebuildnet/1;label-=a'
    const labelled = (Labels: object) =>
      normalized([[A]], { profile, config: { config: { Labels } } })
    expect(labelled({ a: '1', b: '2' })).toBe(labelled({ a: '9', b: '2' }))
    expect(labelled({ a: '1', b: '2' })).not.toBe(labelled({ a: '1', b: '3' }))
  })

  it('is refused where layers, manifest and diff IDs do not agree in number', () => {
    const code = { code: 'layer-count' }
    expect(() => makeImage([[A]], { diffIDs: 2 })).toThrow(expect.objectContaining(code))
    expect(() => makeImage([[A]], { diffIDs: 0, manifest: false })).toThrow(
      expect.objectContaining(code),
    )
    const image = makeImage([[A]])
    const config = utf8(
      '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
    )
    expect(parseConfig(config, DEFAULT_PROFILE).diffIDs).toEqual([])
    const parts = { config, layers: image.layers, profile: DEFAULT_PROFILE }
    expect(() => normalizeImage({ crypto: nodeCrypto }, parts)).toThrow(
      expect.objectContaining(code),
    )
  })

  it.each([
    ['limit-layers', { maxLayers: 1 }],
    ['limit-image', { maxImageBytes: 4000 }],
    ['limit-entries', { maxImageEntries: 1 }],
    ['limit-metadata', { maxImageMetadataBytes: 1 }],
  ])('is refused with %s over the limit of an image', (code, limits) => {
    const { layers } = makeImage([[A], [B]])
    const digest = `sha256:${'0'.repeat(64)}`
    const rootfs = { type: 'layers', diff_ids: [digest, digest] }
    const config = utf8(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }))
    const parts = { config, layers, profile: DEFAULT_PROFILE }
    const normalize = (more: object) =>
      normalizeImage(
        { crypto: nodeCrypto },
        { ...parts, limits: { ...DEFAULT_NORMALIZE_LIMITS, ...more } },
      )
    expect(() => normalize(limits)).toThrow(expect.objectContaining({ code }))
    expect(normalize({}).rootfsDigest).toBeDefined()
  })
})
