/** Statements that speak of one another across inputs, images, platforms and operators. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { parsePolicy, type Policy } from '../../protocol/policy.ts'
import { parseProject } from '../../protocol/project.ts'
import type { Question } from '../../protocol/verdict/answer.ts'
import type { SeededRandom } from './seeded-random.ts'
import {
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  operatorOf,
  TEST_IMAGE,
  TEST_TIME,
} from './statements.ts'

export const MIRROR = 'mirror.example/project/app'
const OTHER_IMAGE = 'registry.example/project/other'
export const DIGESTS = ['good', 'bad', 'ugly']
export const PLATFORMS = ['linux/amd64', 'linux/arm64']

export function mapped({ repository }: Question, policy: Policy): Set<string> {
  return new Set([repository, ...policy.images.flatMap((each) => each.repository ?? [])])
}

export const announcers = ['maker', 'helper'].map((name) => makeOperator(name))
export const rebuilders = ['a', 'b', 'c', 'd'].map((name) => makeOperator(name))
export const stranger = makeOperator('x')
export const policy = parsePolicy(
  {
    threshold: 2,
    freshness: 'off',
    operator: rebuilders.map(({ id }) => ({ id })),
    image: [{ match: MIRROR, repository: TEST_IMAGE }],
  },
  nodeCrypto,
)
export const project = parseProject({
  format: 1,
  image: TEST_IMAGE,
  platforms: PLATFORMS,
  source: 'git+https://git.example/project/app',
  announcers: announcers.map(({ id }) => id),
  recipe: { builders: [{ name: 'buildah', version: '1.28' }] },
})

export class StatementMaker {
  readonly #random: SeededRandom
  /** How often somebody gets something else. */
  readonly #trouble: number
  readonly #releases = [makeRelease({ operator: makeOperator('maker') })]
  readonly #all: CreatedStatement[] = [...this.#releases]

  constructor(random: SeededRandom) {
    this.#random = random
    this.#trouble = random.pick([0, 0.05, 0.5])
  }

  make(): CreatedStatement {
    const made = this.#make()
    this.#all.push(made)
    return made
  }

  #make(): CreatedStatement {
    const random = this.#random
    const choice = random.integer(20)
    if (choice < 4) return this.#release()
    if (choice < 6) return random.pick([...announcers, ...rebuilders, stranger]).card
    if (choice < 8) {
      const withdraws = random.pick(this.#all)
      const own = operatorOf(withdraws.statement.key)
      return makeWithdrawal({
        withdraws,
        operator: random.chance(0.1) || own === undefined ? random.pick(rebuilders) : own,
        image: random.pick([TEST_IMAGE, TEST_IMAGE, TEST_IMAGE, MIRROR, OTHER_IMAGE]),
      })
    }
    const rebuild = this.#rebuild()
    return choice === 8 ? makeCommitment(rebuild, { operator: random.pick(rebuilders) }) : rebuild
  }

  #release(): CreatedStatement {
    const random = this.#random
    const release = makeRelease({
      operator: random.pick([...announcers, ...announcers, stranger]),
      image: random.pick([TEST_IMAGE, TEST_IMAGE, TEST_IMAGE, MIRROR, OTHER_IMAGE]),
      version: random.pick(['1.0.0', '1.0.1', '2.0.0']),
      published: random.pick([...DIGESTS, 'good', undefined]),
      platform: random.pick(PLATFORMS),
      announced: TEST_TIME + random.integer(100),
    })
    this.#releases.push(release)
    return release
  }

  #rebuild(): ReturnType<typeof makeRebuild> {
    const random = this.#random
    const release = random.pick(this.#releases)
    const earlier = this.#all.filter(({ statement }) => statement.body.kind === 'rebuild')
    return makeRebuild({
      operator: random.pick([...rebuilders, ...rebuilders, stranger]),
      // Most results are of the release that most questions are about.
      release: random.chance(0.5) ? (this.#releases[0] ?? release) : release,
      digest: random.chance(this.#trouble) ? random.pick(DIGESTS) : 'good',
      maps: random.chance(this.#trouble) ? random.pick(['bad', false]) : 'good',
      finished: TEST_TIME + 200 + random.integer(1_000),
      supersedes:
        earlier.length > 0 && random.chance(0.2) ? [random.pick(earlier).statement.sid] : [],
      ...(random.chance(0.1) ? { release: random.pick(this.#releases) } : {}),
    })
  }
}
