/**
 * What must be seen: every change of a real folder, packed by GNU tar, and every change of a
 * config or an annotation that is not declared noise, gives another digest. Among them are the
 * pairs that a semantic diff of images is known to call equal.
 */
import { execFileSync } from 'node:child_process'
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { missingTools } from '../../node/system/packages.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import { type ImageOptions, makeImage } from '../support/make-image.ts'
import { packWithGnuTar } from '../support/packers.ts'
import { readLayer } from '../support/read-layer.ts'
import { writePlainTree } from '../support/source-tree.ts'

const hasPython = !missingTools('test').some(({ name }) => name === 'python3')

type Change = (at: (path: string) => string) => Promise<unknown>

/** Each is made to a fresh copy of one tree. */
const CHANGES: Readonly<Record<string, Change>> = {
  'one byte of content': (at) => writeFile(at('etc/passwd'), 'root:x:0:0:root:/root:/bin/sH\n'),
  'a byte more': (at) => writeFile(at('etc/conf.d/none'), '\n'),
  'a NUL more': (at) => writeFile(at('var/511'), `${'x'.repeat(511)}\0`),
  'a setuid bit less': (at) => chmod(at('bin/su'), 0o755),
  'a mode of a directory': (at) => chmod(at('var/empty'), 0o1775),
  'a mode of one name of a hardlink group': (at) => chmod(at('var/z-link'), 0o640),
  'a relative symlink': async (at) => {
    await unlink(at('bin/absolute'))
    await symlink('etc/passwd', at('bin/absolute'))
  },
  'a symlink to the same place, spelled otherwise': async (at) => {
    await unlink(at('bin/absolute'))
    await symlink('/etc//passwd', at('bin/absolute'))
  },
  'a symlink that is followed': async (at) => {
    await unlink(at('bin/relative'))
    await writeFile(at('bin/relative'), 'root:x:0:0:root:/root:/bin/sh\n')
  },
  'a hardlink that is a copy': async (at) => {
    await unlink(at('var/z-link'))
    await writeFile(at('var/z-link'), 'root:x:0:0:root:/root:/bin/sh\n')
  },
  'a copy that is a hardlink': async (at) => {
    await unlink(at('var/512'))
    await link(at('etc/passwd'), at('var/512'))
  },
  'a hardlink that is a symlink': async (at) => {
    await unlink(at('var/z-link'))
    await symlink('../etc/passwd', at('var/z-link'))
  },
  'a name': (at) => rename(at('etc/shadow'), at('etc/shadow-')),
  'a name whose case differs': (at) => rename(at('etc/shadow'), at('etc/Shadow')),
  'a name in another normal form': (at) => rename(at('é ü/ö'), at('é ü/o\u0308')),
  'another parent': (at) => rename(at('etc/shadow'), at('var/shadow')),
  'two files that change places': async (at) => {
    await rename(at('var/511'), at('var/x'))
    await rename(at('var/512'), at('var/511'))
    await rename(at('var/x'), at('var/512'))
  },
  'a file less': (at) => unlink(at('etc/conf.d/none')),
  'a file more': (at) => writeFile(at('etc/conf.d/more'), ''),
  'an empty directory less': (at) => rm(at('var/empty'), { recursive: true }),
  'an empty directory more': (at) => mkdir(at('var/more')),
  'a whiteout': (at) => writeFile(at('etc/.wh.gone'), ''),
  'an opaque directory': (at) => writeFile(at('etc/.wh..wh..opq'), ''),
  'a fifo that is a file': async (at) => {
    await unlink(at('var/fifo'))
    await writeFile(at('var/fifo'), '', { mode: 0o620 })
  },
}

