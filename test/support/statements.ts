/**
 * Builders of statements for tests: valid in every field, and the same on every run. A test names
 * only what it is about: `makeRebuild({ operator, digest })`.
 */
import { createHash } from 'node:crypto'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { SigningKey } from '../../node/crypto/signing-key.ts'
import type { Commitment } from '../../protocol/blind/commitment.ts'
import { voteHash } from '../../protocol/blind/vote-hash.ts'
import {
  createOperatorStatement,
  createStatement,
  type CreatedStatement,
} from '../../protocol/create-statement.ts'
import { buildInputOf, inputDigestOf } from '../../protocol/input-digest.ts'
import type { CardClaims, OperatorCard } from '../../protocol/operator-card.ts'
import type { ImageDigests, Rebuild } from '../../protocol/rebuild.ts'
import type { Recipe } from '../../protocol/recipe.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Withdrawal } from '../../protocol/withdrawal.ts'

export const TEST_IMAGE = 'registry.example/project/app'
export const TEST_PROFILE = 'rebuildnet/1'
/** 2026-01-01T00:00:00Z, when everything in these tests happens. */
export const TEST_TIME = 1_767_225_600

/** Hex of sha256(text): 64 digits that a test can name. */
export function hexOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** `sha256:…` of a name. */
export function digestOf(name: string): string {
  return `sha256:${hexOf(name)}`
}

/** The three digests of an image that tests call `name`. Unequal names differ at every level. */
export function imageDigests(name: string, profile = TEST_PROFILE): ImageDigests {
  return {
    manifestDigest: digestOf(`manifest ${name}`),
    normalizedDigest: `${profile}:${digestOf(`normalized ${name}`)}`,
    rootfsDigest: `${profile}:${digestOf(`rootfs ${name}`)}`,
  }
}

export interface TestOperator {
  readonly name: string
  readonly root: SigningKey
  readonly key: SigningKey
  /** Its operator id. */
  readonly id: string
  /** Its card, as signed bytes and as opened. */
  readonly card: CreatedStatement<OperatorCard>
}

const operators = new Map<string, TestOperator>()

/** An operator whose keys follow from its name. */
export function makeOperator(name = 'alice', claims: Partial<CardClaims> = {}): TestOperator {
  const plain = Object.keys(claims).length === 0
  const known = operators.get(name)
  if (plain && known !== undefined) return known
  const root = new SigningKey(createHash('sha256').update(`root ${name}`).digest())
  const key = new SigningKey(createHash('sha256').update(`key ${name}`).digest())
  const card = createOperatorStatement(
    {
      name,
      contact: `${name}@example.org`,
      issued: TEST_TIME,
      expires: TEST_TIME + 90 * 24 * 3600,
      ...claims,
    },
    root,
    key,
    nodeCrypto,
  )
  const operator = { name, root, key, card, id: card.statement.body.operator }
  if (plain) operators.set(name, operator)
  return operator
}

/** The operator that signs with a key, if a test has made it. */
export function operatorOf(key: string): TestOperator | undefined {
  return [...operators.values()].find((operator) => operator.key.publicKey === key)
}

export function makeRecipe(fields: Partial<Recipe> = {}): Recipe {
  return {
    builders: [{ name: 'buildah', version: '1.28' }],
    dockerfile: 'Dockerfile',
    context: '.',
    sourceDateEpoch: TEST_TIME,
    ...fields,
  }
}

export interface ReleaseFields extends Partial<Omit<Release, 'kind' | 'source'>> {
  readonly source?: Partial<Release['source']>
  readonly operator?: TestOperator
  /** Name of the published image (see imageDigests); `undefined` makes a blind release. */
  readonly published?: string | undefined
  readonly platform?: string
}

/** A signed release of one platform whose published image is called `good`. */
export function makeRelease(fields: ReleaseFields = {}): CreatedStatement<Release> {
  const { operator = makeOperator('announcer'), platform = 'linux/amd64', ...rest } = fields
  const { published, source, ...own } = rest
  const name = 'published' in fields ? published : 'good'
  const body: Release = {
    kind: 'release',
    image: TEST_IMAGE,
    version: '1.0.0',
    recipe: makeRecipe(),
    platforms: [
      {
        platform,
        ...(name === undefined ? {} : { manifestDigest: imageDigests(name).manifestDigest }),
      },
    ],
    announced: TEST_TIME,
    ...own,
    source: {
      repository: 'git+https://git.example/project/app',
      commit: hexOf(own.version ?? '1.0.0').slice(0, 40),
      ref: `refs/tags/v${own.version ?? '1.0.0'}`,
      ...source,
    },
  }
  return sign(body, operator)
}

