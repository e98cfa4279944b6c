import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { diffImages } from '../../../../protocol/normalize/diff.ts'
import { describeDifference } from '../../../../protocol/normalize/difference-words.ts'
import type { NormalizedImage } from '../../../../protocol/normalize/image.ts'
import { DEFAULT_PROFILE } from '../../../../protocol/normalize/profile.ts'
import {
  type ComparedTrees,
  type ComparisonLimits,
  TreeComparison,
} from '../../../../protocol/normalize/tree-comparison.ts'
import { TreeObjectError } from '../../../../protocol/normalize/tree-object-error.ts'
import type { TreeObject } from '../../../../protocol/normalize/tree-object.ts'
import { makeImage } from '../../../support/make-image.ts'
import type { TarMember } from '../../../support/tar-writer.ts'
import {
  answerFrom,
  comparedImage,
  makeDirectory,
  makeFile,
  makeObject,
  makeTreeImage,
  objectMap,
} from '../../../support/tree-objects.ts'

const BASE: readonly TarMember[] = [
  { path: 'etc', type: 'directory', mode: 0o755 },
  { path: 'etc/same', content: 's' },
  { path: 'etc/changed', content: 'a' },
  { path: 'usr/bin/tool', content: 't', mode: 0o755 },
  { path: 'usr/bin/alias', type: 'hardlink', linkname: 'usr/bin/tool', mode: 0o755 },
  { path: 'usr/lib/x', type: 'symlink', linkname: '../y' },
  { path: 'dev/null', type: 'char', major: 1, minor: 3 },
  { path: 'fifo', type: 'fifo' },
]

function compare(
  a: NormalizedImage,
  b: NormalizedImage,
  level: 'normalized' | 'rootfs' = 'normalized',
): { comparison: TreeComparison; rounds: number } {
  const comparison = new TreeComparison(
    { crypto: nodeCrypto },
    { profile: DEFAULT_PROFILE, a: comparedImage(a), b: comparedImage(b), level },
  )
  return { comparison, rounds: answerFrom(objectMap(a, b), comparison) }
}

function compareTrees(
  a: readonly TreeObject[],
  b: readonly TreeObject[],
  extra: readonly TreeObject[] = [],
  limits: Partial<ComparisonLimits> = {},
): TreeComparison {
  const image = (objects: readonly TreeObject[]) => ({
    image: objects.at(-1)!.hash,
    rootfs: undefined,
  })
  const comparison = new TreeComparison(
    { crypto: nodeCrypto },
    { profile: DEFAULT_PROFILE, a: image(a), b: image(b), level: 'normalized', limits },
  )
  answerFrom(new Map([...a, ...b, ...extra].map((object) => [object.hash, object])), comparison)
  return comparison
}

function finish(comparison: TreeComparison, maxListed: number): ComparedTrees {
  const steps = comparison.finish(maxListed)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof TreeObjectError) return error.code
    throw error
  }
  return 'none'
}

describe('two trees compared object by object', () => {
  const other: readonly TarMember[] = [
    ...BASE.map((each) => (each.path === 'etc/changed' ? { ...each, content: 'b' } : each)).slice(
      0,
      7,
    ),
    { path: 'added/deep/file', content: 'n' },
    { path: 'etc/gone', type: 'directory' },
  ]

  it.each([
    ['a file, an addition and a removal', [BASE], [other]],
    ['the same', [BASE], [BASE]],
    ['another number of layers', [BASE], [BASE, [{ path: 'more', content: '1' }]]],
    ['layers split otherwise', [BASE], [BASE.slice(0, 4), BASE.slice(5)]],
    ['a kind', [[{ path: 'a', content: '1' }]], [[{ path: 'a/b', content: '1' }]]],
    ['whiteouts', [BASE, [{ path: '.wh.fifo' }]], [BASE, [{ path: 'x' }]]],
  ] as const)('give what the whole images give: %s', (_, a, b) => {
    const [imageA, imageB] = [makeImage(a), makeImage(b)]
    for (const level of ['normalized', 'rootfs'] as const) {
      const whole = diffImages(imageA, imageB, { level })
      const { comparison } = compare(imageA, imageB, level)
      const { equal, count, differences } = finish(comparison, 1000)
      expect({ equal, differences }).toEqual(whole)
      expect(count).toBe(whole.differences.length)
    }
  })

  it('give the config and the annotations that differ', () => {
    const a = makeImage([BASE], { config: { author: 'a' }, annotations: { k: '1' } })
    const b = makeImage([BASE], { config: { author: 'b' }, layerAnnotations: [{ l: 'ä' }] })
    expect(finish(compare(a, b).comparison, 10).differences).toEqual(diffImages(a, b).differences)
  })

  it('open only what differs, one level a round', () => {
    const b = makeImage([other])
    const { comparison, rounds } = compare(makeImage([BASE]), b)
    // Image, layer, root, first level, second, third.
    expect(rounds).toBe(6)
    expect(comparison.taken.objects).toBeLessThan(objectMap(b).size + 12)
  })

  it('list as many differences as asked for, and count all', () => {
    const { comparison } = compare(makeImage([BASE]), makeImage([[]]))
    const { count, differences } = finish(comparison, 2)
    expect(differences).toHaveLength(2)
    expect(count).toBe(12)
  })

  it('lists no value and no path that whoever made the image has made long', () => {
    const long = 'x'.repeat(5000)
    const label = `label.${long}`
    const xattr = { 'SCHILY.xattr.user.long': long }
    const a = makeImage([[{ path: 'file', content: 'a', mode: 0o755 }]])
    const b = makeImage([[{ path: 'file', content: 'b', pax: xattr }]], {
      config: { config: { Labels: { [label]: '1', other: long } } },
    })
    const { differences, count } = finish(compare(a, b).comparison, 10)
    expect(count).toBe(3)
    expect(differences).toMatchObject([
      {
        path: `config.Labels.label.${'x'.repeat(1024 - 20)}…`,
        omitted: ['path'],
        b: { value: '1' },
      },
      { path: 'config.Labels.other', omitted: ['value'], b: {} },
      {
        path: 'file',
        what: ['content', 'mode', 'xattr'],
        omitted: ['xattrs'],
        a: { mode: '0755' },
        b: { mode: '0644' },
      },
    ])
    expect(JSON.stringify(differences).length).toBeLessThan(3000)
    expect(differences.map(describeDifference)).toEqual([
      ['none → "1"', 'only the beginning of the path is listed'],
      ['value: too long to be listed'],
      expect.arrayContaining(['mode 0755 → 0644', 'xattrs: too long to be listed']) as string[],
    ])
  })
})

