import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readLayer } from '../support/read-layer.ts'
import { makeTar, type TarMember } from '../support/tar-writer.ts'

const digest = (members: readonly TarMember[]): string => readLayer(makeTar(members)).digest

const name = fc.constantFrom('a', 'b', 'c', 'dd', 'é', 'A b', 'x.y', 'x-y')
const mode = fc.integer({ min: 0, max: 0o7777 })
const owner = fc.integer({ min: 0, max: 0o7777777 })
const xattrs = fc.dictionary(
  fc.constantFrom('SCHILY.xattr.user.a', 'SCHILY.xattr.security.b'),
  fc.string({ maxLength: 5 }),
  { noNullPrototype: true },
)

/** Entries of one layer, each path once, nothing beneath a non-directory. */
const members: fc.Arbitrary<TarMember[]> = fc
  .uniqueArray(
    fc.record({
      parts: fc.array(name, { minLength: 1, maxLength: 3 }),
      type: fc.constantFrom('file', 'directory', 'symlink', 'fifo', 'char'),
      content: fc.string({ maxLength: 600 }),
      mode,
      uid: owner,
      gid: owner,
      pax: xattrs,
    }),
    { minLength: 1, maxLength: 12, selector: (each) => each.parts.join('/') },
  )
  .map((all) => {
    const paths = all.map((each) => each.parts.join('/'))
    return all
      .filter(({ parts, type }) => {
        const path = `${parts.join('/')}/`
        return type === 'directory' || !paths.some((other) => other.startsWith(path))
      })
      .map(({ parts, type, content, ...rest }): TarMember => {
        const path = parts.join('/')
        if (type === 'file') return { path, type, content, ...rest }
        if (type === 'symlink')
          return { path, type, linkname: content.slice(0, 90).replaceAll('\0', '') || 'x', ...rest }
        if (type === 'char') return { path, type, major: 1, minor: 3, ...rest }
        return { path, type: type, ...rest }
      })
  })
  .filter((all) => all.length > 0)

const shuffled = (all: readonly TarMember[]): fc.Arbitrary<TarMember[]> =>
  fc.shuffledSubarray([...all], { minLength: all.length, maxLength: all.length })

describe('the layer digest', () => {
  it('does not depend on the order of entries', () => {
    fc.assert(
      fc.property(
        members.chain((all) => fc.tuple(fc.constant(all), shuffled(all))),
        ([all, other]) => {
          expect(digest(other)).toBe(digest(all))
        },
      ),
    )
  })

  it('does not depend on times, names of owners, dialect, path spelling or end of archive', () => {
    const noise = fc.record({
      mtime: fc.integer({ min: 0, max: 2 ** 32 }),
      uname: fc.constantFrom('', 'root', 'nobody'),
      gname: fc.constantFrom('', 'wheel'),
      gnu: fc.boolean(),
      dot: fc.boolean(),
      comment: fc.boolean(),
      endBlocks: fc.integer({ min: 0, max: 20 }).filter((blocks) => blocks !== 1),
    })
    fc.assert(
      fc.property(members, noise, (all, { gnu, dot, comment, endBlocks, ...fields }) => {
        const other = all.map((member): TarMember => {
          const pax = comment ? { ...member.pax, comment: 'x', mtime: '1.5' } : member.pax
          const slash = member.type === 'directory' ? '/' : ''
          const path = `${dot ? './' : ''}${String(member.path)}${slash}`
          return {
            ...member,
            ...fields,
            path,
            dialect: gnu ? 'gnu' : 'ustar',
            ...(pax === undefined ? {} : { pax }),
          }
        })
        expect(readLayer(makeTar(other, { endBlocks })).digest).toBe(digest(all))
      }),
    )
  })

  it('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 2000 }), (all, pieceBytes) => {
        expect(readLayer(makeTar(all), { pieceBytes }).digest).toBe(digest(all))
      }),
    )
  })

  it('depends on mode, owner, content, target, device, attributes, kind and name of each entry', () => {
    const change = fc.constantFrom<(member: TarMember) => TarMember>(
      (member) =>
        member.type === 'symlink'
          ? { ...member, linkname: `${String(member.linkname)}x` }
          : { ...member, mode: (member.mode ?? 0) ^ 0o4000 },
      (member) => ({ ...member, uid: (member.uid ?? 0) + 1 }),
      (member) => ({ ...member, gid: (member.gid ?? 0) + 1 }),
      (member) => ({ ...member, path: `${String(member.path)}~` }),
      (member) => ({ ...member, pax: { ...member.pax, 'SCHILY.xattr.user.new': '' } }),
      (member) => ({ ...member, pax: { ...member.pax, 'SCHILY.ino': '1' } }),
      (member) =>
        member.type === 'file'
          ? { ...member, content: `${String(member.content)}\0` }
          : { ...member, uid: (member.uid ?? 0) + 2 },
      (member) =>
        member.type === 'char'
          ? { ...member, minor: 4 }
          : { ...member, gid: (member.gid ?? 0) + 2 },
      (member) =>
        member.type === 'fifo' || member.type === 'char'
          ? { ...member, type: 'block', major: 1, minor: 3 }
          : { ...member, uid: (member.uid ?? 0) + 3 },
    )
    fc.assert(
      fc.property(members, fc.nat(), change, (all, index, apply) => {
        const at = index % all.length
        const before = all[at]!
        const other = all.with(at, apply(before))
        expect(digest(other)).not.toBe(digest(all))
      }),
    )
  })

  it('depends on the presence of each entry', () => {
    fc.assert(
      fc.property(members, fc.nat(), (all, index) => {
        expect(digest(all.toSpliced(index % all.length, 1))).not.toBe(digest(all))
      }),
    )
  })

  it('does not depend on which name of a hardlink group holds the content, nor on chains', () => {
    const names = fc.uniqueArray(name, { minLength: 2, maxLength: 5 })
    const group = (order: readonly string[], chain: boolean): TarMember[] =>
      order.map((path, i) =>
        i === 0
          ? { path, content: 'Z' }
          : { path, type: 'hardlink', linkname: order[chain ? i - 1 : 0]! },
      )
    fc.assert(
      fc.property(
        names.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        fc.boolean(),
        ([order, other], chain) => {
          expect(digest(group(other, chain))).toBe(digest(group(order, false)))
        },
      ),
    )
  })
})
