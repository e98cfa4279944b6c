/** normalize and diff on real files, without a node or a data folder. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runHere } from '../support/command-line.ts'
import {
  makeImage,
  makeIndex,
  sha256,
  writeDockerArchive,
  writeLayout,
  writeOciArchive,
} from '../support/oci-image.ts'
import { makeTar } from '../support/tar-writer.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** protocol/normalize/README.md: file `a`, content `Z`, 0644. */
const FILE_A = '1eac6ec462c208ec2896f94f4cb463065dbbd5e1055d2bc759d27efe435523b5'

const tarOf = (content: string, mtime = 0, mode = 0o644): Uint8Array =>
  makeTar([{ path: 'a', content, mtime, mode }])

async function archive(name: string, tar: Uint8Array, encoding: 'gzip' | 'zstd' = 'gzip') {
  const file = join(root, `${name}.tar`)
  const image = makeImage({ layers: [{ tar, encoding }] })
  await writeOciArchive(file, { latest: image })
  return { reference: `oci-archive:${file}`, image }
}

function makePipe(name: string): string {
  const path = join(root, name)
  execFileSync('mkfifo', [path])
  return path
}

describe('a pipe or a device', () => {
  it.each([
    ['normalize oci-archive:FILE'],
    ['normalize docker-archive:FILE'],
    ['normalize --layer FILE'],
    ['diff oci-archive:FILE oci-archive:FILE'],
  ])('is refused at once by %s', async (command) => {
    const pipe = makePipe(`pipe for ${command.replaceAll(':', ' ')}`)
    for (const path of [pipe, '/dev/zero']) {
      const ran = await runHere(command.split(' ').map((word) => word.replace('FILE', path)))
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toContain(`${path} is not a regular file`)
    }
  })

  it('is refused in a layout as well', async () => {
    const image = makeImage({ layers: [{ tar: tarOf('Z') }] })
    const blobs = [image.digest, ...image.blobs.keys()]
    const names = blobs.map((digest) => `blobs/sha256/${digest.slice('sha256:'.length)}`)
    for (const [index, name] of ['oci-layout', 'index.json', ...names].entries()) {
      const folder = `layout-${index}`
      await writeLayout(join(root, folder), { latest: image })
      const file = join(root, folder, name)
      const refused = async () => {
        const ran = await runHere(['normalize', `oci:${join(root, folder)}`, '--no-cache'])
        expect(ran.exitCode).toBe(2)
        expect(ran.stderr).toContain(`${file} is not a regular file`)
      }
      await unlink(file)
      makePipe(`${folder}/${name}`)
      await refused()
      await unlink(file)
      await symlink('/dev/zero', file)
      await refused()
    }
  })
})