describe('an object that somebody sent', () => {
  it('is refused where it does not hash to what was asked for', () => {
    const [a, b] = [
      makeTreeImage(makeDirectory([])),
      makeTreeImage(makeDirectory([['f', makeFile(1)]])),
    ]
    const comparison = new TreeComparison(
      { crypto: nodeCrypto },
      {
        profile: DEFAULT_PROFILE,
        a: { image: a.at(-1)!.hash, rootfs: undefined },
        b: { image: b.at(-1)!.hash, rootfs: undefined },
        level: 'normalized',
      },
    )
    const [wanted] = comparison.wanted()
    expect(codeOf(() => comparison.take({ ...b.at(-1)!, hash: wanted!.hash }))).toBe('hash')
    // Not even under another kind.
    expect(codeOf(() => comparison.take({ ...a.at(-1)!, kind: 'dir' }))).toBe('hash')
  })

  const empty = makeTreeImage(makeDirectory([]))
  const file = makeFile(1)
  const directory = (...names: string[]) => makeDirectory(names.map((name) => [name, file]))

  it.each([
    ['names that do not ascend', directory('b', 'a')],
    ['a name twice', directory('a', 'a')],
    ['a name with a slash', directory('a/b')],
    ['an empty name', directory('')],
    ['a name that leads out', directory('..')],
    ['bytes after its end', makeObject('dir', Uint8Array.of(...directory('a').preimage, 0))],
    ['an end that comes too early', makeObject('dir', directory('a').preimage.slice(0, -1))],
    [
      'a count without entries',
      makeObject('dir', Uint8Array.of(0, 0, 0, 2, 1, 0, 255, 255, 255, 255)),
    ],
    ['unknown flags', makeObject('dir', Uint8Array.of(0, 0, 0, 2, 1, 4, 0, 0, 0, 0))],
    ['nothing in it', makeObject('dir', new Uint8Array())],
  ])('is refused as a directory with %s, though its hash be right', (_, root) => {
    expect(codeOf(() => compareTrees(empty, makeTreeImage(root), [file]))).toBe('malformed')
  })

  it('is refused as a leaf wherever it is cut, and of another kind than its directory says', () => {
    for (let length = 0; length < file.preimage.length; length++) {
      const cut = makeObject('leaf', file.preimage.slice(0, length))
      // The entry says what the whole leaf would be.
      const root = makeDirectory([['f', { ...cut, preimage: file.preimage }]])
      expect(codeOf(() => compareTrees(empty, makeTreeImage(root), [cut]))).toBe('malformed')
    }
    const fifo = makeDirectory([['f', { ...file, preimage: Uint8Array.of(6) }]])
    expect(codeOf(() => compareTrees(empty, makeTreeImage(fifo), [file]))).toBe('malformed')
  })

  it('is refused in a tree deeper than any image may be', () => {
    const objects: TreeObject[] = []
    let top = makeDirectory([['f', file]])
    for (let depth = 0; depth < 200; depth++) {
      objects.push(top)
      top = makeDirectory([['d', top]])
    }
    expect(codeOf(() => compareTrees(empty, makeTreeImage(top), [...objects, file]))).toBe(
      'too-deep',
    )
  })

  it('cannot be made to look like more entries than may be compared', () => {
    // 20 directories that each name the next one 10 times: 10^20 paths.
    const objects: TreeObject[] = [file]
    let top = makeDirectory([['f', file]])
    for (let depth = 0; depth < 20; depth++) {
      objects.push(top)
      const child = top
      top = makeDirectory(Array.from({ length: 10 }, (_, i) => [`d${i}`, child] as const))
    }
    const comparison = compareTrees(empty, makeTreeImage(top), objects, { maxVisits: 20_000 })
    expect(codeOf(() => finish(comparison, 10))).toBe('too-much')
  })

  it.each([{ maxObjects: 10 }, { maxBytes: 500 }])('ends the comparison over %o', (limits) => {
    const files = Array.from({ length: 40 }, (_, i) => makeFile(i))
    const root = makeDirectory(
      files.map((each, i) => [`f${String(i).padStart(2, '0')}`, each] as const),
    )
    expect(codeOf(() => compareTrees(empty, makeTreeImage(root), files, limits))).toBe('too-much')
  })
})
