/** Layouts and archives that are not what they should be. */
import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { normalizeLayerFile, normalizeSource } from '../../../../node/image/normalizer.ts'
import {
  DOCKER_MANIFEST,
  layoutFiles,
  makeImage,
  makeIndex,
  OCI_INDEX,
  sha256,
  writeDockerArchive,
  writeLayout,
  type MakeImage,
} from '../../../support/oci-image.ts'
import { makeTar } from '../../../support/tar-writer.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-local-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

const TAR = makeTar([{ path: 'a', content: 'hello' }])
const IMAGE = makeImage({ layers: [{ tar: TAR }] })
const OTHER = makeImage({ layers: [{ tar: makeTar([{ path: 'b' }]) }] })

const components = { crypto: nodeCrypto, env: {} }
const normalize = (reference: string) => normalizeSource(components, { reference })

const blobPath = (digest: string) => join(folder, 'blobs/sha256', digest.slice(7))

/** An image whose documents contradict one another; the first layer is TAR's. */
async function codeOfLayout(change: Partial<MakeImage>): Promise<unknown> {
  await writeLayout(folder, { v1: makeImage({ layers: [{ tar: TAR }], ...change }) })
  return normalize(`oci:${folder}`).then(
    () => 'none',
    (error: unknown) => (error as { code?: unknown }).code,
  )
}

