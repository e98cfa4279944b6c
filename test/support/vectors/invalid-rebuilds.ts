/** What is wrong with the predicate of a rebuild. */
import { digestOf, hexOf, imageDigests, makeRebuild } from '../statements.ts'
import { changePredicate, type Changes } from './change-statement.ts'
import type { InvalidRow } from './invalid-row.ts'
import { blind, good, rebuilt } from './valid-statements.ts'

const rebuild = (changes: Changes): Uint8Array => changePredicate(rebuilt, changes)
const different = makeRebuild({
  release: good,
  digest: 'other',
  differences: { count: 30, paths: ['a', 'b'] },
})
const differing = (changes: Changes): Uint8Array => changePredicate(different, changes)
const material = (name: string) => ({ uri: name, digest: digestOf(name) })
const materials = Array.from({ length: 50 }, (_, i) => material(`${i + 100}`.padEnd(120, 'x')))
const many = (count: number, length: number): string[] =>
  Array.from({ length: count }, (_, i) => `${i + 10}`.padEnd(length, 'x'))
const failed = { kind: 'failed', stage: 'build', class: 'recipe' }
const [one, two] = [imageDigests('one'), imageDigests('two')]

export const invalidRebuilds: readonly InvalidRow[] = [
  ['rebuild without commit', 'missing-field', rebuild({ commit: undefined })],
  ['finished before it started', 'out-of-range', rebuild({ finished: 0 })],
  ['rebuildnet/2', 'unknown-profile', rebuild({ profile: 'rebuildnet/2' })],
  ['unknown profile parameter', 'unknown-profile', rebuild({ profile: 'rebuildnet/1;sort=name' })],
  [
    'unsorted profile parameters',
    'not-canonical',
    rebuild({ profile: 'rebuildnet/1;mtime=clamp:0;drop=etc/shadow' }),
  ],
  [
    'digest of another profile than the statement',
    'not-canonical',
    rebuild({ profile: 'rebuildnet/1;drop=etc/shadow' }),
  ],
  [
    'digest without its profile',
    'not-canonical',
    rebuild({ 'outcome.rebuilt.normalizedDigest': digestOf('x') }),
  ],
  ['unknown outcome', 'unknown-enum-value', rebuild({ outcome: { kind: 'skipped' } })],
  [
    'unknown stage',
    'unknown-enum-value',
    rebuild({ outcome: { kind: 'failed', stage: 'upload', class: 'recipe' } }),
  ],
  [
    'unknown class of failure',
    'unknown-enum-value',
    rebuild({ outcome: { kind: 'failed', stage: 'build', class: 'weather' } }),
  ],
  [
    'unstable with two equal builds',
    'inconsistent',
    rebuild({ outcome: { kind: 'unstable', rebuilt: [one, one] } }),
  ],
  [
    'unstable with one build',
    'inconsistent',
    rebuild({ outcome: { kind: 'unstable', rebuilt: [one] } }),
  ],
  [
    'unstable with three builds',
    'too-long',
    rebuild({ outcome: { kind: 'unstable', rebuilt: [one, two, one] } }),
  ],
  ['unfetched: false', 'not-canonical', rebuild({ published: { unfetched: false } })],
  [
    'digests of a published image that the statement does not name',
    'inconsistent',
    rebuild({ published: one }),
  ],
  [
    'blind rebuild that fetched something',
    'inconsistent',
    changePredicate(makeRebuild({ release: blind }), { published: one }),
  ],
  [
    'differences between equal images',
    'inconsistent',
    rebuild({ differences: { count: 1, paths: ['a'] } }),
  ],
  ['differences of a failed build', 'inconsistent', differing({ outcome: failed })],
  ['fewer differences than paths', 'out-of-range', differing({ 'differences.count': 1 })],
  ['path listed twice', 'not-sorted', differing({ 'differences.paths': ['a', 'a'] })],
  ['21 differing paths', 'too-long', differing({ 'differences.paths': many(21, 2) })],
  ['differing path over 256 bytes', 'too-long', differing({ 'differences.paths': many(1, 257) })],
  ['differing paths over 4 KiB', 'too-long', differing({ 'differences.paths': many(17, 256) })],
  ['path with a raw percent sign', 'not-canonical', differing({ 'differences.paths': ['100%'] })],
  ['path with a line break', 'not-canonical', differing({ 'differences.paths': ['a\nb'] })],
  ['path escaped for nothing', 'not-canonical', differing({ 'differences.paths': ['%61'] })],
  ['materials over 8 KiB', 'too-long', rebuild({ materials })],
  ['materials out of order', 'not-sorted', rebuild({ materials: [material('b'), material('a')] })],
  ['superseded twice', 'not-sorted', rebuild({ supersedes: [hexOf('a'), hexOf('a')] })],
]
