/**
 * Seeded questions with their evidence, made to collide: few operators, few digests, several
 * releases of one input, chains of supersession, withdrawals, doubled cards, shared keys.
 *
 * A case has a temper, so that agreement is as frequent as quarrel: with every choice left to
 * chance nothing would ever be reproduced.
 */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { LevelDigest, Outcome, Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { DecideInput } from '../../protocol/verdict/decide.ts'
import { uncheckedView, type LogView } from '../../protocol/verdict/log-view.ts'
import { parsePolicy, type Policy } from '../../protocol/policy.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import type { Revocation } from '../../protocol/revocation.ts'
import { SeededRandom } from './seeded-random.ts'
import {
  D,
  DISK_FULL,
  FAILED,
  IMAGE,
  makeCard,
  makeProject,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  manifest,
  MIRROR,
  hex,
  keyOf,
  normalized,
  NOW,
  operatorId,
  PLATFORM,
  SOURCE,
  UNSTABLE,
  type CardSpec,
} from './verdict-cases.ts'

const OPERATORS = ['a', 'b', 'c', 'd', 'e']
const STRANGERS = ['x', 'y']
const ANNOUNCERS = ['maker', 'helper']
/** Their order is known to the oracle as a table. */
export const VERSIONS = ['1.0', '1.1-rc1', '1.1', '2.0', 'nightly'] as const
const OTHER_PLATFORM = 'linux/arm64'
const OTHER_PROFILE = 'rebuildnet/1;drop=x'
const GROUPS = ['us', 'eu', 'ngo']
const STOLEN_ROOT = { type: 'ed25519', key: hex('another root key') } as const

/** How much goes wrong, by kind; a case has one temper. */
interface Temper {
  readonly otherBuild: number
  readonly otherMapping: number
  readonly failing: number
  readonly mess: number
}

const TEMPERS: readonly Temper[] = [
  { otherBuild: 0, otherMapping: 0, failing: 0, mess: 0 },
  { otherBuild: 0.02, otherMapping: 0.02, failing: 0.05, mess: 0.1 },
  { otherBuild: 0.15, otherMapping: 0.1, failing: 0.1, mess: 0.25 },
  { otherBuild: 0.4, otherMapping: 0.3, failing: 0.1, mess: 0.1 },
  { otherBuild: 0.05, otherMapping: 0.9, failing: 0, mess: 0.1 },
  { otherBuild: 0.05, otherMapping: 0.1, failing: 0.7, mess: 0.1 },
]

export interface GeneratedCase extends DecideInput {
  readonly statements: readonly SignedStatement[]
}

export function generateCase(seed: number): GeneratedCase {
  return new CaseMaker(new SeededRandom(seed)).make()
}

class CaseMaker {
  readonly #random: SeededRandom
  readonly #temper: Temper
  #made = 0

  constructor(random: SeededRandom) {
    this.#random = random
    this.#temper = random.pick(TEMPERS)
  }

  make(): GeneratedCase {
    const random = this.#random
    const cards = this.#cards()
    const policy = this.#policy(cards)
    const releases = Array.from(
      { length: random.pick([0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4]) },
      (_, i) => this.#release(i === 0),
    )
    const rebuilds = this.#rebuilds(releases)
    const withdrawals = Array.from({ length: this.#mess() ? 1 + random.integer(2) : 0 }, () =>
      this.#withdrawal([...releases, ...releases, ...rebuilds]),
    )
    const statements = random.shuffle([...cards, ...releases, ...rebuilds, ...withdrawals])
    const repeated = this.#mess() ? statements.slice(0, random.integer(4)) : []
    return {
      question: { repository: IMAGE, digest: D, platform: PLATFORM },
      statements: [...statements, ...repeated],
      projects: this.#projects(),
      policy,
      now: NOW,
      view: this.#view([...releases, ...rebuilds, ...withdrawals].map(({ sid }) => sid)),
      crypto: nodeCrypto,
    }
  }

  #mess(): boolean {
    return this.#random.chance(this.#temper.mess)
  }

  #sid(): string {
    return hex(`generated ${++this.#made} ${this.#random.integer(1_000_000)}`)
  }

  #cards(): SignedStatement<OperatorCard>[] {
    const random = this.#random
    const cards = [...OPERATORS, ...ANNOUNCERS, ...STRANGERS].flatMap((operator) => {
      const expires = this.#mess() && random.chance(0.2) ? NOW - random.integer(2) : undefined
      const card = (spec: Partial<CardSpec>): SignedStatement<OperatorCard> =>
        makeCard({ operator, ...(expires === undefined ? {} : { expires }), ...spec })
      if (this.#mess() && random.chance(0.2)) return []
      const first = card({})
      if (!this.#mess() || random.chance(0.6)) return [first]
      const second = `${operator}2`
      const follows = first.body
      const next = (keys: string[], more: Partial<CardSpec> = {}) =>
        card({ version: 2, keys: keys.map(keyOf), follows, ...more })
      const kept = next([operator, second])
      const other = next([second], { word: 'other' })
      return random.pick([
        // Another card of the same version.
        [first, card({ word: 'other', keys: [keyOf(random.pick([operator, second]))] })],
        // A new card that keeps the key, and one that drops it.
        [first, kept],
        [first, next([second])],
        // One that drops the key and says where its log ends.
        [first, next([second], { revocations: [this.#revocation(operator)] })],
        // Two that follow the same, and one that follows one of them.
        [first, kept, other],
        [first, kept, other, card({ version: 3, keys: [keyOf(second)], follows: kept.body })],
        // One whose predecessor is not here, and one that another root key agreed to.
        [first, card({ version: 3, keys: [keyOf(second)], follows: kept.body })],
        [first, next([second], { follows: { ...follows, rootKey: STOLEN_ROOT } })],
        // A new root key, and a card after it.
        [
          first,
          next([operator], { rootKey: STOLEN_ROOT }),
          card({
            version: 3,
            keys: [keyOf(second)],
            follows: next([operator], { rootKey: STOLEN_ROOT }).body,
          }),
        ],
        // A key that somebody else has too.
        [card({ keys: [keyOf(operator), keyOf(random.pick(OPERATORS))] })],
        // Cards that do not list the key which signed them.
        [{ ...first, key: keyOf('x') }],
        [first, { ...next([second]), key: keyOf('x') }],
      ])
    })
    return cards
  }

  #revocation(operator: string): Revocation {
    const origin = `rebuildnet.dev/log/${operatorId(operator)}/${keyOf(operator)}/0`
    return { origin, size: 1, root: hex('root of a log') }
  }

  #policy(cards: readonly SignedStatement<OperatorCard>[]): Policy {
    const random = this.#random
    const threshold = random.pick([1, 2, 2, 2, 3])
    const trusted = OPERATORS.slice(0, random.pick([0, 1, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5]))
    const grouped = random.chance(0.5)
    const operators = [...trusted, ...(random.chance(0.1) ? ['maker'] : [])]
    return parsePolicy(
      {
        threshold,
        max_dissent: random.integer(threshold),
        ...(random.chance(0.5) ? { max_silent: random.integer(3) } : {}),
        ...(random.chance(0.3) ? { max_age: '24h' } : {}),
        ...(grouped ? { min_groups: random.pick([0, 1, 2, 2, 3]) } : {}),
        accept: random.pick(['exact', 'normalized', 'normalized', 'normalized', 'rootfs']),
        count_unstable: random.chance(0.8),
        count_emulated: random.chance(0.3),
        ...(random.chance(0.03) ? { min_blind: 1 } : {}),
        freshness: random.chance(0.5) ? 'off' : 'required',
        operator: operators.map((name) => ({
          id: operatorId(name),
          ...(grouped ? { groups: GROUPS.filter(() => random.chance(0.5)) } : {}),
          ...this.#pin(name, cards),
        })),
        image: random.chance(0.15)
          ? [
              {
                match: random.pick(['ghcr.io/acme/*', 'ghcr.io/**', 'ghcr.io/*', IMAGE]),
                ...(random.chance(0.7) ? { repository: MIRROR } : {}),
                ...(random.chance(0.5) ? { threshold: 2, max_dissent: 0 } : {}),
              },
            ]
          : [],
      },
      nodeCrypto,
    )
  }

  #pin(name: string, cards: readonly SignedStatement<OperatorCard>[]): { card?: string } {
    if (!this.#mess() || this.#random.chance(0.5)) return {}
    const own = cards.filter(({ body }) => body.operator === operatorId(name))
    return { card: this.#random.pick([hex('no such card'), ...own.map((c) => c.body.cardDigest)]) }
  }

  #projects(): DecideInput['projects'] {
    const random = this.#random
    const announcers = random.chance(0.7) ? ['maker'] : ['maker', 'helper']
    const own = makeProject({ announcers: announcers.map(operatorId) })
    if (this.#mess() && random.chance(0.3)) return []
    return [
      own,
      ...(random.chance(0.3) ? [makeProject({ ...own, image: MIRROR })] : []),
      ...(this.#mess() ? [makeProject({ profile: OTHER_PROFILE })] : []),
      ...(this.#mess() ? [makeProject({ source: `${SOURCE}-fork` })] : []),
    ]
  }

  #release(first: boolean): SignedStatement<Release> {
    const random = this.#random
    const odd = !first || this.#mess()
    const published = odd ? random.pick([D, D, D, manifest('E'), undefined]) : D
    const several = [{ name: 'buildah' }, { name: 'docker' }] as const
    return makeRelease({
      sid: this.#sid(),
      announcer: odd ? random.pick(['maker', 'maker', 'helper', 'maker2', 'x', 'a']) : 'maker',
      image: odd && random.chance(0.2) ? random.pick([MIRROR, 'ghcr.io/acme/other']) : IMAGE,
      version: random.pick(VERSIONS),
      commit: odd ? random.pick(['one', 'one', 'two']) : 'one',
      source: odd && random.chance(0.1) ? `${SOURCE}-fork` : SOURCE,
      builders: random.chance(0.15) ? several : [several[0]],
      platforms:
        odd && random.chance(0.1)
          ? { [OTHER_PLATFORM]: published }
          : { [PLATFORM]: published, [OTHER_PLATFORM]: manifest('arm') },
      announced: NOW - random.integer(100_000),
    })
  }

  #rebuilds(releases: readonly SignedStatement<Release>[]): SignedStatement<Rebuild>[] {
    const random = this.#random
    const rebuilds: SignedStatement<Rebuild>[] = []
    if (releases.length === 0) return rebuilds
    for (const by of [...OPERATORS, ...STRANGERS]) {
      const times = random.chance(0.85) ? (random.chance(0.15) || this.#mess() ? 2 : 1) : 0
      for (let i = 0; i < times; i++) {
        const own = rebuilds.filter(({ key }) => key === keyOf(by))
        rebuilds.push(this.#rebuild(by, releases, random.chance(0.5) ? own : rebuilds))
      }
    }
    return rebuilds
  }

  #rebuild(
    by: string,
    releases: readonly SignedStatement<Release>[],
    earlier: readonly SignedStatement<Rebuild>[],
  ): SignedStatement<Rebuild> {
    const random = this.#random
    const { otherMapping, mess } = this.#temper
    const release = random.chance(0.75)
      ? (releases[0] ?? random.pick(releases))
      : random.pick(releases)
    const platform = random.chance(0.97) ? PLATFORM : OTHER_PLATFORM
    const published = release.body.platforms.find((p) => p.platform === platform)?.manifestDigest
    const supersedes =
      earlier.length > 0 && random.chance(mess + 0.03) ? [random.pick(earlier).sid] : []
    const says = random.chance(otherMapping)
      ? random.pick(['w', 'w', 'w', 'v', 'error', 'error', 'unfetched', 'whole'])
      : random.pick(['v', 'v', 'v', 'v', 'v', 'v', 'v', 'v', 'v', 'unfetched'])
    return makeRebuild({
      by,
      key: keyOf(this.#mess() && random.chance(0.4) ? `${by}2` : by),
      sid: this.#sid(),
      release,
      platform,
      outcome: this.#outcome(),
      published: publishedAs(published, says),
      emulated: random.chance(mess),
      supersedes,
      ...(this.#mess() && random.chance(0.3) ? { override: this.#flaw() } : {}),
    })
  }

  #outcome(): Outcome {
    const random = this.#random
    const { otherBuild, failing } = this.#temper
    if (random.chance(failing)) return random.pick([UNSTABLE, UNSTABLE, FAILED, DISK_FULL])
    const word = random.chance(otherBuild) ? random.pick(['w', 'w', 'z', 'error']) : 'v'
    const exact = word === 'v' && random.chance(0.6) ? D : manifest(`${word}${random.integer(2)}`)
    const value = levelValue(word)
    // Trees agree more often than layers do.
    const rootfs = word !== 'v' && random.chance(0.2) ? levelValue('v') : value
    const layers = word === 'v' && random.chance(otherBuild / 2) ? levelValue('z') : value
    return {
      kind: 'built',
      rebuilt: { manifestDigest: exact, normalizedDigest: layers, rootfsDigest: rootfs },
    }
  }

  /** What makes a rebuild none of its release, or of another cell. */
  #flaw(): Partial<Rebuild> {
    return this.#random.pick<Partial<Rebuild>>([
      { inputDigest: hex('another input') },
      { publishedDigest: manifest('E') },
      { commit: hex('commit other').slice(0, 40) },
      { release: hex('no such release') },
      { image: MIRROR },
      { platform: OTHER_PLATFORM },
      { profile: OTHER_PROFILE },
    ])
  }

  #withdrawal(targets: readonly SignedStatement[]): SignedStatement {
    const random = this.#random
    if (targets.length === 0) return makeWithdrawal('a', hex('nothing'), { sid: this.#sid() })
    const target = random.pick(targets)
    const own = random.chance(0.8)
    const key = own ? target.key : keyOf(random.pick([...OPERATORS, ...ANNOUNCERS, ...STRANGERS]))
    return makeWithdrawal('', target.sid, { key, sid: this.#sid() })
  }

  #view(sids: readonly string[]): LogView {
    const random = this.#random
    if (random.chance(0.4)) return uncheckedView
    const unlucky = this.#mess() || random.chance(0.1)
    const some = (items: readonly string[], probability: number): Set<string> =>
      new Set(items.filter(() => unlucky && random.chance(probability)))
    const uncounted = some(sids, 0.15)
    const equivocators = some([...OPERATORS, ...ANNOUNCERS].map(operatorId), 0.15)
    const times = new Map(
      OPERATORS.map((name) => [
        operatorId(name),
        unlucky || random.chance(0.05)
          ? random.pick([
              NOW - 3600,
              NOW - 86_400,
              NOW - 90_000,
              NOW - 200_000,
              NOW + 601,
              undefined,
            ])
          : NOW - random.integer(80_000),
      ]),
    )
    return {
      checked: true,
      isCounted: (sid) => !uncounted.has(sid),
      isBelow: () => false,
      completeUpTo: (operator, image) =>
        image === MIRROR && unlucky ? NOW - 100_000 : times.get(operator),
      isEquivocator: (operator) => equivocators.has(operator),
      clockSuspect: unlucky && random.chance(0.2),
    }
  }
}

function levelValue(word: string): LevelDigest {
  return word === 'error' ? { error: 'layer-too-large' } : normalized(word)
}

function publishedAs(digest: string | undefined, says: string): Rebuild['published'] {
  if (digest === undefined || says === 'unfetched') return { unfetched: true }
  if (says === 'whole') return { error: 'layer-too-large' }
  const value = levelValue(says)
  return { manifestDigest: digest, normalizedDigest: value, rootfsDigest: value }
}
