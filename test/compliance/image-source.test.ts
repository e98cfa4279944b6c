/** What every image source owes its callers; each of the four runs the same tests. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createRegistryClient } from '../../node/image/create-registry-client.ts'
import { describeNormalized } from '../../node/image/describe-normalized.ts'
import { diffReferences } from '../../node/image/diff-references.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'
import type { RegistryClient } from '../../node/image/registry-client.ts'
import {
  makeAttestation,
  makeImage,
  makeIndex,
  pushImage,
  writeDockerArchive,
  writeLayout,
  writeOciArchive,
  type TestImage,
  type TestIndex,
} from '../support/oci-image.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { makeTar } from '../support/tar-writer.ts'

const base = makeTar([
  { path: 'bin/', type: 'directory', mode: 0o755 },
  { path: 'bin/tool', content: 'x'.repeat(100_000), mode: 0o4755 },
  { path: 'bin/link', type: 'symlink', linkname: '/bin/tool', mode: 0o777 },
])
const app = makeTar([{ path: 'app/main.py', content: 'print()', mtime: 1_700_000_000 }])
const later = makeTar([{ path: 'app/main.py', content: 'print()', mtime: 1_800_000_000 }])
const changed = makeTar([{ path: 'app/main.py', content: 'print(1)' }])

const config = { config: { Env: ['A=b'], Cmd: ['/bin/tool'] }, history: [{ created_by: 'x' }] }
const created = { 'org.opencontainers.image.created': '2024-01-01T00:00:00Z' }
const IMAGE = makeImage({
  layers: [{ tar: base }, { tar: app, encoding: 'zstd' }],
  config,
  annotations: created,
})
/** Other bytes everywhere, the same image: other compression, times and history. */
const TWIN = makeImage({
  layers: [{ tar: base, encoding: 'plain' }, { tar: later }],
  config: { config: config.config },
})
const CHANGED = makeImage({ layers: [{ tar: base }, { tar: changed }], config })

interface Place {
  /** Stores the image and gives the reference by which it is found. */
  put(image: TestImage | TestIndex): Promise<string>
  /** Whether it can hold an index of several platforms. */
  readonly indexes: boolean
  /** Whether it keeps the manifest. */
  readonly manifests: boolean
}

let folder: string
let registry: TestRegistry
let client: RegistryClient
let count = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-source-'))
  registry = await startRegistry()
  client = createRegistryClient({ crypto: nodeCrypto, env: {} })
})

afterAll(async () => {
  await client.close()
  await registry.stop()
  await rm(folder, { recursive: true })
})

const components = { crypto: nodeCrypto, env: {} }
const normalize = (reference: string, platform?: string) =>
  normalizeSource(components, { reference, platform })

const places: Readonly<Record<string, Place>> = {
  'oci:': {
    indexes: true,
    manifests: true,
    put: async (image) => {
      const path = join(folder, `layout${++count}`)
      await writeLayout(path, { v1: image })
      return `oci:${path}:v1`
    },
  },
  'oci-archive:': {
    indexes: true,
    manifests: true,
    put: async (image) => {
      const path = join(folder, `layout${++count}.tar`)
      await writeOciArchive(path, { v1: image })
      return `oci-archive:${path}:v1`
    },
  },
  'docker-archive:': {
    indexes: false,
    manifests: false,
    put: async (image) => {
      if ('images' in image) throw new Error('a docker archive holds no index')
      const path = join(folder, `saved${++count}.tar`)
      await writeDockerArchive(path, { 'example.com/app:v1': image })
      return `docker-archive:${path}:example.com/app:v1`
    },
  },
  'docker://': {
    indexes: true,
    manifests: true,
    put: async (image) => {
      const name = `${registry.host}/app${++count}:v1`
      await pushImage(client, name, image)
      return `docker://${name}`
    },
  },
}

