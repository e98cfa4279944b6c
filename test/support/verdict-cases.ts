/**
 * Statements and policies as the verdict sees them, made without signatures: opening them is
 * another part's law, and here only who said what matters.
 */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { buildInputOf, inputDigestOf } from '../../protocol/input-digest.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import { parsePolicy, type Policy } from '../../protocol/policy.ts'
import type { Project } from '../../protocol/project.ts'
import type { ImageDigests, LevelDigest, Outcome, Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { DecideInput } from '../../protocol/verdict/decide.ts'
import { uncheckedView, type LogView } from '../../protocol/verdict/log-view.ts'
import type { Withdrawal } from '../../protocol/withdrawal.ts'

export const NOW = 1_800_000_000
export const IMAGE = 'ghcr.io/acme/tool'
export const MIRROR = 'mirror.example/acme/tool'
export const PLATFORM = 'linux/amd64'
export const SOURCE = 'git+https://github.com/acme/tool'
export const PROFILE = 'rebuildnet/1'

const hexes = new Map<string, string>()

/** 64 hex digits that stand for a word. */
export function hex(word: string): string {
  const known = hexes.get(word)
  if (known !== undefined) return known
  const made = Buffer.from(nodeCrypto.sha256(Buffer.from(word))).toString('hex')
  hexes.set(word, made)
  return made
}

/** Manifest digest of a word. */
export function manifest(word: string): string {
  return `sha256:${hex(`manifest ${word}`)}`
}

/** Normalized or rootfs digest of a word. */
export function normalized(word: string, profile = PROFILE): string {
  return `${profile}:sha256:${hex(`normalized ${word}`)}`
}

export const D = manifest('D')

/** `a` to `op1aaa…`. */
export function operatorId(name: string): string {
  return `op1${name.padEnd(51, name.slice(-1))}a`
}

export function keyOf(name: string): string {
  return hex(`key ${name}`)
}

let made = 0

function statement<Body extends SignedStatement['body']>(
  key: string,
  body: Body,
  sid = hex(`statement ${++made}`),
): SignedStatement<Body> {
  return { sid, key, body }
}

export interface CardSpec {
  readonly operator: string
  readonly version?: number
  readonly keys?: readonly string[]
  readonly expires?: number
  /** Two cards with other words are different cards. */
  readonly word?: string
  /** What a later version follows; by default the plain card of the version before. */
  readonly follows?: OperatorCard
  readonly rootKey?: OperatorCard['rootKey']
  readonly revocations?: OperatorCard['revocations']
}

export function makeCard(spec: CardSpec): SignedStatement<OperatorCard> {
  const { operator, version = 1, word = '', expires = NOW + 30 * 86_400 } = spec
  const keys = [...(spec.keys ?? [keyOf(operator)])].sort()
  const rootKey = spec.rootKey ?? { type: 'ed25519', key: hex(`root ${operator}`) }
  const previous =
    version === 1 ? undefined : (spec.follows ?? makeCard({ operator, version: version - 1 }).body)
  const says = [operator, version, word, keys.join(' '), expires, rootKey.key].join(' ')
  const digest = hex(`card ${says} ${previous?.cardDigest ?? ''}`)
  return statement(
    keys[0] ?? '',
    {
      kind: 'operator',
      operator: operatorId(operator),
      version,
      name: operator,
      ...(previous === undefined
        ? {}
        : { previous: { cardDigest: previous.cardDigest, rootKey: previous.rootKey } }),
      rootKey,
      keys,
      contact: '',
      claims: {},
      ...(spec.revocations === undefined ? {} : { revocations: spec.revocations }),
      issued: expires - 86_400,
      expires,
      cardDigest: digest,
    },
    hex(`card statement ${digest}`),
  )
}

export interface ReleaseSpec {
  readonly announcer?: string
  readonly image?: string
  readonly version?: string
  readonly commit?: string
  readonly source?: string
  readonly builders?: Release['recipe']['builders']
  /** By platform; undefined is a blind one. */
  readonly platforms?: Readonly<Record<string, string | undefined>>
  readonly announced?: number
  readonly sid?: string
}

export function makeRelease(spec: ReleaseSpec = {}): SignedStatement<Release> {
  const platforms = Object.entries(spec.platforms ?? { [PLATFORM]: D })
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([platform, digest]) => ({
      platform,
      ...(digest === undefined ? {} : { manifestDigest: digest }),
    }))
  return statement(
    keyOf(spec.announcer ?? 'maker'),
    {
      kind: 'release',
      image: spec.image ?? IMAGE,
      version: spec.version ?? '1.0.0',
      source: {
        repository: spec.source ?? SOURCE,
        commit: hex(`commit ${spec.commit ?? 'one'}`).slice(0, 40),
        ref: 'refs/tags/v1',
      },
      recipe: {
        builders: spec.builders ?? [{ name: 'buildah' }],
        dockerfile: 'Dockerfile',
        context: '.',
      },
      platforms,
      announced: spec.announced ?? NOW - 3600,
    },
    spec.sid,
  )
}

/** One image at the three levels, from one word or from three. */
export function digests(
  exact: string,
  level: LevelDigest = normalized(exact),
  rootfs: LevelDigest = level,
): ImageDigests {
  return { manifestDigest: manifest(exact), normalizedDigest: level, rootfsDigest: rootfs }
}