describe('normalize --layer', () => {
  it.each([
    ['plain', (tar: Uint8Array) => tar],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('tells %s by its content', async (name, encode) => {
    const file = join(root, `layer-${name}`)
    await writeFile(file, encode(tarOf('Z')))
    const ran = await runHere(['normalize', '--layer', file, '--json'])
    expect(ran.exitCode, ran.stderr).toBe(0)
    expect(ran.json).toEqual({ normalizedDigest: FILE_A, entries: 1 })
  })

  it('that has no digest exits 2 with the code and the place', async () => {
    const file = join(root, 'escaping')
    await writeFile(file, makeTar([{ path: 'ok' }, { path: '../etc/passwd' }]))
    const ran = await runHere(['normalize', '--layer', file, '--json'])
    expect(ran.exitCode).toBe(2)
    const { error } = ran.json as { error: Record<string, unknown> }
    expect(Object.keys(error).sort()).toEqual(
      ['code', 'entry', 'layer', 'message', 'offset', 'path'].sort(),
    )
    expect(error).toMatchObject({ code: 'path-dotdot', entry: 1, path: '../etc/passwd' })
    expect(ran.stderr).toMatch(/^rebuildnet: [^\n]+\n$/)
  })
})

describe('normalize', () => {
  it('prints every digest of an image', async () => {
    const { reference, image } = await archive('one', tarOf('Z'))
    const ran = await runHere(['normalize', reference, '--json'])
    expect(ran.exitCode, ran.stderr).toBe(0)
    const described = ran.json as { layers: unknown[] }
    expect(Object.keys(described).sort()).toEqual(
      [
        'image',
        'platform',
        'profile',
        'manifestDigest',
        'normalizedDigest',
        'rootfsDigest',
        'layers',
      ].sort(),
    )
    expect(described).toMatchObject({
      platform: 'linux/amd64',
      profile: 'rebuildnet/1',
      manifestDigest: image.digest,
      normalizedDigest: expect.stringMatching(/^rebuildnet\/1:sha256:[0-9a-f]{64}$/),
      rootfsDigest: expect.stringMatching(/^rebuildnet\/1:sha256:[0-9a-f]{64}$/),
      layers: [{ normalizedDigest: FILE_A, entries: 1 }],
    })
  })

  it('names the platforms of an index where one has to be chosen', async () => {
    const folder = join(root, 'index')
    const images = ['amd64', 'arm64'].map((architecture) =>
      makeImage({ layers: [{ tar: tarOf('Z') }], platform: { os: 'linux', architecture } }),
    )
    await writeLayout(folder, { latest: makeIndex(images.map((image) => ({ image }))) })
    const ran = await runHere(['normalize', `oci:${folder}`])
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('linux/amd64')
    expect(ran.stderr).toContain('linux/arm64')
    const one = await runHere(['normalize', `oci:${folder}`, '--platform', 'linux/arm64', '--json'])
    expect(one.json).toMatchObject({ platform: 'linux/arm64' })
  })

  it('says what is not there', async () => {
    const ran = await runHere(['normalize', `oci:${root}/nothing`])
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toMatch(/^rebuildnet: [^\n]*nothing[^\n]*\n$/)
  })

  it('of a bare name that lies here says how to read the file', async () => {
    const folder = process.cwd()
    process.chdir(root)
    try {
      await writeFile('im.TAR', '')
      const ran = await runHere(['normalize', 'im.TAR'])
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toMatch(
        /^rebuildnet: [^\n]+ docker-archive:im\.TAR or oci-archive:im\.TAR [^\n]+\n$/,
      )
    } finally {
      process.chdir(folder)
    }
  })

  it('of a file as oci: says how to read the archive', async () => {
    const { reference } = await archive('not-a-folder', tarOf('Z'))
    const ran = await runHere(['normalize', reference.replace('oci-archive:', 'oci:')])
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(`is a file, not a folder: write ${reference} `)
    expect(ran.stderr).not.toContain('ENOTDIR')
  })

  it('blames no image for a profile that there is not', async () => {
    const { reference } = await archive('profile', tarOf('Z'))
    for (const profile of ['rebuildnet/9', 'rebuildnet/1;b=1']) {
      const ran = await runHere(['normalize', reference, '--profile', profile])
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toMatch(/^rebuildnet: --profile: no such profile[^\n]+rebuildnet\/1/)
      expect(ran.stderr).not.toMatch(/cannot be normalized|tell who/)
    }
  })

  it('does not say to fetch what is a local file', async () => {
    const file = join(root, 'cut.tar')
    await writeFile(file, tarOf('Z'.repeat(2000)).subarray(0, 1024))
    const image = makeImage({ layers: [{ tar: tarOf('Z'.repeat(2000)).subarray(0, 1024) }] })
    await writeOciArchive(join(root, 'cut-layer.tar'), { latest: image })
    for (const words of [['--layer', file], [`oci-archive:${root}/cut-layer.tar`]]) {
      const ran = await runHere(['normalize', ...words])
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toContain('cannot be normalized')
      expect(ran.stderr).not.toContain('fetch')
    }
  })

  it('in words names the three levels', async () => {
    const { reference } = await archive('words', tarOf('Z'))
    const { stdout } = await runHere(['normalize', reference])
    for (const word of ['exact', 'normalized', 'rootfs', FILE_A]) expect(stdout).toContain(word)
  })
})

describe('diff', () => {
  it('exits 0 where only what the profile ignores differs', async () => {
    const a = await archive('a', tarOf('Z'))
    const b = await archive('b', tarOf('Z', 1_700_000_000), 'zstd')
    const ran = await runHere(['diff', a.reference, b.reference, '--json'])
    expect(ran.exitCode).toBe(0)
    const stored = ({ image }: typeof a) => ({
      manifestDigest: image.digest,
      configDigest: sha256(image.config),
      layers: [...image.blobs.keys()].filter((digest) => digest !== sha256(image.config)),
    })
    expect(ran.json).toEqual({
      equal: 'normalized',
      differences: [],
      a: { image: a.reference, ...stored(a) },
      b: { image: b.reference, ...stored(b) },
    })
  })

  it('exits 1 for the same where they must be equal to the bit', async () => {
    const a = await archive('a', tarOf('Z'))
    const b = await archive('b', tarOf('Z', 1_700_000_000))
    const ran = await runHere(['diff', a.reference, b.reference, '--level', 'exact'])
    expect(ran.exitCode).toBe(1)
    expect((await runHere(['diff', a.reference, a.reference, '--level', 'exact'])).exitCode).toBe(0)
  })

  it('at exact says what is stored otherwise', async () => {
    const a = await archive('stored-a', tarOf('Z'))
    const b = await archive('stored-b', tarOf('Z', 1_700_000_000))
    const { stdout } = await runHere(['diff', a.reference, b.reference, '--level', 'exact'])
    const [layerA, layerB] = [a, b].map(({ image }) => [...image.blobs.keys()][0] ?? '')
    expect(stdout).toBe(
      [
        '≠ they differ at level exact, and are equal at level normalized: the same but for what the profile ignores',
        '',
        'as stored',
        '  ~ manifest',
        `      a ${a.image.digest}`,
        `      b ${b.image.digest}`,
        '  ~ config',
        `      a ${sha256(a.image.config)}`,
        `      b ${sha256(b.image.config)}`,
        '  ~ layer 0',
        `      a ${layerA}`,
        `      b ${layerB}`,
        '',
      ].join('\n'),
    )
  })

  it('at exact says where the manifest alone is stored otherwise', async () => {
    const a = await archive('manifest-a', tarOf('Z'))
    const file = join(root, 'manifest-b.tar')
    const layers = [{ tar: tarOf('Z'), encoding: 'gzip' as const }]
    const tamper = (manifest: object) => Object.fromEntries(Object.entries(manifest).reverse())
    await writeOciArchive(file, { latest: makeImage({ layers, tamper }) })
    const { stdout } = await runHere([
      'diff',
      a.reference,
      `oci-archive:${file}`,
      '--level',
      'exact',
    ])
    expect(stdout).toContain('  ~ manifest\n')
    expect(stdout).toContain('config and layers are the same bytes')
    expect(stdout).not.toContain('~ config')
  })

  it('at exact refuses what has no exact digest', async () => {
    const a = await archive('exact', tarOf('Z'))
    const saved = `docker-archive:${join(root, 'saved.tar')}`
    await writeDockerArchive(join(root, 'saved.tar'), { 'app:v1': a.image })
    for (const pair of [
      [a.reference, saved],
      [saved, a.reference],
      [saved, saved],
    ]) {
      const ran = await runHere(['diff', ...pair, '--level', 'exact'])
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toContain(`${saved} cannot be compared at exact`)
    }
    expect((await runHere(['diff', a.reference, saved])).exitCode).toBe(0)
  })

  it('names the path that differs, and how', async () => {
    const a = await archive('a', tarOf('Z'))
    const b = await archive('b', tarOf('Z', 0, 0o4755))
    const ran = await runHere(['diff', a.reference, b.reference, '--json'])
    expect(ran.exitCode).toBe(1)
    expect(ran.json).toMatchObject({
      equal: 'none',
      differences: [{ path: 'a', layer: 0, what: ['mode'] }],
    })
    expect((await runHere(['diff', a.reference, b.reference])).stdout).toBe(
      [
        '≠ they differ  1 difference',
        '',
        'layer 0  1 changed',
        '  /',
        '    ~ a  mode',
        '        mode 0644 → 4755',
        '',
      ].join('\n'),
    )
  })

  it('shows how the lines of a small text differ', async () => {
    const a = await archive('a', tarOf('one\ntwo\nthree\n'))
    const b = await archive('b', tarOf('one\n\u001b[2Jtwo!\nthree\n'))
    const { stdout } = await runHere(['diff', a.reference, b.reference, '--content'])
    expect(stdout).toContain(
      '        @@ line 1 → 1 @@\n         one\n        -two\n        +<U+001B>[2Jtwo!\n',
    )
    const binary = await archive('c', tarOf('\0'))
    const ran = await runHere(['diff', a.reference, binary.reference, '--content'])
    expect(ran.stdout).toContain('(not text)')
    const json = await runHere(['diff', a.reference, b.reference, '--content', '--json'])
    expect(json.json).toMatchObject({
      differences: [{ path: 'a', lines: expect.arrayContaining(['-two']) as unknown }],
    })
  })

  it('says which of the two has no digest, and why', async () => {
    const a = await archive('whole', tarOf('Z'))
    const b = await archive('cut', tarOf('Z'.repeat(2000)).subarray(0, 1024))
    for (const pair of [
      [a.reference, b.reference],
      [b.reference, a.reference],
    ]) {
      const ran = await runHere(['diff', ...pair])
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toContain(`rebuildnet: ${b.reference} cannot be normalized: `)
    }
    const ran = await runHere(['diff', a.reference, a.reference, '--profile', 'rebuildnet/9'])
    expect(ran.stderr).toMatch(/^rebuildnet: --profile: no such profile[^\n]+rebuildnet\/1/)
  })

  it.each([['--content'], ['--profile=rebuildnet/1'], ['--insecure=localhost']])(
    'refuses %s with --between, where it would do nothing',
    async (option) => {
      const ran = await runHere(['diff', 'app@1.0.0', '--between', 'alice', 'bob', option])
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toContain(`${option.replace(/=.*/, '')} is about images`)
    },
  )

  it('exits 2 where one of them cannot be read', async () => {
    const a = await archive('a', tarOf('Z'))
    const ran = await runHere(['diff', a.reference, `oci:${root}/nothing`, '--json'])
    expect(ran.exitCode).toBe(2)
    expect(ran.json).toHaveProperty('error.code')
  })

  it('shows progress on a terminal only', async () => {
    const a = await archive('a', tarOf('Z'))
    const quiet = await runHere(['diff', a.reference, a.reference])
    expect(quiet.stderr).toBe('')
    const terminal = await runHere(['diff', a.reference, a.reference], { terminal: true })
    // A busy machine takes time enough for a rate, and then the line is cut.
    expect(terminal.stderr).toMatch(/ % {2}\d+ B of \d+ B {2}.*comp/)
    const b = await archive('b', tarOf('Y'))
    const again = ['diff', a.reference, b.reference, '--content']
    const content = await runHere(again, { terminal: true })
    expect(content.stderr).toMatch(/ % {2}\d+ B of \d+ B {2}.*read/)
    expect((await runHere(again)).stderr).toBe('')
  })
})

describe('doctor', () => {
  it('says of each thing whether it is well, and what to do where it is not', async () => {
    const ran = await runHere(['doctor', '--data', root, '--no-build', '--json'])
    const findings = ran.json as { name: string; status: string; remedy?: string }[]
    expect(findings.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['node', 'git', 'disk', 'clock']),
    )
    for (const { status, remedy } of findings) expect(status === 'ok').toBe(remedy === undefined)
    const failed = findings.some(({ status }) => status === 'fail')
    expect(ran.exitCode).toBe(failed ? 1 : 0)
  })

  it('exits 1 where the data folder is not there', async () => {
    const ran = await runHere(['doctor', '--data', join(root, 'none'), '--no-build'])
    expect(ran.exitCode).toBe(1)
    expect(ran.stdout).toMatch(/✗ fail +disk/)
  })
})
