/** Statements that simulated operators sign: really signed, once for all seeds. */
import { SigningKey } from '../../node/crypto/signing-key.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import {
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  type TestOperator,
} from '../support/statements.ts'

export type Made = CreatedStatement
const made = new Map<string, Made>()

function once<Body extends Made['statement']['body']>(
  name: string,
  make: () => CreatedStatement<Body>,
): CreatedStatement<Body> {
  const known = made.get(name)
  if (known !== undefined) return known as CreatedStatement<Body>
  const fresh = make()
  made.set(name, fresh)
  return fresh
}

/** The image that the source of a version gives. */
export const TRUE_IMAGES: Readonly<Record<string, string>> = {
  '1.0.0': 'good',
  '2.0.0': 'better',
}
/** Nobody's source gives this one. */
export const EVIL_IMAGE = 'evil'

export function manifestOf(image: string): string {
  return imageDigests(image).manifestDigest
}

export interface ReleaseSpec {
  readonly version: string
  readonly published: string
}

export function poolRelease(
  operator: TestOperator,
  { version, published }: ReleaseSpec,
): CreatedStatement<Release> {
  return once(`release ${operator.name} ${version} ${published}`, () =>
    makeRelease({ operator, version, published }),
  )
}

/** What `operator` says: the source gave `digest`, and the published image is `maps`. */
export function poolRebuild(
  operator: TestOperator,
  release: SignedStatement<Release>,
  says: { readonly digest: string; readonly maps: string; readonly supersedes?: string },
): CreatedStatement<Rebuild> {
  const { digest, maps, supersedes } = says
  return once(
    `rebuild ${operator.name} ${release.sid} ${digest} ${maps} ${supersedes ?? ''}`,
    () => {
      const made = { operator, release, digest, maps }
      return makeRebuild(supersedes === undefined ? made : { ...made, supersedes: [supersedes] })
    },
  )
}

export function poolWithdrawal(operator: TestOperator, sid: string): Made {
  return once(`withdrawal ${operator.name} ${sid}`, () =>
    makeWithdrawal({ operator, withdraws: sid }),
  )
}

/** A statement by somebody else's key. */
export function stranger(): TestOperator {
  return makeOperator('stranger')
}

export { makeOperator, SigningKey }
