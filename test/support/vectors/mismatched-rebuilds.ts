/** Rebuilds beside releases that they are, or are not, rebuilds of. */
import type { CreatedStatement } from '../../../protocol/create-statement.ts'
import type { Rebuild } from '../../../protocol/rebuild.ts'
import type { Release } from '../../../protocol/release.ts'
import type { StatementErrorCode } from '../../../protocol/statement-error.ts'
import { hexOf, makeRebuild, makeRecipe, makeRelease } from '../statements.ts'
import { blind, good, rebuilt, released } from './valid-statements.ts'

type Row = readonly [
  name: string,
  code: StatementErrorCode | undefined,
  release: CreatedStatement<Release>,
  rebuild: CreatedStatement<Rebuild>,
]

const ofSecond = makeRebuild({ release: released, platform: 'linux/arm64', maps: false })
const ofBlind = makeRebuild({ release: blind })
const ofEvil = makeRebuild({ release: makeRelease({ published: 'evil' }), maps: false })
const otherRecipe = makeRelease({ recipe: makeRecipe({ network: 'none' }) })
const of = (fields: Partial<Rebuild>): CreatedStatement<Rebuild> => {
  const { release: _release, ...own } = fields
  return makeRebuild({ release: good, ...own })
}

export const mismatchedRebuilds: readonly Row[] = [
  ['a rebuild of its release', undefined, good, rebuilt],
  ['a rebuild of the second platform', undefined, released, ofSecond],
  ['a rebuild of a blind release', undefined, blind, ofBlind],
  ['another image', 'release-mismatch', good, of({ image: 'registry.example/other' })],
  ['another commit', 'release-mismatch', good, of({ commit: '0'.repeat(40) })],
  ['a platform that the release lacks', 'release-mismatch', good, of({ platform: 'linux/s390x' })],
  ['another published manifest', 'release-mismatch', good, ofEvil],
  ['a published manifest for a blind release', 'release-mismatch', blind, rebuilt],
  ['no published manifest for a published release', 'release-mismatch', good, ofBlind],
  ['another input digest', 'input-digest-mismatch', good, of({ inputDigest: hexOf('x') })],
  [
    'the input digest of another recipe',
    'input-digest-mismatch',
    good,
    makeRebuild({ release: otherRecipe }),
  ],
]