describe('a changed folder has another digest', () => {
  let folder = ''
  let original = ''
  const seen = new Map<string, string>()
  const pack = (tree: string, ...more: string[]): string =>
    readLayer(packWithGnuTar(tree, { dialect: 'pax', order: 'sorted', mtime: 0 }, ...more)).digest

  const makeTree = async (name: string): Promise<string> => {
    const tree = join(folder, name)
    await mkdir(tree)
    await writePlainTree(tree)
    return tree
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-changes-'))
    original = await makeTree('original')
    seen.set(pack(original), 'the tree itself')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** Differs from the original and from every other change. */
  const expectNew = (digest: string, name: string): void => {
    expect(seen.get(digest), `${name} is not told from`).toBeUndefined()
    seen.set(digest, name)
  }

  it('and a copy of it the same one', async () => {
    expect(seen.has(pack(await makeTree('same')))).toBe(true)
  })

  it.each(Object.entries(CHANGES))('%s', async (name, change) => {
    const tree = await makeTree(name.replaceAll(' ', '-'))
    await change((path) => join(tree, path))
    expectNew(pack(tree), name)
  })

  it('every bit of a mode', async () => {
    const tree = await makeTree('modes')
    for (let bit = 0; bit < 12; bit++) {
      await chmod(join(tree, 'etc/shadow'), 0o600 ^ (1 << bit))
      expectNew(pack(tree), `bit ${bit}`)
    }
  })

  it('a user, a group', () => {
    expectNew(pack(original, '--owner=someone:9'), 'a user')
    expectNew(pack(original, '--group=some:9'), 'a group')
    expectNew(pack(original, '--owner=someone:3000000'), 'a user beyond the octal digits')
  })

  // Python, since Node cannot set attributes.
  it.skipIf(!hasPython)('an attribute, its value, name and place, and a capability', async () => {
    const tree = await makeTree('attributes')
    const set = (path: string, name: string, hex: string): void => {
      const script = 'import os,sys;os.setxattr(sys.argv[1],sys.argv[2],bytes.fromhex(sys.argv[3]))'
      execFileSync('python3', ['-c', script, join(tree, path), name, hex])
    }
    const remove = (path: string, name: string): void => {
      const script = 'import os,sys;os.removexattr(sys.argv[1],sys.argv[2])'
      execFileSync('python3', ['-c', script, join(tree, path), name])
    }
    const packed = (): string => pack(tree, '--xattrs', '--xattrs-include=*')
    set('etc/shadow', 'user.a', '01')
    expectNew(packed(), 'an attribute')
    set('etc/shadow', 'user.a', '0100')
    expectNew(packed(), 'its value')
    set('etc/shadow', 'user.b', '00')
    expectNew(packed(), 'two of them')
    remove('etc/shadow', 'user.a')
    expectNew(packed(), 'the other one alone')
    remove('etc/shadow', 'user.b')
    set('etc', 'user.b', '00')
    expectNew(packed(), 'on a directory')
    remove('etc', 'user.b')
    expect(seen.get(packed())).toBe('the tree itself')
    // Without privilege a diff that unpacks never sees these; in the tar they are like others.
    if (process.getuid?.() !== 0) return
    set('bin/su', 'security.capability', '0000000200200000000000000000000000000000')
    expectNew(packed(), 'a capability')
    set('bin/su', 'security.capability', '0100000200200000000000000000000000000000')
    expectNew(packed(), 'an effective capability')
  })
})

const CONFIG = {
  author: 'someone',
  config: {
    User: 'u',
    ExposedPorts: { '80/tcp': {} },
    Env: ['PATH=/bin', 'A=b'],
    Entrypoint: ['/e'],
    Cmd: ['a', 'b'],
    Volumes: { '/v': {} },
    WorkingDir: '/w',
    Labels: { k: 'v' },
    StopSignal: 'SIGTERM',
    StopTimeout: 5,
    Healthcheck: { Test: ['CMD', 'true'], Interval: 1, Retries: 3 },
    OnBuild: ['RUN a'],
    Shell: ['/bin/sh', '-c'],
    Unknown: { nested: [1] },
  },
  unknown: true,
}

/** `value` with each of its leaves changed and each of its members away, one at a time. */
function variants(value: unknown, path: string): [name: string, value: unknown][] {
  if (typeof value === 'string') return [[path, `${value}x`]]
  if (typeof value === 'number') return [[path, value + 1]]
  if (typeof value === 'boolean') return [[path, !value]]
  if (Array.isArray(value)) {
    const items = value as unknown[]
    const each = items.flatMap((item, i) =>
      variants(item, `${path}[${i}]`).map(([name, other]): [string, unknown] => [
        name,
        items.with(i, other),
      ]),
    )
    const turned: [string, unknown][] =
      items.length > 1 ? [[`${path} in another order`, items.toReversed()]] : []
    return [...each, ...turned, [`${path} with one more`, [...items, 'more']]]
  }
  const members = Object.entries(value as Record<string, unknown>)
  return members.flatMap(([key, item]) => {
    const rest = members.filter(([other]) => other !== key)
    const here = `${path}.${key}`
    return [
      [`${here} away`, Object.fromEntries(rest)] as [string, unknown],
      ...variants(item, here).map(([name, other]): [string, unknown] => [
        name,
        Object.fromEntries([...rest, [key, other]]),
      ]),
    ]
  })
}

describe('a changed config has another digest, at both levels', () => {
  const LAYERS = [[{ path: 'a', content: 'Z' }]]
  const digests = (options: ImageOptions): NormalizedImage => makeImage(LAYERS, options)
  const original = digests({ config: CONFIG })

  it.each(variants(CONFIG, ''))('%s', (_name, config) => {
    const changed = digests({ config: config as Record<string, unknown> })
    expect(changed.normalizedDigest).not.toBe(original.normalizedDigest)
    expect(changed.rootfsDigest).not.toBe(original.rootfsDigest)
  })

  it('also in what says for which machine it is', () => {
    const all = [{}, { architecture: 'arm64' }, { os: 'windows' }, { variant: 'v2' }].map(
      (fields) => digests({ config: fields }).normalizedDigest,
    )
    expect(new Set(all).size).toBe(all.length)
  })

  it('and values do not run together with keys, nor with one another', () => {
    const pairs: [Record<string, unknown>, Record<string, unknown>][] = [
      [{ Cmd: ['a b'] }, { Cmd: ['a', 'b'] }],
      [
        { Cmd: ['a'], Entrypoint: ['b'] },
        { Cmd: ['b'], Entrypoint: ['a'] },
      ],
      [{ Labels: { a: 'b=c' } }, { Labels: { 'a=b': 'c' } }],
      [{ Healthcheck: { Test: ['NONE'] } }, {}],
      [{ OnBuild: ['RUN a'] }, {}],
      [{ Shell: ['/bin/bash'] }, { Shell: ['/bin/sh'] }],
    ]
    for (const [a, b] of pairs) {
      expect(digests({ config: { config: a } }).normalizedDigest).not.toBe(
        digests({ config: { config: b } }).normalizedDigest,
      )
    }
  })

  it('and so has a changed annotation, at normalized alone', () => {
    const annotated = (value: string) => digests({ config: CONFIG, annotations: { k: value } })
    expect(annotated('1').normalizedDigest).not.toBe(annotated('2').normalizedDigest)
    expect(annotated('1').rootfsDigest).toBe(annotated('2').rootfsDigest)
    const layer = (value: string) => digests({ layerAnnotations: [{ k: value }] })
    expect(layer('1').normalizedDigest).not.toBe(layer('2').normalizedDigest)
  })
})
