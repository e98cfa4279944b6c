import { describe, expect, it } from 'vitest'
import { FLATTEN_ERROR_CODES } from '../../../../protocol/normalize/normalize-error.ts'
import { makeImage } from '../../../support/make-image.ts'
import type { TarMember } from '../../../support/tar-writer.ts'

type Layers = readonly (readonly TarMember[])[]

const D: TarMember = { path: 'd/', type: 'directory' }
const rootfs = (layers: Layers, profile?: string): string => {
  const image = makeImage(layers, profile === undefined ? {} : { profile })
  if (image.rootfsDigest === undefined) throw image.rootfsError ?? new Error('no reason')
  return image.rootfsDigest
}

/** Pairs of images that make one file tree. */
const SAME: readonly (readonly [string, Layers, Layers])[] = [
  [
    'another split into layers',
    [[D, { path: 'd/a' }, { path: 'b' }]],
    [[D, { path: 'd/a' }], [{ path: 'b' }]],
  ],
  ['an empty layer', [[{ path: 'a' }]], [[], [{ path: 'a' }], []]],
  [
    'a file that a later layer replaces',
    [[{ path: 'a', content: '2' }]],
    [[{ path: 'a', content: '1' }], [{ path: 'a', content: '2' }]],
  ],
  [
    'a file that is removed',
    [[{ path: 'b' }]],
    [[{ path: 'a' }, { path: 'b' }], [{ path: '.wh.a' }]],
  ],
  [
    'a directory that is removed',
    [[{ path: 'b' }]],
    [[{ path: 'd/x/y' }, { path: 'b' }], [{ path: '.wh.d' }]],
  ],
  ['a whiteout of what was never there', [[{ path: 'b' }]], [[{ path: 'b' }], [{ path: '.wh.a' }]]],
  [
    'an opaque directory',
    [[D, { path: 'd/n' }]],
    [
      [D, { path: 'd/o' }, { path: 'd/p/q' }],
      [D, { path: 'd/.wh..wh..opq' }, { path: 'd/n' }],
    ],
  ],
  [
    'an opaque marker keeps mode and owner',
    [[{ ...D, mode: 0o700 }]],
    [[{ ...D, mode: 0o700 }, { path: 'd/o' }], [{ path: 'd/.wh..wh..opq' }]],
  ],
  ['an implied directory is 0755 of root', [[D, { path: 'd/a' }]], [[{ path: 'd/a' }]]],
  [
    'an implied directory keeps what is below it',
    [[{ ...D, uid: 5 }, { path: 'd/a' }]],
    [[{ ...D, uid: 5 }], [{ path: 'd/a' }]],
  ],
  [
    'a later entry of a directory counts',
    [[{ ...D, uid: 5 }, { path: 'd/a' }]],
    [[D, { path: 'd/a' }], [{ ...D, uid: 5 }]],
  ],
  [
    'the root itself, explicit or not',
    [[{ path: './', type: 'directory' }, { path: 'a' }]],
    [[{ path: 'a' }]],
  ],
  ['a directory that becomes a file', [[{ path: 'd' }]], [[D, { path: 'd/a' }], [{ path: 'd' }]]],
  [
    'a file that becomes a directory',
    [[D, { path: 'd/a' }]],
    [[{ path: 'd' }], [D, { path: 'd/a' }]],
  ],
  [
    'a symlink that becomes a directory',
    [[D, { path: 'd/a' }]],
    [[{ path: 'd', type: 'symlink', linkname: 'e' }], [D, { path: 'd/a' }]],
  ],
  [
    'a name that is removed and made again',
    [[{ path: 'a', content: '2' }]],
    [[{ path: 'a/x' }], [{ path: '.wh.a' }], [{ path: 'a', content: '2' }]],
  ],
  [
    'the surviving names of a hardlink group',
    [
      [
        { path: 'b', content: 'Z' },
        { path: 'c', type: 'hardlink', linkname: 'b' },
      ],
    ],
    [
      [
        { path: 'a', content: 'Z' },
        { path: 'b', type: 'hardlink', linkname: 'a' },
        { path: 'c', type: 'hardlink', linkname: 'a' },
      ],
      [{ path: '.wh.a' }],
    ],
  ],
  // One builder records a link to a file of a lower layer as both names again, another as a copy.
  [
    'a hardlink to a lower layer, as a group and as a copy',
    [
      [{ path: 'a', content: 'Z' }],
      [
        { path: 'a', content: 'Z' },
        { path: 'b', type: 'hardlink', linkname: 'a' },
      ],
    ],
    [[{ path: 'a', content: 'Z' }], [{ path: 'b', content: 'Z' }]],
  ],
  [
    'what storage drivers note',
    [[{ path: 'a' }, D]],
    [
      [
        { path: 'a', pax: { 'SCHILY.xattr.user.overlay.origin': '' } },
        { ...D, pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
      ],
    ],
  ],
  [
    'empty files that builders leave behind',
    [[{ path: 'etc/', type: 'directory' }]],
    [
      [
        { path: 'etc/hosts', mode: 0o700 },
        { path: 'etc/hostname' },
        { path: 'etc/resolv.conf', uid: 9 },
        { path: '.dockerenv', mode: 0o755 },
      ],
    ],
  ],
  [
    'empty directories that runtimes mount over',
    [[]],
    [
      [
        { path: 'dev', type: 'directory' },
        { path: 'proc', type: 'directory', mode: 0o555 },
        { path: 'sys', type: 'directory' },
        { path: 'run/.containerenv' },
      ],
    ],
  ],
]

/** Pairs that do not. */
const DIFFERENT: readonly (readonly [string, Layers, Layers])[] = [
  ['content', [[{ path: 'a', content: '1' }]], [[{ path: 'a', content: '2' }]]],
  ['a setuid bit', [[{ path: 'a', mode: 0o755 }]], [[{ path: 'a', mode: 0o4755 }]]],
  ['the mode of the root', [[]], [[{ path: './', type: 'directory', mode: 0o777 }]]],
  [
    'an attribute',
    [[{ path: 'a' }]],
    [[{ path: 'a', pax: { 'SCHILY.xattr.security.capability': 'x' } }]],
  ],
  [
    'a file of the host that is not empty',
    [[{ path: 'etc/hosts' }]],
    [[{ path: 'etc/hosts', content: '1' }]],
  ],
  [
    'a directory of the host that is not empty',
    [[{ path: 'run', type: 'directory' }]],
    [[{ path: 'run/x' }]],
  ],
  [
    'a symlink in place of a file of the host',
    [[{ path: 'etc/', type: 'directory' }]],
    [
      [
        { path: 'etc/', type: 'directory' },
        { path: 'etc/hosts', type: 'symlink', linkname: 'x' },
      ],
    ],
  ],
  ['empty files elsewhere', [[{ path: 'etc/', type: 'directory' }]], [[{ path: 'etc/host' }]]],
  [
    'an attribute that is only alike',
    [[{ path: 'a' }]],
    [[{ path: 'a', pax: { 'SCHILY.xattr.user.overlayx': '' } }]],
  ],
]

const REFUSED: readonly (readonly [string, Layers, string])[] = [
  [
    'a path beneath a symlink of a lower layer',
    [[{ path: 'd', type: 'symlink', linkname: 'e' }], [{ path: 'd/a' }]],
    'flatten-symlink-parent',
  ],
  [
    'a whiteout beneath a symlink of a lower layer',
    [[{ path: 'd', type: 'symlink', linkname: 'e' }], [{ path: 'd/.wh.a' }]],
    'flatten-symlink-parent',
  ],
  [
    'an opaque marker beneath a symlink of a lower layer',
    [[{ path: 'd', type: 'symlink', linkname: 'e' }], [{ path: 'd/.wh..wh..opq' }]],
    'flatten-symlink-parent',
  ],
  [
    'a directory over a symlink, after what lies in it',
    [[{ path: 'd', type: 'symlink', linkname: 'e' }], [{ path: 'd/a' }, D]],
    'flatten-symlink-parent',
  ],
  [
    'a path beneath a file of a lower layer',
    [[{ path: 'd' }], [{ path: 'd/a' }]],
    'flatten-parent-not-directory',
  ],
  [
    'a hardlink to a lower layer',
    [[{ path: 'a' }], [{ path: 'b', type: 'hardlink', linkname: 'a' }]],
    'flatten-hardlink',
  ],
  [
    'a hardlink to a lower layer that is removed later',
    [[{ path: 'a' }], [{ path: 'b', type: 'hardlink', linkname: 'a' }], [{ path: '.wh.b' }]],
    'flatten-hardlink',
  ],
  ['a 0:0 character device', [[{ path: 'd/c', type: 'char' }]], 'flatten-device-0-0'],
]

describe('the rootfs digest', () => {
  it.each(SAME)('is the same: %s', (_, a, b) => {
    expect(rootfs(b)).toBe(rootfs(a))
  })

  it.each(DIFFERENT)('depends on %s', (_, a, b) => {
    expect(rootfs(b)).not.toBe(rootfs(a))
  })

  it.each(REFUSED)('is refused: %s', (_, layers, code) => {
    const image = makeImage(layers)
    expect(image.rootfsError?.code).toBe(code)
    expect(image.rootfsDigest).toBeUndefined()
    expect(image.root).toBeUndefined()
    expect(image.normalizedDigest).toMatch(/^rebuildnet\/1:sha256:/)
  })

  it('has a refusal tried for every code', () => {
    const seen = new Set(REFUSED.map(([, , code]) => code))
    expect(FLATTEN_ERROR_CODES.filter((code) => !seen.has(code))).toEqual([])
  })

  it('says where flattening was refused', () => {
    const [, layers] = REFUSED[0]!
    expect(makeImage(layers).rootfsError).toMatchObject({ layer: 1, path: 'd' })
  })

  it('depends on the config and not on annotations', () => {
    const layers = [[{ path: 'a' }]]
    const labelled = makeImage(layers, { config: { config: { Labels: { a: 'b' } } } })
    const annotated = makeImage(layers, { annotations: { a: 'b' } })
    expect(labelled.rootfsDigest).not.toBe(rootfs(layers))
    expect(annotated.rootfsDigest).toBe(rootfs(layers))
  })

  it('drops content by its name alone', () => {
    const profile = 'rebuildnet/1;drop=a'
    const linked = (content: string): Layers => [
      [
        { path: 'a', content },
        { path: 'b', type: 'hardlink', linkname: 'a' },
      ],
      [{ path: '.wh.b' }],
    ]
    expect(rootfs(linked('1'), profile)).toBe(rootfs(linked('22'), profile))
    expect(rootfs(linked('1'), profile)).toBe(rootfs([[{ path: 'a', content: '3' }]], profile))
  })

  it('counts clamped times where the profile has them, and none of implied directories', () => {
    const profile = 'rebuildnet/1;mtime=clamp:50'
    const at = (mtime: number): Layers => [[{ path: 'd/a', mtime }]]
    expect(rootfs(at(60), profile)).toBe(rootfs(at(50), profile))
    expect(rootfs(at(49), profile)).not.toBe(rootfs(at(50), profile))
  })
})