export interface RebuildSpec {
  readonly by: string
  readonly release: SignedStatement<Release>
  /** Word of what it built; or a whole outcome. */
  readonly built?: string
  readonly outcome?: Outcome
  /** Word of what D normalizes to, as it says; `built` where absent. */
  readonly says?: string
  readonly published?: Rebuild['published']
  readonly platform?: string
  readonly emulated?: boolean
  readonly supersedes?: readonly string[]
  readonly key?: string
  readonly sid?: string
  readonly differences?: Rebuild['differences']
  readonly override?: Partial<Rebuild>
}

/** By default: an operator that rebuilt exactly what its release published. */
export function makeRebuild(spec: RebuildSpec): SignedStatement<Rebuild> {
  const { release, platform = PLATFORM, built = 'D' } = spec
  const digest = release.body.platforms.find((each) => each.platform === platform)?.manifestDigest
  const says = normalized(spec.says ?? built)
  const published: Rebuild['published'] =
    digest === undefined
      ? { unfetched: true }
      : { manifestDigest: digest, normalizedDigest: says, rootfsDigest: says }
  return statement(
    spec.key ?? keyOf(spec.by),
    {
      kind: 'rebuild',
      image: release.body.image,
      release: release.sid,
      inputDigest: inputDigestOf(buildInputOf(release.body, platform), nodeCrypto),
      commit: release.body.source.commit,
      platform,
      profile: PROFILE,
      outcome: spec.outcome ?? { kind: 'built', rebuilt: digests(built) },
      ...(digest === undefined ? {} : { publishedDigest: digest }),
      published: spec.published ?? published,
      ...(spec.differences === undefined ? {} : { differences: spec.differences }),
      environment: {
        builder: 'buildah',
        builderVersion: '1.39',
        kernel: '6.1',
        cpu: 'x86_64',
        emulated: spec.emulated ?? false,
      },
      materials: [],
      started: NOW - 1800,
      finished: NOW - 900,
      supersedes: spec.supersedes ?? [],
      ...spec.override,
    },
    spec.sid,
  )
}

export const UNSTABLE: Outcome = { kind: 'unstable', rebuilt: [digests('u1'), digests('u2')] }
export const FAILED: Outcome = { kind: 'failed', stage: 'build', class: 'recipe' }
export const DISK_FULL: Outcome = { kind: 'failed', stage: 'build', class: 'infrastructure' }

export function makeWithdrawal(
  by: string,
  withdraws: string,
  { image = IMAGE, key = keyOf(by), sid }: { image?: string; key?: string; sid?: string } = {},
): SignedStatement<Withdrawal> {
  return statement(
    key,
    { kind: 'withdrawal', image, withdraws, reason: 'a mistake', withdrawn: NOW - 60 },
    sid,
  )
}

export function makeProject(spec: Partial<Project> = {}): Project {
  return {
    image: IMAGE,
    platforms: [PLATFORM],
    source: SOURCE,
    announcers: [operatorId('maker')],
    recipe: { builders: [{ name: 'buildah' }], dockerfile: 'Dockerfile', context: '.' },
    profile: PROFILE,
    insecure: [],
    ...spec,
  }
}

/** A policy over these operators; freshness is off unless the rules say otherwise. */
export function makePolicy(
  operators: readonly (string | { name: string; groups?: readonly string[]; card?: string })[],
  rules: Readonly<Record<string, unknown>> = {},
): Policy {
  return parsePolicy(
    {
      freshness: 'off',
      ...rules,
      operator: operators.map((each) => {
        const { name, groups, card } =
          typeof each === 'string' ? { name: each, groups: undefined, card: undefined } : each
        return {
          id: operatorId(name),
          ...(groups === undefined ? {} : { groups }),
          ...(card === undefined ? {} : { card }),
        }
      }),
    },
    nodeCrypto,
  )
}

/** A view over logs that are complete up to `time` for everybody but those named otherwise. */
export function makeView(
  spec: {
    time?: number
    times?: Readonly<Record<string, number | undefined>>
    uncounted?: readonly string[]
    equivocators?: readonly string[]
    clockSuspect?: boolean
  } = {},
): LogView {
  const times = new Map(
    Object.entries(spec.times ?? {}).map(([name, time]) => [operatorId(name), time]),
  )
  const equivocators = new Set((spec.equivocators ?? []).map(operatorId))
  return {
    checked: true,
    isCounted: (sid) => !(spec.uncounted ?? []).includes(sid),
    isBelow: () => false,
    completeUpTo: (operator) =>
      times.has(operator) ? times.get(operator) : (spec.time ?? NOW - 3600),
    isEquivocator: (operator) => equivocators.has(operator),
    clockSuspect: spec.clockSuspect ?? false,
  }
}

/**
 * A question about D of IMAGE. The cards of `maker` and of the operators a to e are there; the
 * policy trusts a, b and c with k = 2.
 */
export function makeInput(
  statements: readonly SignedStatement[],
  spec: Partial<DecideInput> = {},
): DecideInput {
  return {
    question: { repository: IMAGE, digest: D, platform: PLATFORM },
    projects: [makeProject()],
    policy: makePolicy(['a', 'b', 'c']),
    now: NOW,
    view: uncheckedView,
    crypto: nodeCrypto,
    ...spec,
    statements: [
      ...['maker', 'a', 'b', 'c', 'd', 'e'].map((operator) => makeCard({ operator })),
      ...statements,
    ],
  }
}
