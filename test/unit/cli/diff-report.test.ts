/** What differs between two images, for a person. */
import { expect, test } from 'vitest'
import { showDiff } from '../../../cli/terminal/diff-report.ts'
import { Output } from '../../../cli/terminal/output.ts'
import type { Difference } from '../../../protocol/normalize/diff.ts'
import { changedFile } from '../../support/differences.ts'

function shown(differences: readonly Difference[]): string[] {
  let text = ''
  const sink = { write: (more: string) => (text += more) }
  const out = new Output(sink, sink, { json: false, environment: {} })
  showDiff({ equal: 'none', level: 'normalized', differences }, out)
  return text.split('\n')
}

test('lists a hundred thousand files of one directory, which took minutes when each copied those before it', () => {
  const files = Array.from({ length: 100_000 }, (_, i): Difference => ({
    path: `d/${i}`,
    layer: 0,
    what: ['mode'],
    a: { mode: '0644' },
    b: { mode: '0600' },
  }))
  const lines = shown(files)
  expect(lines.slice(0, 4)).toEqual([
    '≠ they differ  100000 differences',
    '',
    'layer 0  100000 changed',
    '  /d/',
  ])
  expect(lines.slice(-3)).toEqual(['    ~ 99999  mode', '        mode 0644 → 0600', ''])
})

test('says of a known cause that it is often one, since the path alone tells it', () => {
  const lines = shown([changedFile('etc/shadow', 'the day of the last password change')])
  expect(lines).toContain('    ~ shadow  content  often: the day of the last password change')
})

test('shows of long values the beginning, and of attributes those that differ', () => {
  const long = 'x'.repeat(60_000)
  const xattrs = (value: string) => ({ xattrs: { 'user.a': long, 'user.z': value } })
  const lines = shown([
    {
      path: 'Env',
      layer: null,
      what: ['config'],
      a: { value: [long] },
      b: { value: [] },
    },
    { path: 'f', layer: 0, what: ['xattr'], a: xattrs('1'), b: xattrs('2') },
    { path: 'g', layer: 0, what: ['xattr'], a: { xattrs: {} }, b: xattrs('2') },
  ])
  expect(lines).toContain('        attributes {"user.z":"1"} → {"user.z":"2"}')
  expect(lines.filter((line) => line.includes('characters)'))).toHaveLength(2)
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(1000)
})
