/** What the tally reads by index decides every question as all statements of its images would. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { TallyEvidence, type EvidenceStore } from '../../node/tally-evidence.ts'
import { Tally } from '../../node/tally.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { parsePolicy, type Policy } from '../../protocol/policy.ts'
import { parseProject } from '../../protocol/project.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Question } from '../../protocol/verdict/answer.ts'
import { decide } from '../../protocol/verdict/decide.ts'
import { uncheckedView } from '../../protocol/verdict/log-view.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import {
  imageDigests,
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  operatorOf,
  TEST_IMAGE,
  TEST_TIME,
} from '../support/statements.ts'
import { temporaryStore } from '../support/temporary-store.ts'
import { generateCase } from '../support/verdict-generator.ts'

const CASES = 2_000
const STORES = 10
const STATEMENTS = 60
const MIRROR = 'mirror.example/project/app'
const OTHER_IMAGE = 'registry.example/project/other'
const DIGESTS = ['good', 'bad', 'ugly']
const PLATFORMS = ['linux/amd64', 'linux/arm64']

/** The statements of one generated case, as a store gives them. */
function storeOf(statements: readonly SignedStatement[]): EvidenceStore {
  const of = (image: string, kind: string): never[] =>
    statements.filter(
      ({ body }) => body.kind === kind && (body.kind === 'operator' ? '' : body.image) === image,
    ) as never[]
  return {
    ofImage: async (image: string, kind: string) => of(image, kind),
    ofInput: async (input: string) =>
      statements.filter(({ body }) => 'inputDigest' in body && body.inputDigest === input) as never,
    cards: async () => of('', 'operator'),
    revisionOf: () => '',
  }
}

function mapped({ repository }: Question, policy: Policy): Set<string> {
  return new Set([repository, ...policy.images.flatMap((each) => each.repository ?? [])])
}

const announcers = ['maker', 'helper'].map((name) => makeOperator(name))
const rebuilders = ['a', 'b', 'c', 'd'].map((name) => makeOperator(name))
const stranger = makeOperator('x')
const policy = parsePolicy(
  {
    threshold: 2,
    freshness: 'off',
    operator: rebuilders.map(({ id }) => ({ id })),
    image: [{ match: MIRROR, repository: TEST_IMAGE }],
  },
  nodeCrypto,
)
const project = parseProject({
  format: 1,
  image: TEST_IMAGE,
  platforms: PLATFORMS,
  source: 'git+https://git.example/project/app',
  announcers: announcers.map(({ id }) => id),
  recipe: { builders: [{ name: 'buildah', version: '1.28' }] },
})

/** Statements that speak of one another across inputs, images, platforms and operators. */
class Maker {
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

describe('what the tally reads', () => {
  it(`decides ${CASES} generated cases as everything would`, async () => {
    for (let seed = 0; seed < CASES; seed++) {
      const input = generateCase(seed)
      const evidence = new TallyEvidence({
        statements: storeOf(input.statements),
        crypto: nodeCrypto,
      })
      const statements = await evidence.about(input.question, input.policy)
      const images = mapped(input.question, input.policy)
      const all = input.statements.filter(
        ({ body }) => body.kind === 'operator' || images.has(body.image),
      )
      expect(decide({ ...input, statements }), `seed ${seed}`).toEqual(
        decide({ ...input, statements: all }),
      )
    }
  })

  it('gives the answers that all statements of a store would, at any time while it fills', async () => {
    const verdicts = new Set<string>()
    for (let seed = 0; seed < STORES; seed++) {
      const random = new SeededRandom(seed)
      const maker = new Maker(random)
      const { statements } = await temporaryStore()
      const tally = new Tally({
        statements,
        policy: () => policy,
        projects: () => [project],
        incomplete: () => false,
        view: () => uncheckedView,
        now: () => TEST_TIME + 3600,
        crypto: nodeCrypto,
        changed: async () => undefined,
        failed: (error) => expect.unreachable(String(error)),
      })
      for (const { card } of [...announcers, ...rebuilders]) {
        if (random.chance(0.8)) await statements.put(card.bytes)
      }
      for (let i = 0; i < STATEMENTS; i++) {
        await statements.put(maker.make().bytes)
        const question = {
          repository: random.pick([TEST_IMAGE, TEST_IMAGE, MIRROR]),
          digest: imageDigests(random.pick(['good', 'good', ...DIGESTS])).manifestDigest,
          platform: random.pick(PLATFORMS),
        }
        const images = [...mapped(question, policy)]
        const all = await Promise.all(images.map((image) => statements.ofImage(image)))
        const expected = decide({
          question,
          statements: [...all.flat(), ...(await statements.cards())],
          projects: [project],
          policy,
          view: uncheckedView,
          now: TEST_TIME + 3600,
          crypto: nodeCrypto,
        })
        verdicts.add(expected.verdict)
        expect(await tally.answer(question), `seed ${seed}, ${i}`).toEqual(expected)
        // Kept, and the same.
        expect(await tally.answer(question), `seed ${seed}, ${i} again`).toEqual(expected)
      }
    }
    expect([...verdicts].sort()).toEqual([
      ...['contradicted', 'diverged', 'pending', 'reproduced', 'unknown'],
    ])
  })
})
