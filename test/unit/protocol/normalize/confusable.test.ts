import { describe, expect, it } from 'vitest'
import { makeTar, type TarMember } from '../../../support/tar-writer.ts'
import { tryLayer } from '../../../support/read-layer.ts'

const outcome = (members: readonly TarMember[]): string => {
  const result = tryLayer(makeTar(members))
  return 'digest' in result ? result.digest : result.error.code
}
const link = (linkname: string): TarMember => ({ path: 's', type: 'symlink', linkname })
const one: TarMember = { path: 'a/b', content: '1' }
const two: TarMember = { path: 'a//b', content: '2' }
const through: TarMember[] = [link('d'), { path: 's/f' }]
const a: TarMember = { path: 'a', content: '1' }
const again: TarMember = { path: 'a', content: '2' }
const hard: TarMember = { path: 'h', type: 'hardlink', linkname: 'a' }

/**
 * Pairs of layers that extract differently and that a semantic diff is known to call equal: each
 * must be told apart, or be refused.
 */
const PAIRS: readonly (readonly [string, readonly TarMember[], readonly TarMember[]])[] = [
  ['an absolute and a relative symlink', [link('/lib/y')], [link('lib/y')]],
  ['two spellings of one path, swapped', [one, two], [two, one]],
  ['a symlink before or after the file beneath it', through, through.toReversed()],
  ['a hardlink around a duplicate entry', [a, hard, again], [a, again, hard]],
  ['file capabilities', [a], [{ ...a, pax: { 'SCHILY.xattr.security.capability': 'x' } }]],
]

describe('layers that a loose comparison confuses', () => {
  it.each(PAIRS)('are told apart or refused: %s', (_, first, second) => {
    const outcomes = [outcome(first), outcome(second)]
    const refused = outcomes.every((each) => !/^[0-9a-f]{64}$/.test(each))
    expect(refused || outcomes[0] !== outcomes[1], outcomes.join(' ')).toBe(true)
  })

  it('are refused where either order would be a guess', () => {
    expect([outcome([one, two]), outcome([two, one])]).toEqual(['duplicate', 'duplicate'])
    expect(outcome(through)).toBe('parent-not-directory')
    expect(outcome([a, hard, again])).toBe('duplicate')
  })

  it('tell a hardlink from a copy', () => {
    expect(outcome([a, hard])).not.toBe(outcome([a, { ...a, path: 'h' }]))
  })

  it('do not run fields together', () => {
    const xattrs = (...pairs: [string, string][]): TarMember => ({
      ...a,
      pax: Object.fromEntries(pairs.map(([key, value]) => [`SCHILY.xattr.${key}`, value])),
    })
    expect(outcome([xattrs(['ab', 'c'])])).not.toBe(outcome([xattrs(['a', 'bc'])]))
    expect(outcome([xattrs(['a', ''], ['b', ''])])).not.toBe(outcome([xattrs(['ab', ''])]))
  })
})
