import { describe, expect, it } from 'vitest'
import { diffImages } from '../../../../protocol/normalize/diff.ts'
import { type ImageOptions, makeImage } from '../../../support/make-image.ts'
import type { TarMember } from '../../../support/tar-writer.ts'

type Layers = readonly (readonly TarMember[])[]

const diff = (a: Layers, b: Layers, optionsA: ImageOptions = {}, optionsB: ImageOptions = {}) =>
  diffImages(makeImage(a, optionsA), makeImage(b, optionsB))
const what = (a: TarMember, b: TarMember) =>
  diff([[a]], [[b]]).differences.map((each) => [each.path, ...each.what])

const A: TarMember = { path: 'a', content: '1' }

describe('the difference of two images', () => {
  it('is none where they are equal', () => {
    expect(diff([[A]], [[{ ...A, mtime: 7 }]])).toEqual({ equal: 'normalized', differences: [] })
  })

  it('says what differs about a path, with both values and nothing else', () => {
    const { equal, differences } = diff([[A]], [[{ ...A, mode: 0o4755, uid: 3 }]])
    expect(equal).toBe('none')
    expect(differences).toEqual([
      {
        path: 'a',
        layer: 0,
        what: ['mode', 'owner'],
        a: { mode: '0644', uid: 0 },
        b: { mode: '4755', uid: 3 },
      },
    ])
  })

  it.each<[string, TarMember, TarMember]>([
    ['content', A, { ...A, content: '2' }],
    ['owner', A, { ...A, gid: 1 }],
    ['xattr', A, { ...A, pax: { 'SCHILY.xattr.user.k': 'v' } }],
    ['record', A, { ...A, pax: { 'SCHILY.ino': '1' } }],
    ['kind', A, { path: 'a', type: 'fifo' }],
    [
      'link',
      { path: 'a', type: 'symlink', linkname: 'x' },
      { path: 'a', type: 'symlink', linkname: 'y' },
    ],
    ['device', { path: 'a', type: 'char', minor: 1 }, { path: 'a', type: 'char', minor: 2 }],
  ])('names %s', (aspect, a, b) => {
    expect(what(a, b)).toEqual([['a', aspect]])
  })

  it('names implied directories and opaque markers', () => {
    const { differences } = diff(
      [[{ path: 'd/a' }]],
      [[{ path: 'd', type: 'directory' }, { path: 'd/a' }, { path: 'd/.wh..wh..opq' }]],
    )
    expect(differences.map((each) => [each.path, ...each.what])).toEqual([
      ['d', 'explicit', 'opaque'],
    ])
  })

  it('names hardlinks', () => {
    const copy = [A, { ...A, path: 'b' }]
    const link: TarMember[] = [A, { path: 'b', type: 'hardlink', linkname: 'a' }]
    const result = diff([copy], [link])
    expect(result.equal).toBe('rootfs')
    expect(result.differences).toMatchObject([
      { path: 'a', what: ['hardlink'], a: { hardlink: null }, b: { hardlink: 'a' } },
      { path: 'b', what: ['hardlink'] },
    ])
  })

  it('lists everything in a directory that is added or removed', () => {
    const added = [A, { path: 'd/x/y' }, { path: 'd/.wh.z' }]
    const { differences } = diff([[A]], [added])
    expect(differences.map((each) => [each.path, ...each.what])).toEqual([
      ['d', 'added'],
      ['d/x', 'added'],
      ['d/x/y', 'added'],
      ['d/z', 'added'],
    ])
    expect(differences[3]).toEqual({
      path: 'd/z',
      layer: 0,
      what: ['added'],
      b: { kind: 'whiteout' },
    })
    expect(diff([added], [[A]]).differences.map((each) => each.what)).toEqual(
      Array.from({ length: 4 }, () => ['removed']),
    )
  })

  it('compares layers one with one', () => {
    const { differences } = diff([[A], [A]], [[A], [{ ...A, content: '2' }]])
    expect(differences).toMatchObject([{ path: 'a', layer: 1, what: ['content'] }])
  })

  it('compares the flattened trees where the numbers of layers differ', () => {
    const result = diff([[A, { path: 'b' }]], [[A], [{ path: 'b', content: 'x' }]])
    expect(result.differences).toMatchObject([
      { path: '', layer: null, what: ['layers'], a: { layers: 1 }, b: { layers: 2 } },
      { path: 'b', layer: null, what: ['content'] },
    ])
  })

  it('says so where an image has no flattened tree', () => {
    const { equal, differences } = diff(
      [[A]],
      [[A], [{ path: 'b', type: 'hardlink', linkname: 'a' }]],
    )
    expect(equal).toBe('none')
    expect(differences.at(-1)).toMatchObject({
      what: ['rootfs'],
      b: { rootfs: 'flatten-hardlink' },
    })
  })

  it('is equal at rootfs where only the split into layers differs', () => {
    const a = makeImage([[A, { path: 'b' }]])
    const b = makeImage([[A], [{ path: 'b' }]])
    expect(diffImages(a, b)).toMatchObject({ equal: 'rootfs', differences: [{ what: ['layers'] }] })
    expect(diffImages(a, b, { level: 'rootfs' })).toEqual({ equal: 'rootfs', differences: [] })
  })

  it('names keys of the config and of labels, and annotations', () => {
    const { differences } = diff(
      [[A]],
      [[A]],
      { config: { config: { Env: ['A=1'], Labels: { x: '1', y: '2' } } }, annotations: { n: '1' } },
      { config: { config: { Labels: { x: '2', y: '2' } } }, layerAnnotations: [{ m: '1' }] },
    )
    expect(differences).toEqual([
      { path: 'config.Env', layer: null, what: ['config'], a: { value: ['A=1'] } },
      {
        path: 'config.Labels.x',
        layer: null,
        what: ['config'],
        a: { value: '1' },
        b: { value: '2' },
      },
      { path: 'n', layer: null, what: ['annotation'], a: { value: '1' } },
      { path: 'm', layer: 0, what: ['annotation'], b: { value: '1' } },
    ])
  })

  it('escapes paths', () => {
    const path = Uint8Array.of(0x61, 0xff, 0x25)
    expect(diff([[]], [[{ path }]]).differences[0]?.path).toBe('a%FF%25')
  })

  it('names the cause that everybody knows', () => {
    const causes = [
      'etc/shadow',
      'var/log/dpkg.log',
      'usr/x.pyc',
      'var/cache/ldconfig/aux-cache',
      'etc/machine-id',
      'etc/resolv.conf',
      'opt/x.tar.gz',
      'usr/bin/python3',
    ]
    const layer = (content: string) => causes.map((path) => ({ path, content }))
    const { differences } = diff([layer('1')], [layer('2')])
    const without = differences.filter((each) => each.cause === undefined).map((each) => each.path)
    expect(without).toEqual(['usr/bin/python3'])
  })

  it('gives no cause for a changed mode', () => {
    const shadow = { path: 'etc/shadow' }
    expect(diff([[shadow]], [[{ ...shadow, mode: 0o666 }]]).differences[0]).not.toHaveProperty(
      'cause',
    )
  })

  it('is refused for two profiles', () => {
    const a = makeImage([[A]])
    const b = makeImage([[A]], { profile: 'rebuildnet/1;drop=a' })
    expect(() => diffImages(a, b)).toThrow(expect.objectContaining({ code: 'profile-unknown' }))
  })

  it('does not show the content of dropped files', () => {
    const profile = { profile: 'rebuildnet/1;drop=a' }
    const { differences } = diff([[A]], [[{ ...A, content: '22', mode: 0o600 }]], profile, profile)
    expect(differences).toEqual([
      { path: 'a', layer: 0, what: ['mode'], a: { mode: '0644' }, b: { mode: '0600' } },
    ])
  })
})
