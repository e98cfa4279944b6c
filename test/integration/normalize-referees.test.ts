/**
 * Other readers of tar, on every layer that the profile accepts: GNU tar lists the same names,
 * kinds, modes, owners, sizes, targets and contents; Python's tarfile does too, and an encoder
 * written apart from ours makes the same digests of what it reads.
 */
import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findTool, missingTools } from '../../node/system/packages.ts'
import { loadImageVectors } from '../support/image-vectors.ts'
import { expectAgreement } from '../support/layer-referees.ts'
import {
  type LayerVector,
  loadLayerVectors,
  vectorOptions,
  vectorTar,
} from '../support/layer-vectors.ts'
import { packWithBsdtar, packWithGnuTar, packWithPython } from '../support/packers.ts'
import { randomLayers } from '../support/random-layers.ts'
import { type ImageToReferee, refereeImages, refereeLayers } from '../support/referee.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { writeWideTree } from '../support/source-tree.ts'
import { makeTar } from '../support/tar-writer.ts'

const needed = ['bsdtar', 'python3', 'busybox']
const missing = missingTools('test').filter(({ name }) => needed.includes(name))
const why = missing.map(({ name }) => `: needs ${name}`).join('')

const SEEDED_LAYERS = 60

/** To other readers that is no tar. */
const NO_TAR = 'no bytes at all'
/** Python's tarfile takes the times in a GNU header for a prefix of the name. */
const NOT_FOR_PYTHON = 'times, names, padding of the archive and dialect do not count'

interface Annotated {
  readonly annotations?: Readonly<Record<string, string>>
  readonly layers?: readonly Annotated[]
}

function parseAnnotated(manifest: string | undefined): Annotated {
  return manifest === undefined ? {} : (JSON.parse(manifest) as Annotated)
}

describe.skipIf(missing.length > 0)(`other readers agree${why}`, () => {
  let folder = ''
  let count = 0
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-referees-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const store = async (tar: Uint8Array): Promise<string> => {
    const file = join(folder, `${count++}.tar`)
    await writeFile(file, tar)
    return file
  }

  it('on every vector that is accepted', async () => {
    const accepted = loadLayerVectors().filter(
      ({ name, digest }) => digest !== undefined && name !== NO_TAR,
    )
    const byProfile = Map.groupBy(accepted, ({ profile }) => profile ?? 'rebuildnet/1')
    for (const [profile, vectors] of byProfile) {
      const files = new Map<LayerVector, string>()
      for (const vector of vectors) files.set(vector, await store(vectorTar(vector)))
      const readable = vectors.filter(({ name }) => name !== NOT_FOR_PYTHON)
      const layers = refereeLayers(
        readable.map((vector) => files.get(vector) ?? ''),
        profile,
      )
      for (const [vector, file] of files) {
        const python = layers[readable.indexOf(vector)]
        expectAgreement(file, vector.name, python, vectorOptions(vector))
      }
    }
    expect(accepted.length).toBeGreaterThan(40)
  })

  it('on every vector of an image that is accepted', async () => {
    const vectors = loadImageVectors().filter(({ canonical }) => canonical !== undefined)
    const images: ImageToReferee[] = []
    for (const { name, canonical = '', ...vector } of vectors) {
      const manifest = parseAnnotated(vector.manifest)
      const layers = []
      for (const [i, tar] of vector.layers.entries()) {
        const annotations = manifest.layers?.[i]?.annotations ?? {}
        layers.push({ file: await store(vectorTar({ name, tar })), annotations })
      }
      images.push({ canonical, annotations: manifest.annotations ?? {}, layers })
    }
    const theirs = refereeImages(images)
    for (const [i, { name, normalizedDigest, rootfsDigest }] of vectors.entries()) {
      expect(theirs[i]?.normalized, name).toBe(normalizedDigest)
      if (rootfsDigest !== undefined) expect(theirs[i]?.rootfs, name).toBe(rootfsDigest)
    }
  })

  it('on seeded layers', async () => {
    const tars = Array.from({ length: SEEDED_LAYERS }, (_, seed) =>
      makeTar(randomLayers(new SeededRandom(seed), 1)[0] ?? []),
    )
    const files = await Promise.all(tars.map(store))
    const layers = refereeLayers(files)
    for (const [i, file] of files.entries()) expectAgreement(file, `seed ${i}`, layers[i])
  })

  it('on a real tree as three tools pack it', async () => {
    const tree = join(folder, 'tree')
    await mkdir(tree)
    await writeWideTree(tree)
    const packers = { packWithGnuTar, packWithBsdtar, packWithPython }
    for (const [name, pack] of Object.entries(packers)) {
      for (const dialect of ['gnu', 'pax'] as const) {
        const file = await store(pack(tree, { dialect, order: 'reversed' }))
        expectAgreement(file, `${name}, ${dialect}`, refereeLayers([file])[0])
      }
    }
  })

  it('on the layer of a busybox image, with its hundreds of hardlinks', async () => {
    const tree = join(folder, 'busybox')
    await mkdir(join(tree, 'bin'), { recursive: true })
    await copyFile(findTool('busybox') ?? '', join(tree, 'bin/busybox'))
    execFileSync(join(tree, 'bin/busybox'), ['--install', join(tree, 'bin')])
    const file = await store(packWithGnuTar(tree, { dialect: 'gnu', order: 'sorted' }))
    const entries = expectAgreement(file, 'busybox', refereeLayers([file])[0])
    expect(entries).toBeGreaterThan(200)
  })
})