describe('an OCI layout', () => {
  it('needs no tag where it holds one image, under however many tags', async () => {
    await writeLayout(folder, { v1: IMAGE, latest: IMAGE })
    expect((await normalize(`oci:${folder}`)).manifestDigest).toBe(IMAGE.digest)
  })

  it('needs a tag where it holds several, and lists them', async () => {
    await writeLayout(folder, { v1: IMAGE, v2: OTHER })
    const available = ['v1', 'v2']
    await expect(normalize(`oci:${folder}`)).rejects.toMatchObject({
      code: 'tag-required',
      available,
    })
    await expect(normalize(`oci:${folder}:v3`)).rejects.toMatchObject({
      code: 'tag-not-found',
      available,
    })
    expect((await normalize(`oci:${folder}:v2`)).manifestDigest).toBe(OTHER.digest)
  })

  it('is refused where one tag stands for two images', async () => {
    const files = layoutFiles({ v1: IMAGE, v2: OTHER })
    await writeLayout(folder, { v1: IMAGE, v2: OTHER })
    const index = Buffer.from(files.get('index.json') ?? '').toString()
    await writeFile(join(folder, 'index.json'), index.replace('"v2"', '"v1"'))
    await expect(normalize(`oci:${folder}:v1`)).rejects.toMatchObject({ code: 'tag-ambiguous' })
  })

  it.each([
    ['oci-layout', '{"imageLayoutVersion":"2.0.0"}', 'layout-invalid'],
    ['oci-layout', 'version 1', 'layout-invalid'],
    ['oci-layout', undefined, 'layout-invalid'],
    ['index.json', undefined, 'layout-invalid'],
    ['index.json', '{"schemaVersion":2,"manifests":[]}', 'layout-invalid'],
    ['index.json', '{', 'manifest-json-syntax'],
  ])('is refused where its %s is %j', async (path, content, code) => {
    await writeLayout(folder, { v1: IMAGE })
    if (content === undefined) await unlink(join(folder, path))
    else await writeFile(join(folder, path), content)
    await expect(normalize(`oci:${folder}`)).rejects.toMatchObject({ code })
  })

  it('says which blob it lacks', async () => {
    await writeLayout(folder, { v1: IMAGE })
    const [layer = ''] = IMAGE.blobs.keys()
    await unlink(blobPath(layer))
    await expect(normalize(`oci:${folder}`)).rejects.toThrow(layer)
  })

  it('is refused where any blob is not what its digest says', async () => {
    for (const digest of [IMAGE.digest, ...IMAGE.blobs.keys()]) {
      await writeLayout(folder, { v1: IMAGE })
      const bytes = await readFile(blobPath(digest))
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
      await writeFile(blobPath(digest), bytes)
      await expect(normalize(`oci:${folder}`)).rejects.toMatchObject({
        code: 'blob-digest-mismatch',
      })
    }
  })

  it.each<[string, Partial<MakeImage>]>([
    [
      'blob-size-mismatch',
      {
        tamper: (manifest) => ({
          ...manifest,
          config: { ...(manifest.config as object), size: 3 },
        }),
      },
    ],
    [
      'limit-config',
      {
        tamper: (manifest) => ({
          ...manifest,
          config: { ...(manifest.config as object), size: 9e6 },
        }),
      },
    ],
    [
      'diffid-mismatch',
      {
        config: { x: 1 },
        layers: [{ tar: TAR, blob: OTHER.tars[0] as Uint8Array, encoding: 'plain' }],
      },
    ],
    [
      'layer-encoding',
      { layers: [{ tar: TAR, mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' }] },
    ],
    ['layer-count', { tamper: (manifest) => ({ ...manifest, layers: [] }) }],
    ['manifest-media-type', { tamper: (manifest) => ({ ...manifest, mediaType: OCI_INDEX }) }],
    ['none', { tamper: (manifest) => ({ ...manifest, mediaType: DOCKER_MANIFEST }) }],
    [
      'foreign-layer',
      {
        layers: [
          { tar: TAR, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar' },
        ],
      },
    ],
    [
      'estargz',
      { layers: [{ tar: TAR, annotations: { 'containerd.io/snapshot/stargz/toc.digest': 'x' } }] },
    ],
    [
      'zstd-chunked',
      {
        layers: [
          { tar: TAR, annotations: { 'io.github.containers.zstd-chunked.manifest-position': 'x' } },
        ],
      },
    ],
  ])('gives the code %s', async (code, change) => {
    expect(await codeOfLayout(change)).toBe(code)
  })

  it('holds no index inside of an index', async () => {
    const inner = makeIndex([{ image: IMAGE }])
    const outer = makeIndex([{ image: { ...IMAGE, ...inner } }])
    await writeLayout(folder, { v1: outer })
    await expect(normalize(`oci:${folder}`)).rejects.toMatchObject({ code: 'nested-index' })
  })

  it('is refused where an index is announced as a manifest', async () => {
    const index = makeIndex([{ image: IMAGE }])
    await writeLayout(folder, { v1: { ...index, mediaType: IMAGE.mediaType } })
    await expect(normalize(`oci:${folder}`)).rejects.toMatchObject({ code: 'manifest-media-type' })
    await writeLayout(folder, {
      v1: { ...index, mediaType: 'application/vnd.docker.distribution.manifest.v1+json' },
    })
    await expect(normalize(`oci:${folder}`)).rejects.toMatchObject({
      code: 'media-type-unsupported',
    })
  })
})

describe('a docker archive', () => {
  const reference = (tag = '') => `docker-archive:${join(folder, 'saved.tar')}${tag}`
  const write = (members: Parameters<typeof makeTar>[0]) =>
    writeFile(join(folder, 'saved.tar'), makeTar(members))
  const manifest = (images: unknown) => ({ path: 'manifest.json', content: JSON.stringify(images) })

  it('is taken by a name however it is spelled', async () => {
    await writeDockerArchive(join(folder, 'saved.tar'), {
      'app:v1': IMAGE,
      'ghcr.io/x/app:v2': OTHER,
    })
    expect((await normalize(reference(':docker.io/library/app:v1'))).layers[0]?.digest).toBe(
      sha256(TAR),
    )
    await expect(normalize(reference())).rejects.toMatchObject({
      code: 'tag-required',
      available: ['app:v1', 'ghcr.io/x/app:v2'],
    })
  })

  it.each<[string, unknown]>([
    ['archive-invalid', { Config: 'c' }],
    ['archive-invalid', [{ Layers: [] }]],
    ['archive-invalid', [{ Config: 'c', Layers: [1] }]],
    ['archive-invalid', []],
    ['blob-missing', [{ Config: 'c', Layers: [] }]],
  ])('has the code %s where its manifest.json is %j', async (code, images) => {
    await write([manifest(images)])
    await expect(normalize(reference())).rejects.toMatchObject({ code })
  })

  it('is refused without manifest.json, and where that names what is not there', async () => {
    await write([{ path: 'a' }])
    await expect(normalize(reference())).rejects.toMatchObject({ code: 'archive-invalid' })
    const name = `${sha256(IMAGE.config).slice(7)}.json`
    await write([
      manifest([{ Config: name, Layers: ['gone.tar'] }]),
      { path: name, content: IMAGE.config },
    ])
    await expect(normalize(reference())).rejects.toMatchObject({ code: 'blob-missing' })
  })

  it('is refused where its config is not what its name says', async () => {
    const name = `${sha256(OTHER.config).slice(7)}.json`
    await write([
      manifest([{ Config: name, Layers: ['l'] }]),
      { path: name, content: IMAGE.config },
      { path: 'l', content: TAR },
    ])
    await expect(normalize(reference())).rejects.toMatchObject({ code: 'blob-digest-mismatch' })
  })

  it('is refused where a layer is not what the config says', async () => {
    await write([
      manifest([{ Config: 'config', Layers: ['l'] }]),
      { path: 'config', content: IMAGE.config },
      { path: 'l', content: OTHER.tars[0] as Uint8Array },
    ])
    await expect(normalize(reference())).rejects.toMatchObject({
      code: 'diffid-mismatch',
      layer: 0,
    })
  })
})

describe('a bare layer', () => {
  it('is told by its content, and has the digest that it has in an image', async () => {
    await writeLayout(folder, { v1: IMAGE })
    const [inImage] = (await normalize(`oci:${folder}`)).layers
    const [blob = new Uint8Array()] = IMAGE.blobs.values()
    await writeFile(join(folder, 'layer.tar'), TAR)
    await writeFile(join(folder, 'layer.tgz'), blob)
    const expected = { normalizedDigest: inImage?.normalizedDigest, entries: 1 }
    expect(await normalizeLayerFile(components, join(folder, 'layer.tar'))).toEqual(expected)
    expect(await normalizeLayerFile(components, join(folder, 'layer.tgz'))).toEqual(expected)
  })

  it('is refused where it is no tar, or is not there', async () => {
    await writeFile(join(folder, 'text'), 'x'.repeat(1024))
    await expect(normalizeLayerFile(components, join(folder, 'text'))).rejects.toMatchObject({
      name: 'NormalizeError',
    })
    await expect(normalizeLayerFile(components, join(folder, 'absent'))).rejects.toMatchObject({
      code: 'source-not-found',
    })
  })
})