export interface RebuildFields extends Partial<Omit<Rebuild, 'kind' | 'release'>> {
  readonly operator?: TestOperator
  /** The release that was rebuilt; a default one where absent. */
  readonly release?: CreatedStatement<Release> | SignedStatement<Release>
  /** Name of the image that came out (see imageDigests). */
  readonly digest?: string
  /** Name of the image that the published one was found to be; false: it was not fetched. */
  readonly maps?: string | false
}

/** A signed rebuild: `digest` came out, and the published image was found to be `maps`. */
export function makeRebuild(fields: RebuildFields = {}): CreatedStatement<Rebuild> {
  const { operator = makeOperator(), digest = 'good', maps = 'good', ...rest } = fields
  const { release: given = makeRelease(), ...own } = rest
  const release = 'statement' in given ? given.statement : given
  const first = release.body.platforms[0]
  const platform = own.platform ?? first?.platform ?? 'linux/amd64'
  const publishedDigest = release.body.platforms.find(
    (each) => each.platform === platform,
  )?.manifestDigest
  const body: Rebuild = {
    kind: 'rebuild',
    image: release.body.image,
    release: release.sid,
    inputDigest: inputDigestOf(buildInputOf(release.body, platform), nodeCrypto),
    commit: release.body.source.commit,
    platform,
    profile: TEST_PROFILE,
    outcome: { kind: 'built', rebuilt: imageDigests(digest) },
    ...(publishedDigest === undefined ? {} : { publishedDigest }),
    published:
      maps === false || publishedDigest === undefined
        ? { unfetched: true }
        : { ...imageDigests(maps), manifestDigest: publishedDigest },
    environment: {
      builder: 'buildah',
      builderVersion: '1.28.2',
      kernel: '6.1.0',
      cpu: 'x86-64',
      emulated: false,
    },
    materials: [],
    started: TEST_TIME + 60,
    finished: TEST_TIME + 120,
    supersedes: [],
    ...own,
  }
  return sign(body, operator)
}

export interface WithdrawalFields extends Partial<Omit<Withdrawal, 'kind' | 'withdraws'>> {
  readonly operator?: TestOperator
  readonly withdraws: CreatedStatement | SignedStatement | string
}

/** A signed withdrawal of a statement. */
export function makeWithdrawal(fields: WithdrawalFields): CreatedStatement<Withdrawal> {
  const { operator = makeOperator(), withdraws, ...own } = fields
  const sid =
    typeof withdraws === 'string'
      ? withdraws
      : 'statement' in withdraws
        ? withdraws.statement.sid
        : withdraws.sid
  const body: Withdrawal = {
    kind: 'withdrawal',
    image: TEST_IMAGE,
    withdraws: sid,
    reason: 'made by mistake',
    withdrawn: TEST_TIME + 3600,
    ...own,
  }
  return sign(body, operator)
}

/** A signed commitment to a rebuild, under a salt that a test can name. */
export function makeCommitment(
  rebuild: CreatedStatement<Rebuild>,
  fields: Partial<Commitment> & {
    readonly operator?: TestOperator
    readonly salt?: string
  } = {},
): CreatedStatement<Commitment> {
  const { operator = makeOperator(), salt = hexOf('salt'), ...own } = fields
  const vote = rebuild.statement.body
  const { image, release, inputDigest, platform, profile } = vote
  const hash = voteHash(vote, operator.key.publicKey, salt, nodeCrypto)
  const body: Commitment = {
    kind: 'commitment',
    image,
    release,
    inputDigest,
    platform,
    profile,
    hash,
    committed: TEST_TIME + 120,
    ...own,
  }
  return sign(body, operator)
}

/** Signs any body but a card with an operator's key. */
export function sign<Body extends Release | Rebuild | Commitment | Withdrawal>(
  body: Body,
  operator: TestOperator,
): CreatedStatement<Body> {
  return createStatement(body, operator.key, nodeCrypto)
}