describe.each(Object.entries(places))('an image in %s', (_transport, place) => {
  it('has the same digests as in a layout', async () => {
    const here = describeNormalized(await normalize(await place.put(IMAGE)))
    const there = describeNormalized(await normalize(await places['oci:']!.put(IMAGE)))
    expect(here.manifestDigest).toBe(place.manifests ? IMAGE.digest : null)
    expect(here.normalizedDigest).toBe(there.normalizedDigest)
    expect(here.rootfsDigest).toBe(there.rootfsDigest)
    expect(here.layers.map(({ normalizedDigest }) => normalizedDigest)).toEqual(
      there.layers.map(({ normalizedDigest }) => normalizedDigest),
    )
    expect(here.layers.map(({ entries }) => entries)).toEqual([3, 1])
  })

  it('equals its twin of other bytes at normalized, and a changed one at nothing', async () => {
    const image = await place.put(IMAGE)
    expect(await diffReferences(components, image, await place.put(TWIN))).toMatchObject({
      equal: 'normalized',
      differences: [],
    })
    const { equal, differences } = await diffReferences(components, image, await place.put(CHANGED))
    expect(equal).toBe('none')
    expect(differences.map(({ path }) => path)).toEqual(['app/main.py'])
  })

  it('is refused where another platform is asked for, and taken where its own is', async () => {
    const arm = makeImage({
      layers: [{ tar: app }],
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    })
    const reference = await place.put(arm)
    expect((await normalize(reference)).platform).toBe('linux/arm64')
    expect((await normalize(reference, 'linux/arm64/v8')).platform).toBe('linux/arm64')
    await expect(normalize(reference, 'linux/amd64')).rejects.toMatchObject({
      code: 'platform-unavailable',
      available: ['linux/arm64'],
    })
  })

  it('is not found under another tag', async () => {
    const reference = await place.put(IMAGE)
    await expect(normalize(`${reference}x`)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:tag|registry)-not-found$/) as string,
    })
  })
})

const indexed = Object.entries(places).filter(([, { indexes }]) => indexes)

describe.each(indexed)('an index in %s', (_transport, place) => {
  const arm64 = makeImage({
    layers: [{ tar: app }],
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  })
  const said = (architecture: string) => ({ os: 'linux', architecture })

  it('needs a platform where it has several, and lists them without attestations', async () => {
    const reference = await place.put(
      makeIndex([{ image: IMAGE }, { image: arm64 }, { image: makeAttestation() }]),
    )
    await expect(normalize(reference)).rejects.toMatchObject({
      code: 'platform-required',
      available: ['linux/amd64', 'linux/arm64'],
    })
    await expect(normalize(reference, 'linux/riscv64')).rejects.toMatchObject({
      code: 'platform-unavailable',
    })
    expect((await normalize(reference, 'linux/amd64')).manifestDigest).toBe(IMAGE.digest)
    expect((await normalize(reference, 'linux/arm64')).manifestDigest).toBe(arm64.digest)
  })

  it('needs none where it has one image beside attestations', async () => {
    const reference = await place.put(makeIndex([{ image: makeAttestation() }, { image: IMAGE }]))
    expect((await normalize(reference)).manifestDigest).toBe(IMAGE.digest)
  })

  it.each([
    ['platform-mismatch', makeIndex([{ image: IMAGE, platform: said('arm64') }])],
    [
      'platform-duplicate',
      makeIndex([{ image: arm64 }, { image: CHANGED, platform: said('amd64') }, { image: IMAGE }]),
    ],
    [
      'platform-duplicate',
      makeIndex([{ image: arm64 }, { image: arm64, platform: said('arm64') }]),
    ],
    ['platform-missing', makeIndex([{ image: IMAGE, platform: null }])],
    ['platform-unavailable', makeIndex([{ image: makeAttestation() }])],
  ])('is refused: %s', async (code, index) => {
    await expect(normalize(await place.put(index), 'linux/arm64')).rejects.toMatchObject({ code })
  })
})
